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

from ..live.page import Page, compilations, kernel, settled
from . import labs

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


@pytest.fixture
def page(lab):
    return Page(lab)


def grid_numbers(lab):
    """The texts of the squares, and the samples whose number is bold."""
    marks = lab._samples.artists[2:-1]
    return [mark.get_text() for mark in marks], {i for i, m in enumerate(marks) if m.get_weight() == "bold"}


def blocks(lab):
    """How many blocks of the plan have been used, and how many are the present one."""
    return [len(artist.get_path().vertices) // 5 for artist in lab._blocks.artists[:2]]


@pytest.mark.parametrize(("samples", "batch_size"), [(50, 6), (12, 3), (7, 7), (5, 1), (100, 64)])
def test_it_shows_the_batches_that_fit_uses(lab, page, samples, batch_size):
    lab.samples, lab.batch_size, lab.epochs = samples, batch_size, 2
    run, shares = ch01_count.watch(samples, batch_size, 2)
    assert lab.total == run.iterations[-1] == len(shares)
    for done, row in enumerate(shares, start=1):
        page.press("step")
        texts, bold = grid_numbers(lab)
        assert bold == set(np.flatnonzero(row))
        assert {texts[i] for i in bold} == {str(done)}
        assert blocks(lab) == [done - 1, 1]
        assert page.values["iteration"] == done


def test_words_say_what_the_picture_shows(lab, page):
    assert page.words.startswith("batch size 6, epoch 0, iteration 0: nothing is used yet")
    lab.iteration = 16
    assert page.words == (
        "batch size 6, epoch 2, iteration 16: this batch is the 7th of 9 in this epoch and has 6 samples. In this "
        "epoch 42 of 50 samples have been used."
    )
    assert "epoch 2: 42 of 50 samples used" in page.texts()
    assert any(text.startswith("iteration 16 of 27") for text in page.texts())
    assert lab.frame["facts"][1] == "3 epochs = 27 iterations"
    lab.iteration = 27
    assert "has 2 samples, fewer than the others" in page.words
    assert "Epoch 3 is complete: every sample was used once in it. This is the last iteration." in page.words


def test_steps_play_and_start_over(lab, page):
    page.press("step")
    assert lab.iteration == 1
    page.press("next_epoch")
    assert lab.iteration == 9
    page.press("next_epoch")
    assert lab.iteration == 18
    page.press("start_over")
    assert lab.iteration == 0
    page.press("play")  # without a running loop there is no pace
    assert lab.iteration == 27
    assert not lab.busy
    assert page.row("play")["label"] == "play"
    page.press("step")
    assert lab.iteration == 27
    page.press("play")
    assert lab.iteration == 27  # from the start to the end again
    page.wish(batch_size=9)
    assert (lab.iteration, lab.total, lab.done) == (0, 18, 0)
    assert page.row("iteration")["high"] == 18


def test_the_iteration_is_a_slider_and_a_setting(lab, page):
    page.wish(iteration=9)
    assert page.words.startswith("batch size 6, epoch 1, iteration 9: ")
    with pytest.raises(ValueError, match="iteration is 28; it must be a whole number from 0 to 27"):
        lab.iteration = 28
    assert ch01_count.Counting(iteration=16).words() != lab.words()
    page.wish(samples=60, iteration=30)  # together, so that the new plan is meant
    assert (lab.iteration, lab.total) == (30, 30)
    with lab.aside():
        lab.batch_size, lab.iteration = 10, 18
        assert lab.outcome()["words"].startswith("batch size 10, epoch 3, iteration 18: ")
    assert page.words.startswith("batch size 6, epoch 3, iteration 30: ")


def test_fewer_samples_take_the_batch_size_along(lab, page):
    lab.batch_size = 40
    page.wish(samples=10)
    assert (lab.batch_size, lab.total) == (10, 3)
    assert page.values["batch_size"] == 10
    lab.samples = 100
    with pytest.raises(ValueError, match="batch size is 0; it must be a whole number from 1 to 100"):
        lab.batch_size = 0
    with pytest.raises(ValueError, match="samples N is 101; it must be a whole number from 1 to 100"):
        lab.samples = 101
    page.wish(batch_size=0)
    assert "batch size is 0; it must be a whole number from 1 to 100" in page.message
    assert lab.frame["refused"] == {"batch_size": 0}
    assert lab.batch_size == 10
    page.wish(batch_size=11)
    assert page.message == ""


@pytest.mark.parametrize(
    "wrong", [{"samples": 101}, {"samples": 4}, {"batch_size": 51}, {"epochs": 9}, {"seed": -1}, {"iteration": 28}]
)
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ValueError, match="must be a whole number"):
        ch01_count.Counting(**wrong)


def test_it_is_locked_until_the_prediction():
    lab = ch01_count.Counting(locked=True)
    page = Page(lab)
    page.press("step")
    page.wish(batch_size=9)
    assert lab.rows["locked"]
    assert (lab.iteration, lab.batch_size) == (0, 6)
    for words in (page.words, *lab.frame["facts"], *page.texts(), page.message):
        assert "27" not in words
        assert "9" not in words
    assert "the batches: predict first" in page.texts()
    assert blocks(lab) == [0, 0]
    bl.quiz.ask("01.updates", unlocks=lab).skip()
    assert not lab.rows["locked"]
    assert "the batches: predict first" not in page.texts()
    assert "27" in page.texts()
    page.press("step")
    assert lab.iteration == 1
    assert page.message == ""
    lab.close()


def test_frames_are_small(lab):
    for samples, batch_size, epochs in [(50, 6, 3), (100, 7, 8), (100, 5, 3), (100, 1, 8), (100, 13, 8), (60, 3, 3)]:
        lab.samples, lab.batch_size, lab.epochs = samples, batch_size, epochs
        for at in (0, lab.total // 2, lab.total):
            lab.iteration = at
    assert max(lab.frame_bytes) <= 2_500


def test_no_text_is_small_and_all_lie_in_the_picture(lab):
    for room in (900, 380, 300):
        lab._fit(room)
        for samples, batch_size, epochs in [(50, 6, 3), (100, 1, 8), (100, 99, 8), (1, 1, 1)]:
            lab.samples, lab.batch_size, lab.epochs = samples, batch_size, epochs
            lab.iteration = lab.total
            labs.readable(lab.picture)


def test_it_has_a_still_picture_with_words():
    data, about = ch01_count.Counting(iteration=18)._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == "Counting epochs, batches and iterations"
    assert "iteration 18" in about["image/png"]["alt"]


def test_no_control_compiles_anything():
    with compilations() as names:
        lab = ch01_count.Counting()
        for samples, batch_size, epochs in [(50, 6, 3), (100, 7, 8), (3, 1, 1)]:
            lab.samples, lab.batch_size, lab.epochs = samples, batch_size, epochs
            lab.play()
    assert names == []


async def until(lab, condition, seconds=10):
    """Wait for something, as a page that sees every frame."""
    async with asyncio.timeout(seconds):
        while not condition():
            lab._acknowledged(lab, {"seen": lab.frame["count"]}, [])
            await asyncio.sleep(0.002)


def test_playing_has_a_pace_that_newer_settings_do_not_wait_for(monkeypatch):
    async def main():
        lab = ch01_count.Counting()
        page = Page(lab)
        monkeypatch.setattr(counting, "STEP_SECONDS", 30.0)
        page.press("play")
        await until(lab, lambda: lab.done == 1)
        await asyncio.sleep(0.05)
        assert lab.busy
        assert lab.done == 1
        assert len(asyncio.all_tasks()) == 1  # nothing runs, nothing polls: a timer is all there is
        assert page.row("play")["label"] == "pause"
        monkeypatch.setattr(counting, "STEP_SECONDS", 0.01)
        began = time.perf_counter()
        page.wish(batch_size=25)
        await until(lab, lambda: lab.done == 6)
        await settled(lab)  # plays on, from the start, at the new setting
        assert lab.iteration == lab.total == 6
        assert time.perf_counter() - began < 5
        assert page.row("play")["label"] == "play"
        lab.close()

    kernel(main)


def test_playing_takes_its_time_and_pauses(monkeypatch):
    monkeypatch.setattr(counting, "STEP_SECONDS", 0.05)

    async def main():
        lab = ch01_count.Counting()
        page = Page(lab)
        await settled(lab)
        began = time.perf_counter()
        page.press("play")
        await until(lab, lambda: lab.done == 4)
        assert time.perf_counter() - began > 3 * 0.05
        page.press("play")  # which is now called pause
        await settled(lab)
        at = lab.iteration
        await asyncio.sleep(0.15)
        assert lab.done == lab.iteration == at
        lab.step()
        lab.step()
        await settled(lab)
        assert lab.done == at + 2
        page.press("play")
        await until(lab, lambda: lab.done >= at + 5)  # it goes on from there
        page.wish(iteration=2)
        await until(lab, lambda: lab.done == 4)  # and from where its slider is put
        page.press("step")
        await settled(lab)
        assert lab.done in (5, 6)
        lab.close()

    kernel(main)


def test_a_picture_is_of_one_setting_though_controls_move_on():
    async def main():
        lab = ch01_count.Counting()
        await settled(lab)
        lab.samples, lab.epochs = 51, 4  # as another thread would, in the middle of a frame
        lab.show()
        assert lab.words().startswith("batch size 6, epoch 0, iteration 0: ")
        assert lab.plan[:3] == (50, 6, 3)
        await settled(lab)
        assert lab.plan[:3] == (51, 6, 4)
        assert lab.total == 4 * 9
        lab.close()

    kernel(main)


@pytest.mark.parametrize("name", ["samples", "batch_size", "epochs", "iteration"])
def test_every_slider_can_be_dragged_from_end_to_end(name):
    async def main():
        lab = ch01_count.Counting()
        page = Page(lab)
        await settled(lab)
        row = page.row(name)
        there = [*range(row["low"], row["high"] + 1)]
        for value in [*there, *reversed(there), *there]:
            page.wish(**{name: value})
            await asyncio.sleep(0.001)
        await settled(lab)
        assert (lab.error, page.message) == (None, "")
        assert page.values[name] == page.shows[name] == row["high"]
        assert page.words.startswith(f"batch size {lab.batch_size}, epoch ")
        assert f"iteration {lab.iteration}: " in page.words
        assert lab.plan[:3] == (lab.samples, lab.batch_size, lab.epochs)
        page.wish(batch_size=1, iteration=1)
        await settled(lab)
        assert page.words.startswith("batch size 1, epoch 1, iteration 1: this batch is the 1st")
        lab.close()

    kernel(main)


def test_after_an_error_the_next_movement_works(lab, page, monkeypatch):
    monkeypatch.delenv("BATCHLAB_STRICT", raising=False)
    with monkeypatch.context() as broken:
        broken.setattr(counting.views, "batch_plan", lambda *args, **kwargs: 1 / 0)
        page.wish(batch_size=7)
        assert "This did not work: ZeroDivisionError" in page.message
    page.wish(batch_size=8)
    assert (lab.error, page.message) == (None, "")
    assert page.words.startswith("batch size 8, epoch 0, ")
