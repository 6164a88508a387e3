"""What the tests of every chapter say: of exercises and of pictures."""

from batchlab.live.picture import DPI


def has_its_own_words(check, mistakes, mistake):
    """A typical mistake is told in words that no other gets; `mistakes` are pairs of an answer and what it is told."""
    answer, told = mistakes[mistake]
    words = check(answer)
    assert not words
    assert repr(words).startswith("Not yet: ")
    assert told in repr(words)
    assert not [name for name, (_, other) in mistakes.items() if name != mistake and other in repr(words)]


def static_picture(shown):
    """The text and the alternative text of what stands where no kernel runs, beside a PNG."""
    bundle, metadata = shown._repr_mimebundle_()
    assert bundle["image/png"][:4] == b"\x89PNG"
    return bundle["text/plain"], metadata["image/png"]["alt"]


def readable(picture, points=11):
    """No text that is drawn is smaller than a back row can read where the page has the room, and none is cut off."""
    for head, places in picture.stand() + picture.move():
        if head[0] == "t":
            _, _, text, font, angle, width = head
            across, down = (width, 0) if angle == 0 else (0, width)
            (x, y), pixels = places[0], float(font.split()[-1][:-2])
            assert pixels * 72 / DPI >= points - 0.01, text
            assert 0 <= x <= x + across <= picture.width, text
            assert pixels / 2 <= y - down <= y <= picture.height, text
