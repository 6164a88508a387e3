"""Chapter 01: its picture counts what `fit` does, obeys the lab's rules, and its checks name each mistake."""

import asyncio
import json
import re
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.text import Text

import batchlab as bl
from batchlab.course import NOTEBOOKS, ch01_count
from batchlab.course.answers import solved
from batchlab.course.ch01_count import lab as counting

from ..live.page import Page, compilations, kernel, settled
from . import frameworks, labs

# -------------------------------------------------------------------------------------------------------- the exercises


def said(key, answer):
    return bl.quiz.exercise(key).check(answer)


def an_epoch(combine=np.mean, factor=1.0, fixed=False, cut=None):
    """`one_epoch` with a mistake."""

    def answer(weights, x, y, order, batch_size, rate):
        at = weights
        for batch in cut(order, batch_size) if cut else batched(order, batch_size):
            grads = ch01_count.gradients(weights if fixed else at, x[batch], y[batch])
            at = at - factor * rate * combine(grads, axis=0)
        return at

    return answer


def batched(order, batch_size):
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def by_a_library(weights, x, y, order, batch_size, rate):
    for batch in batched(jnp.array(order), batch_size):
        loss = jax.grad(lambda w, x, y: ((w[0] * x + w[1] - y) ** 2).mean())
        weights = weights - rate * loss(weights, x[batch], y[batch])
    return weights.tolist()


@pytest.mark.parametrize("answer", [ch01_count.one_epoch, an_epoch(), by_a_library])
def test_a_right_epoch_passes(answer):
    assert said("01.one_epoch", answer)


WRONG_EPOCHS = {
    "a sum": (an_epoch(np.sum), "are added up. Take their mean"),
    "uphill": (an_epoch(factor=-1.0), "it climbs"),
    "at the first weights": (an_epoch(fixed=True), "taken at the weights before the epoch"),
    "one update": (an_epoch(cut=lambda order, size: [order[:size]]), "that is one update. An epoch goes on"),
    "the full batch": (an_epoch(cut=lambda order, size: [order]), "with all samples at once"),
    "divided by batch_size": (
        lambda w, x, y, order, size, rate: an_epoch(np.sum, 1 / size)(w, x, y, order, size, rate),
        "divided by batch_size, too",
    ),
    "forgets the last": (an_epoch(cut=lambda order, size: batched(order, size)[: len(order) // size]), "is forgotten"),
    "not shuffled": (an_epoch(cut=lambda order, size: batched(np.sort(order), size)), "taken as they lie"),
    "size is number": (an_epoch(cut=np.array_split), "in a batch, not of batches"),
    "nothing happens": (lambda weights, *given: weights, "follow it by hand"),
    "one number": (lambda weights, *given: 1.0, "did not return two weights"),
    "a word": (lambda weights, *given: "done", "did not return two weights"),
    "nothing": (lambda weights, *given: None, "nothing is filled in"),
}


@pytest.mark.parametrize("name", WRONG_EPOCHS)
def test_a_wrong_epoch_is_told_why(name):
    answer, words = WRONG_EPOCHS[name]
    text = said("01.one_epoch", answer)
    assert not text
    assert words in repr(text)


def test_the_exercise_makes_the_epoch_that_fit_makes():
    problem = ch01_count.points()
    x, y = problem.x[:, 0], problem.y[:, 0]
    for batch_size in range(1, 9):
        settings = {"batch_size": batch_size, "num_epochs": 1, "learning_rate": 0.1}
        run = bl.fit(problem, model=ch01_count.LINE, **settings)
        order = np.concatenate(ch01_count.batches(1, 8, batch_size))
        by_hand = ch01_count.one_epoch(np.array(ch01_count.START), x, y, order, batch_size, 0.1)
        np.testing.assert_allclose(by_hand, run.params_at(1), rtol=1e-5, atol=1e-5)


def experiment(rate=0.01, seed=0):
    """The chapter's experiment by its shown solution: what is handed in."""
    code = ch01_count.exercise.EXPERIMENT.replace("n=250", f"n=250, seed={seed}").replace("0.01", f"{rate}")
    return solved(code)["answer"]


def test_the_experiment_passes_and_typical_mistakes_are_told():
    answer = epochs, small, full = experiment()
    assert said("01.same_loss", answer)
    assert said("01.same_loss", (epochs + 1, small, epochs + 1))  # another machine may round otherwise
    runs = solved(ch01_count.exercise.EXPERIMENT)
    by_validation = int(np.argmax(runs["full"].val_loss <= runs["small"].val_loss[-1]))
    for wrong, words in [
        ((10, small, 10), "Train longer"),
        ((epochs, 10, full), "more than one update there"),
        ((epochs, 2500, full), "does not make 2500 updates in 10 epochs"),
        ((epochs, small, 25 * epochs), "All samples are one batch"),
        ((by_validation, small, by_validation), "Compare the training losses"),
        ((1000, small, 1000), "Find the first epoch"),
        ((epochs, small), "hand in three numbers"),
        (None, "nothing is filled in"),
    ]:
        text = said("01.same_loss", wrong)
        assert not text
        assert words in repr(text)


def test_what_the_experiment_says_holds_for_other_draws():
    for seed in range(5):
        epochs, small, full = experiment(seed=seed)
        assert epochs > 20 * 10  # more than twenty times as many epochs
        assert 0.8 * small < full < 1.05 * small  # nearly as many updates
        assert experiment(rate=0.05, seed=seed)[2] < 0.9 * small  # at five times the rate: fewer


def test_the_questions_have_the_answers_that_fit_gives():
    asked = bl.quiz.ask("01.updates").question
    asked.record(27)
    assert asked.reveal(bl.fit(bl.data.noisy_sine(n=50), batch_size=6, num_epochs=3).iterations[-1]).right
    right = list(bl.quiz.ask("01.label").question.options)[2]
    assert right == f"{bl.fit(bl.data.noisy_sine(n=250), batch_size=10, num_epochs=100).iterations[-1]:,}"


# ----------------------------------------------------------------------------------------------------------- one update


@pytest.mark.parametrize(("batch_size", "rate"), [(1, 0.05), (2, 0.15), (3, 0.15), (5, 0.1), (8, 0.3)])
def test_the_updates_are_those_of_fit(batch_size, rate):
    lab = ch01_count.Update(batch_size, rate)
    page = Page(lab)
    run = bl.fit(ch01_count.points(), model=ch01_count.LINE, batch_size=batch_size, learning_rate=rate, num_epochs=3)
    each = run.iterations_per_epoch
    for epoch in range(1, 4):
        for _ in range(each):
            page.press("next_update")
        np.testing.assert_allclose(lab.path[-1], run.params_at(epoch), rtol=1e-4, atol=1e-5)
        assert lab.frame["facts"][0] == f"{each * epoch} update{'s' if each * epoch > 1 else ''} made"
        assert float(lab.frame["facts"][1].split()[-1]) == pytest.approx(run.train_loss[epoch], rel=5e-3)
    lab.close()


def test_a_model_of_one_sample_has_its_gradient():
    problem = ch01_count.points()
    x, y, weights = problem.x[:, 0], problem.y[:, 0], jnp.array([0.3, -0.4])
    by_jax = jax.vmap(jax.grad(lambda w, x, y: (ch01_count.LINE.predict(w, x) - y) ** 2), in_axes=(None, 0, 0))
    np.testing.assert_allclose(ch01_count.gradients(weights, x, y), by_jax(weights, x, y), rtol=1e-5)


def test_the_update_is_played_by_hand_and_says_what_it_shows():
    lab = ch01_count.Update(batch_size=2)
    page, step = Page(lab), lab.step
    assert page.words.startswith(
        "batch size 2, update 0: a line of slope 0.20 and intercept \u22121.20 through 8 points"
    )
    assert "epoch 1, batch 1 of 4: " + ", ".join("abcdefgh"[i] for i in step.batch) in page.texts()
    new, old, mean = (ch01_count.lab.views.signed(values[0]) for values in (step.new, step.old, step.mean))
    mean = mean if mean[0].isdigit() else f"({mean})"
    assert f"slope: {new} = {old} \u2212 0.15 \u00d7 {mean}" in page.texts()
    page.press("next_update")
    np.testing.assert_array_equal(lab.step.old, step.new)
    page.wish(batch_size=8)  # another batch size cuts a new epoch, of the same weights
    assert len(lab.step.batch) == 8
    assert "epoch 2, batch 1 of 1: a, b, c, d, e, f, g, h" in page.texts()
    np.testing.assert_array_equal(lab.step.old, step.new)
    for _ in range(60):
        page.press("next_update")
    assert "The step is 0.00 long, its arrows 0." in page.words
    page.press("back")
    assert page.words.startswith("batch size 8, update 0: a line of slope 0.20")
    lab.close()


def test_one_is_not_many():
    lab, counting = ch01_count.Update(batch_size=1), ch01_count.Counting(samples=1, batch_size=1, epochs=1)
    assert re.search(r"batch 1 of 8: sample [a-h]\. Its gradient is ", lab.words())
    assert "1 sample, none used yet" in Page(counting).texts()
    locked = ch01_count.Counting(epochs=1, locked=True)
    assert locked.words().startswith("batch size 6, 1 epoch, 50 samples: ")
    for one in (lab, counting, locked):
        one.close()


def test_too_high_a_rate_is_said_and_comes_to_an_end():
    lab = ch01_count.Update(1, 1.0)
    page = Page(lab)
    for _ in range(200):
        page.press("next_update")
    assert "e+" not in page.words + " ".join(lab.frame["facts"])
    assert "the steps are too long" in page.message
    assert page.row("next_update")["disabled"]
    page.press("back")
    assert page.message == ""
    lab.close()


def test_the_arrows_are_locked_until_the_prediction():
    lab = ch01_count.Update(batch_size=8, locked=True)
    page = Page(lab)
    page.press("next_update")
    assert len(lab.path) == 1
    assert lab.frame["facts"] == []
    assert not [text for text in page.texts() if text.startswith(("slope:", "step"))]
    bl.quiz.ask("01.step_length", unlocks=lab).skip()
    assert "step" in page.texts()
    page.press("next_update")
    assert len(lab.path) == 2
    lab.close()


def test_the_step_is_never_longer_than_its_arrows_on_average():
    rng = np.random.default_rng(0)
    for seed in range(10):
        problem = ch01_count.points(seed)
        x, y = problem.x[:, 0].astype(float), problem.y[:, 0].astype(float)
        for weights in (ch01_count.START, rng.normal(size=2), np.polyfit(x, y, 1)):
            lengths = ch01_count.stills.relative_lengths(weights, x, y)
            assert lengths[0] == pytest.approx(1)
            assert (lengths[1:] < 0.95).all()
        assert lengths[-1] == pytest.approx(0, abs=1e-9)  # where the mean loss is lowest
        # At the start the arrows mostly agree: the line is too low for at least six of the eight.
        assert 0.6 < ch01_count.stills.relative_lengths(ch01_count.START, x, y)[-1] < 0.9
        assert (ch01_count.START[0] * x + ch01_count.START[1] < y).sum() >= 6


def test_the_update_is_readable_and_small():
    for room in (900, 420, 380):
        lab = ch01_count.Update(batch_size=8)
        lab._fit(room)
        for batch_size, rate, count in [(8, 0.15, 0), (1, 0.5, 3), (3, 0.3, 5), (8, 0.15, 30)]:
            lab.batch_size, lab.learning_rate = batch_size, rate
            for _ in range(count):
                lab.next_update()
            labs.readable(lab.picture)
        assert max(lab.frame_bytes) <= 3_000
        lab.close()


# ------------------------------------------------------------------------------------------------------- still pictures


def test_the_still_pictures_are_readable_and_say_what_they_show():
    _, shares = ch01_count.watch(50, 6, 3)
    runs = {size: [bl.fit(bl.data.noisy_sine(n=250), batch_size=size, num_epochs=5)] for size in (10, 50)}
    for still, words in [
        (ch01_count.step_lengths(draws=2), "At batch size 1 it is 1. At batch size 8"),
        (ch01_count.usage(shares, 3), "27 rows, the updates, and 50 columns"),
        (ch01_count.staircase(), "9 at batch size 6, 6 at batch size 9"),
        (ch01_count.left_out(), "never shuffled, the last 2 samples are not used at all"),
        (ch01_count.losses_by_epoch(runs), "batch size 10 ends at"),
    ]:
        assert words in labs.static_picture(still)[1]
        assert min(text.get_fontsize() for text in still.figure.findobj(Text) if text.get_text()) >= 11


def test_the_still_pictures_of_other_numbers_are_true_or_refused_in_words():
    assert ch01_count.staircase(n=9).alt.endswith("2 at batch size 6, 1 at batch size 9.")
    for n in (60, 97):
        axes = ch01_count.staircase(n=n).figure.axes[0]
        (filled,) = (text for text in axes.texts if text.get_text().startswith("filled"))
        size, made = filled.xy
        assert size * made == n  # it stands beside one of those that it speaks of
    with pytest.raises(ValueError, match="n is 8; it must be a whole number from 9 to 1000"):
        ch01_count.staircase(n=8)
    with pytest.raises(ValueError, match="batches of 5 leave none of 50 samples out: take a size that does not divide"):
        ch01_count.left_out(batch_size=5)
    with pytest.raises(ValueError, match="batch_size is 51; it must be a whole number from 1 to 50"):
        ch01_count.left_out(batch_size=51)
    with pytest.raises(ValueError, match="num_epochs is 3, but `watch` observed 5: write num_epochs=5"):
        ch01_count.usage(ch01_count.watch(50, 6, 5)[1], num_epochs=3)
    with pytest.raises(ValueError, match="seed is -1; it must be a whole number, 0 or more"):
        ch01_count.points(-1)
    runs = {size: [bl.fit(ch01_count.points(), batch_size=size, num_epochs=1)] for size in (1, 2, 4, 8)}
    still = ch01_count.losses_by_epoch(runs)
    assert still.alt.count("ends at") == 4
    assert "4 trainings" in still.figure.axes[0].get_title("left")


# ---------------------------------------------------------------------------------------------------- in your framework


def test_optax_makes_the_updates_of_the_course():
    problem = ch01_count.points()
    x, y = problem.x, problem.y
    for batch_size in (3, 8):
        orders = [np.concatenate(ch01_count.batches(epoch, 8, batch_size)) for epoch in (1, 2, 3)]
        params = dict(zip(("slope", "intercept"), ch01_count.START, strict=True))
        names = frameworks.run("01", "Optax", x=x, y=y, batch_size=batch_size, orders=orders, params=params)
        run = bl.fit(problem, model=ch01_count.LINE, batch_size=batch_size, num_epochs=3, learning_rate=0.1)
        assert names["iterations"] == run.iterations[-1]
        found = [names["params"][name] for name in ("slope", "intercept")]
        np.testing.assert_allclose(found, run.params_at(3), rtol=1e-5, atol=1e-5)


def test_pytorch_makes_the_updates_of_the_course():
    torch = pytest.importorskip("torch")
    problem = ch01_count.points()
    for batch_size in (3, 8):
        torch.manual_seed(0)
        first = torch.nn.Linear(1, 1)
        start = jnp.array([first.weight.item(), first.bias.item()])
        torch.manual_seed(0)
        names = frameworks.run("01", "PyTorch", x=problem.x, y=problem.y, batch_size=batch_size)
        settings = {"batch_size": batch_size, "num_epochs": 3, "learning_rate": 0.1, "params": start}
        run = bl.fit(problem, model=ch01_count.LINE, **settings)
        assert names["iterations"] == run.iterations[-1]
        assert len(names["loader"]) == run.iterations_per_epoch
    # The full batch does not depend on the shuffle, so there the weights are the same, too.
    found = [names["model"].weight.item(), names["model"].bias.item()]
    np.testing.assert_allclose(found, run.params_at(3), rtol=1e-5, atol=1e-5)


# --------------------------------------------------------------------------------------------------------- the glossary


def glossary():
    """The lines of the glossary: (term, its explanation, number and file of its chapter)."""
    text = (frameworks.FOLDER / "GLOSSARY.md").read_text(encoding="utf-8")
    return re.findall(r"(?m)^- \*\*(.+?)\*\*(?: \(.+?\))?: (.+) \[(\d\d)\]\((.+)\)$", text)


def test_the_glossary_is_in_order_and_each_term_is_used_in_its_chapter():
    terms = [term for term, *_ in glossary()]
    assert len(terms) > 40
    assert terms == sorted(set(terms), key=str.lower)
    for term, explanation, chapter, name in glossary():
        assert NOTEBOOKS[chapter][1] == name
        assert explanation.endswith(".")
        cells = json.loads((frameworks.FOLDER / name).read_text(encoding="utf-8"))["cells"]
        text = " ".join(" ".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        assert re.search(rf"\b{term}", " ".join(text.split()), re.IGNORECASE), (term, name)


# --------------------------------------------------------------------------------------------------------- the counting


def test_batches_that_no_run_takes_are_refused():
    for wrong, words in (((0, 5, 2), "epoch is 0"), ((1, 5, 0), "batch_size is 0"), ((1, 5, 6), "batch_size is 6")):
        with pytest.raises(ValueError, match=f"{words}; it must be a whole number"):
            ch01_count.batches(*wrong)


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
    for room in (900, 420, 380, 300):
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
