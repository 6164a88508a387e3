"""Chapter 01: its picture counts what `fit` does, obeys the lab's rules, and its checks name each mistake."""

import asyncio
import itertools
import math
import time

import numpy as np
import pytest

import batchlab as bl
from batchlab.course import ch01_count
from batchlab.course.ch01_count import lab as counting

# -------------------------------------------------------------------------------------------------------- the exercises


def said(key, answer):
    return repr(bl.quiz.exercise(key).check(answer))


@pytest.mark.parametrize(
    "answer",
    [
        ch01_count.count_updates,
        lambda n, batch_size, num_epochs: math.ceil(n / batch_size) * num_epochs,
        lambda n, batch_size, num_epochs: num_epochs * np.ceil(n / batch_size),
        lambda n, batch_size, num_epochs: num_epochs * len(range(0, n, batch_size)),
        lambda n, batch_size, num_epochs: num_epochs * ((n + batch_size - 1) // batch_size),
    ],
    ids=["solution", "math", "a float", "range", "add and floor"],
)
def test_right_counts_pass(answer):
    assert said("01.count_updates", answer).startswith("Right")


WRONG_COUNTS = {
    "floor": (lambda n, b, e: e * (n // b), "smaller batch of each epoch is forgotten"),
    "always one more": (lambda n, b, e: e * (n // b + 1), "no smaller batch to add"),
    "not rounded": (lambda n, b, e: n * e / b, "division without rounding"),
    "rounded once": (lambda n, b, e: math.ceil(n * e / b), "across the border"),
    "floor of all": (lambda n, b, e: n * e // b, "all epochs together and rounds down"),
    "one epoch": (lambda n, b, e: math.ceil(n / b), "Multiply by the number of epochs"),
    "epochs": (lambda n, b, e: e, "that is the number of epochs"),
    "swapped": (lambda n, b, e: e * math.ceil(b / n), "not the other way round"),
    "swapped floor": (lambda n, b, e: e * (b // n), "are swapped"),
    "size is number": (lambda n, b, e: b * e, "not the number of batches"),
    "samples": (lambda n, b, e: n * e, "samples seen"),
    "anything": (lambda n, b, e: 7, "batches of 4, 4, 2 samples"),
    "a list": (lambda n, b, e: [b] * e, "Return one number"),
    "nothing": (lambda n, b, e: None, "nothing is filled in"),
}


@pytest.mark.parametrize("name", WRONG_COUNTS)
def test_wrong_counts_are_told_why(name):
    answer, words = WRONG_COUNTS[name]
    text = said("01.count_updates", answer)
    assert text.startswith("Not yet")
    assert words in text


def listed(order, batch_size):
    return [list(order[start : start + batch_size]) for start in range(0, len(order), batch_size)]


def popping(order, batch_size):
    order = list(order)
    while order:
        yield [order.pop(0) for _ in range(min(batch_size, len(order)))]


@pytest.mark.parametrize("answer", [ch01_count.epoch_batches, listed, popping])
def test_right_loops_pass(answer):
    assert said("01.epoch_batches", answer).startswith("Right")


def drawn_anew(order, batch_size):
    rng = np.random.default_rng(0)
    return [rng.choice(order, size) for size in map(len, listed(order, batch_size))]


def filled_up(order, batch_size):
    return [np.resize(order, len(order) + batch_size)[s : s + batch_size] for s in range(0, len(order), batch_size)]


def with_an_empty_one(order, batch_size):
    return [order[i * batch_size : (i + 1) * batch_size] for i in range(len(order) // batch_size + 1)]


WRONG_LOOPS = {
    "forgets the last": (lambda o, b: [o[i * b : (i + 1) * b] for i in range(len(o) // b)], "last batch is forgotten"),
    "size is number": (np.array_split, "not the number of batches"),
    "sorted": (lambda o, b: listed(sorted(o), b), "do not sort or shuffle"),
    "shuffled": (lambda o, b: listed(np.random.default_rng(3).permutation(o), b), "do not sort or shuffle"),
    "drawn anew": (drawn_anew, "not at all"),
    "overlapping": (lambda o, b: [o[i : i + b] for i in range(len(o))], "the batches overlap"),
    "filled up": (filled_up, "filled up with samples that were used already"),
    "an empty one": (with_an_empty_one, "one batch is empty"),
    "positions": (lambda o, b: listed(range(len(o)), b), "these are positions"),
    "flat": (lambda o, b: list(o), "Each batch must hold samples"),
    "a number": (lambda o, b: len(o) // b, "Return a list of batches"),
    "the first only": (lambda o, b: [o[:b]], "are not used in this epoch"),
    "other sizes": (lambda o, b: [o[:1], *listed(o[1:], b)], "the batches have other sizes"),
    "endless": (lambda o, b: (o[:b] for _ in itertools.count()), "times in one epoch"),
    "nothing": (lambda o, b: None, "nothing is filled in"),
    "yields nothing": (lambda o, b: (... for _ in range(2)), "nothing is filled in"),
}


@pytest.mark.parametrize("name", WRONG_LOOPS)
def test_wrong_loops_are_told_why(name):
    answer, words = WRONG_LOOPS[name]
    text = said("01.epoch_batches", answer)
    assert text.startswith("Not yet")
    assert words in text


def test_the_questions_have_the_answers_that_fit_gives():
    right = list(bl.quiz.ask("01.updates").question.options)[4]
    assert right == f"{bl.fit(bl.data.noisy_sine(n=50), batch_size=6, num_epochs=3).iterations[-1]} times"
    right = list(bl.quiz.ask("01.label").question.options)[2]
    assert right == f"{bl.fit(bl.data.noisy_sine(n=250), batch_size=10, num_epochs=100).iterations[-1]:,}"


# ---------------------------------------------------------------------------------------------------------- the picture


@pytest.fixture
def lab():
    lab = ch01_count.Counting()
    yield lab
    lab.close()


def press(lab, name):
    next(button for button in lab._buttons if button.description == name).click()


def marked(lab):
    """The samples that the grid shows in the batch of this iteration."""
    bold = [mark for mark in lab._marks if mark.get_weight() == "bold"]
    return {lab._marks.index(mark) for mark in bold if mark.get_text() == str(lab.done)}


@pytest.mark.parametrize(("samples", "batch_size"), [(50, 6), (12, 3), (7, 7), (5, 1), (100, 64)])
def test_it_shows_the_batches_that_fit_uses(lab, samples, batch_size):
    lab.samples.value, lab.batch_size.value, lab.epochs.value = samples, batch_size, 2
    run, shares = ch01_count.watch(samples, batch_size, 2)
    assert lab.total == run.iterations[-1] == len(shares)
    for row in shares:
        press(lab, "step")
        assert marked(lab) == set(np.flatnonzero(row))


def test_words_say_what_the_picture_shows(lab):
    assert lab.words().startswith("batch size 6, epoch 0, iteration 0: nothing is used yet")
    lab.go_to(16)
    assert lab.words() == (
        "batch size 6, epoch 2, iteration 16: this batch is the 7th of 9 in this epoch and has 6 samples. In this "
        "epoch 42 of 50 samples have been used."
    )
    assert 'aria-live="polite"' in lab.status.value
    assert lab.words() in lab.status.value
    lab.go_to(27)
    assert "has 2 samples, fewer than the others" in lab.words()
    assert "Epoch 3 is complete: every sample was used once in it. This is the last iteration." in lab.words()


def test_steps_play_and_start_over(lab):
    press(lab, "step")
    assert lab.done == 1
    press(lab, "next epoch")
    assert lab.done == 9
    press(lab, "next epoch")
    assert lab.done == 18
    press(lab, "start over")
    assert lab.done == 0
    press(lab, "play")  # without a running loop there is no pace
    assert lab.done == 27
    assert not lab.busy
    press(lab, "step")
    assert lab.done == 27
    press(lab, "play")
    assert lab.done == 27  # from the start to the end again
    lab.batch_size.value = 9
    assert (lab.done, lab.total, lab.per_epoch) == (0, 18, 6)


def test_fewer_samples_take_the_batch_size_along(lab):
    lab.batch_size.value = 40
    lab.samples.value = 10
    assert (lab.batch_size.value, lab.total) == (10, 3)
    lab.samples.value = 100
    with pytest.raises(ValueError, match="batch size is 0"):  # loud in the tests; a reader reads:
        lab.batch_size.box.value = "0"
    assert "batch size is 0; it must be a whole number from 1 to 100" in lab.message.value
    assert lab.batch_size.value == 10


def test_it_is_locked_until_the_prediction():
    lab = ch01_count.Counting(locked=True)
    assert all(button.disabled for button in lab._buttons)
    assert lab.batch_size.slider.disabled
    for words in (lab.words(), lab.status.value, lab.counters.value, lab._tally.get_text()):
        assert "27" not in words
        assert "9" not in words
    assert not lab._blocks.get_paths()
    bl.quiz.ask("01.updates", unlocks=lab).skip()
    assert not lab.batch_size.slider.disabled
    assert len(lab._blocks.get_paths()) == 27
    press(lab, "step")
    assert lab.done == 1
    lab.close()


def test_frames_are_small(lab):
    sizes = []
    for samples, batch_size, epochs in [(50, 6, 3), (100, 7, 8), (100, 5, 3), (100, 1, 8), (100, 13, 8), (60, 3, 3)]:
        lab.samples.value, lab.batch_size.value, lab.epochs.value = samples, batch_size, epochs
        for at in (0, lab.total // 2, lab.total):
            lab.go_to(at)
            sizes.append(len(lab.picture.png))
    assert max(sizes) <= 15_000


def test_it_has_a_still_picture_with_words(lab):
    data, about = lab._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert "iteration 18" in about["image/png"]["alt"]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(counting, "STEP_SECONDS", 0.05)


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


def test_playing_has_a_pace_that_newer_settings_do_not_wait_for(monkeypatch):
    async def main():
        lab = ch01_count.Counting()
        monkeypatch.setattr(counting, "STEP_SECONDS", 30.0)
        press(lab, "play")
        await until(lambda: lab.done == 1)
        await asyncio.sleep(0.05)
        assert lab.busy
        assert lab.done == 1
        assert len(asyncio.all_tasks()) == 1  # nothing runs, nothing polls: a timer is all there is
        assert lab._buttons[0].description == "pause"
        monkeypatch.setattr(counting, "STEP_SECONDS", 0.01)
        began = time.perf_counter()
        lab.batch_size.value = 25
        await until(lambda: not lab.busy)  # plays on, from the start, at the new setting
        assert lab.done == lab.total == 6
        assert time.perf_counter() - began < 5
        assert lab._buttons[0].description == "play"
        lab.close()

    asyncio.run(main())


def test_playing_takes_its_time_and_pauses(quick):
    async def main():
        lab = ch01_count.Counting()
        await until(lambda: not lab.busy)
        began = time.perf_counter()
        press(lab, "play")
        await until(lambda: lab.done == 4)
        assert time.perf_counter() - began > 3 * 0.05
        press(lab, "pause")
        await until(lambda: not lab.busy)
        at = lab.done
        await asyncio.sleep(0.15)
        assert lab.done == at
        press(lab, "step")
        press(lab, "step")
        await until(lambda: not lab.busy)
        assert lab.done == at + 2
        press(lab, "play")
        await until(lambda: lab.done == at + 3)  # it goes on from there
        lab.close()

    asyncio.run(main())


def test_a_picture_is_of_one_setting_though_controls_move_on():
    async def main():
        lab = ch01_count.Counting()
        await until(lambda: not lab.busy)
        lab.samples.value, lab.epochs.value = 51, 4  # as another thread would, in the middle of a frame
        lab.show()
        assert lab.total == 27
        await until(lambda: not lab.busy)
        assert lab.total == 4 * 9
        lab.close()

    asyncio.run(main())
