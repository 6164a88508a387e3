"""Chapter 4: the exercise tells each mistake from the others, and its picture keeps the lab's rules."""

import re

import numpy as np
import pytest

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch04_noise
from batchlab.course.ch04_noise import two_batch

from ..live.page import Page, compilations, kernel, settled
from . import labs
from .dragging import drag_every_slider

# ---- the exercise ----------------------------------------------------------------------------------------------------


def solved(small, large, b, big):
    small, large = np.mean(small), np.mean(large)
    return (big * large - b * small) / (big - b), (small - large) / (1 / b - 1 / big)


def upside_down(*args):
    signal, noise = solved(*args)
    return signal / noise


def mean_of_ratios(small, large, b, big):
    ratios = [two_batch(s, m, b, big) for s, m in zip(small, large, strict=True)]
    return np.mean(ratios)


def one_a_pair(small, large, b, big):
    return np.array([two_batch(s, m, b, big) for s, m in zip(small, large, strict=True)])


MISTAKES = {
    "upside down": (upside_down, "the other way up"),
    "the noise alone": (lambda *args: solved(*args)[1], "this is tr Σ alone"),
    "the signal alone": (lambda *args: solved(*args)[0], "this is |G|² alone"),
    "the length": (lambda *args: solved(*args)[1] / np.sqrt(solved(*args)[0]), "divided by |G|, not by |G|²"),
    "mean of ratios": (mean_of_ratios, "the mean of ratios is biased"),
    "one number a pair": (one_a_pair, "one number a pair"),
    "large taken for full": (lambda s, m, b, big: solved(s, m, b, big)[1] / np.mean(m), "noise of its own"),
    "difference only": (lambda s, m, b, big: np.mean(s - m) / solved(s, m, b, big)[0], "divide by that"),
    "sign": (lambda *args: -two_batch(*args), "the sign of tr Σ is wrong"),
    "crossed sizes": (
        lambda s, m, b, big: solved(s, m, b, big)[1] / ((big * np.mean(s) - b * np.mean(m)) / (big - b)),
        "each size belongs to its own length",
    ),
    "roots": (lambda s, m, b, big: two_batch(np.sqrt(s), np.sqrt(m), b, big), "do not take the root"),
    "squares": (lambda s, m, b, big: two_batch(s**2, m**2, b, big), "do not square them"),
    "swapped": (lambda s, m, b, big: two_batch(m, s, b, big), "small and large are swapped"),
    "a pair": (lambda *args: solved(*args), "Return one number"),
    "something else": (lambda *args: 1.0, "write the two equations down"),
}


def check(answer):
    return quiz.exercise("04.two_batch").check(answer)


def test_the_solution_passes():
    namespace = {"np": np}
    exec(quiz.exercise("04.two_batch").code, namespace)
    assert repr(check(namespace["two_batch"])) == "Right: The two-batch estimate."
    assert check(lambda *args: np.divide(*solved(*args)[::-1]))
    assert check(lambda s, m, b, big: bl.measure.two_batch_noise_scale(s, m, b, big).value)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_typical_mistake_fails_with_its_own_words(mistake):
    labs.has_its_own_words(check, MISTAKES, mistake)


def test_a_blank_is_said_to_be_blank():
    assert "nothing is filled in" in repr(check(lambda *args: ...))


# ---- the picture -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab():
    return ch04_noise.NoiseLab("noisy sine")


def test_sliders_change_the_picture_and_the_words(lab):
    page = Page(lab)
    for control, value, said in (("batch_size", 50, "batch size 50, epoch 5:"), ("epoch", 20, "size 50, epoch 20:")):
        before = lab.frame["strokes"]
        page.wish(**{control: value})
        assert lab.frame["strokes"] != before
        assert said in lab.words()
        assert page.words == lab.words()


def test_the_full_batch_is_the_full_gradient(lab):
    lab.batch_size = 400
    np.testing.assert_allclose(lab.points, np.tile([1.0, 0.0], (len(lab.points), 1)), atol=1e-6)
    assert lab.variance == 0
    assert "cosine with the full gradient 1.00" in lab.words()
    assert "on 80 batches 0, theory 0" in lab.words()
    assert "this batch is all samples, and no noise is left" in lab.words()


@pytest.mark.parametrize(
    ("size", "epoch", "said"),
    [
        (16, 200, "below it; noise outweighs signal."),
        (256, 200, "below it; drawn without replacement, its noise is below the signal."),
        (64, 5, "beyond it: all samples together could at most double the progress of a step."),
    ],
)
def test_noise_and_signal_are_compared_as_they_are_drawn(lab, size, epoch, said):
    lab.batch_size, lab.epoch = size, epoch
    assert said in lab.words()
    assert ("noise outweighs" in said) == (lab.expected > 1)
    (line,) = (one for one in lab.picture.figure.axes[1].lines if one.get_marker() == "o" and len(one.get_xdata()) == 1)
    assert (line.get_ydata()[0] > 1) == (lab.expected > 1)  # the dot lies on the side of the grey line that is said
    lab.batch_size, lab.epoch = 16, 5


def test_what_is_shown_is_what_is_measured(lab):
    lab.batch_size, lab.epoch = 10, 5
    run, rows = lab.measured.run, np.flatnonzero(bl.measure.draw_batches(400, 10, 1)[0])
    grads, full = (bl.measure.batch_gradient(run.problem, run.model, run.params_at(5), of) for of in (rows, None))
    lengths = np.linalg.norm(grads), np.linalg.norm(full)
    assert lab.cosine[0] == pytest.approx(grads @ full / np.prod(lengths), abs=1e-3)
    assert lab.length[0] == pytest.approx(lengths[0] / lengths[1], rel=1e-3)
    assert lab.points[0, 0] == pytest.approx(grads @ full / lengths[1] ** 2, abs=1e-3)


@pytest.mark.parametrize("name", list(ch04_noise.lab.RUNS))
def test_frames_are_small_and_nothing_compiles_on_a_slider(lab, name):
    lab.dataset = name
    lab.epoch = 1
    with compilations() as compiled:
        for size in (1, 7, 64, lab.measured.n):
            lab.batch_size = size
            assert 5e2 < len(lab.frame["strokes"]) <= 5e3
        for epoch in (0, 3, lab.measured.num_epochs):
            lab.epoch = epoch
            assert len(lab.frame["strokes"]) <= 5e3
            assert f"epoch {epoch}:" in lab.words()
    assert compiled == []
    lab.dataset = "noisy sine"


@pytest.mark.parametrize(("control", "typed"), [("batch_size", 401), ("batch_size", "x"), ("epoch", -1)])
def test_impossible_values_are_refused_in_words(lab, control, typed):
    page, before = Page(lab), getattr(lab, control)
    page.wish(**{control: typed})
    assert "must be a whole number" in page.message
    assert lab.frame["alarm"]
    assert getattr(lab, control) == before
    with pytest.raises((TypeError, ValueError), match="must be a whole number"):
        setattr(lab, control, typed)
    page.wish(batch_size=16)
    assert page.message == ""


def test_an_unknown_dataset_is_refused():
    with pytest.raises(ValueError, match="there is no dataset 'sine'; choose one of noisy sine"):
        ch04_noise.NoiseLab("sine")


def test_locked_until_the_prediction():
    lab = ch04_noise.NoiseLab("noisy sine", locked=True)
    page = Page(lab)
    assert lab.rows["locked"]
    hidden = lab.frame["strokes"]
    page.wish(batch_size=50)
    assert lab.batch_size == 16
    assert "Noise scale" not in page.words
    assert not any(re.search(r"noise scale [0-9]", text) for text in page.texts())
    assert "Make your prediction" in page.message
    quiz.ask("04.hundredfold", unlocks=lab).commit(1)
    assert not lab.rows["locked"]
    assert lab.frame["strokes"] != hidden
    assert "Noise scale" in page.words


def test_the_static_picture_comes_with_words(lab):
    text, alt = labs.static_picture(lab)
    assert alt.startswith("batch size 16, epoch ")
    assert text == "NoiseLab: noisy sine"


def test_the_newest_setting_wins_in_a_running_kernel():
    async def session():
        lab = ch04_noise.NoiseLab("noisy sine")
        for size in range(1, 30):
            lab.batch_size = size
        lab.epoch = 37
        lab.batch_size = 44
        await settled(lab)
        assert lab.error is None
        return lab.words()

    assert kernel(session).startswith("batch size 44, epoch 37:")


def test_every_slider_can_be_dragged_from_end_to_end_and_back():
    """Dragging `epoch` ended in "KeyError: 5", for good: what was shown had been dropped from what is kept."""

    async def session():
        lab = ch04_noise.NoiseLab("noisy sine")
        await drag_every_slider(lab, "batch size {0.batch_size}, epoch {0.epoch}:".format, {"epoch": 5})

    kernel(session)


def test_more_epochs_than_are_kept_can_be_shown(lab):
    for epoch in (*range(30), 5, 0):
        lab.epoch = epoch
        assert f"epoch {epoch}:" in lab.words()
    assert len(lab.measured._kept) <= ch04_noise.lab.KEPT
    lab.epoch = 5


def test_another_dataset_brings_its_own_limits_and_axes():
    lab = ch04_noise.NoiseLab("noisy sine", batch_size=400, epoch=200)
    for name, n, epochs in (("two moons", 300, 100), ("digits", 400, 50), ("noisy sine", 400, 200)):
        lab.dataset = name
        assert (lab.measured.n, lab.measured.num_epochs) == (n, epochs)
        assert lab.batch_size <= n
        assert lab.epoch <= epochs
        assert lab.picture.figure.axes[1].get_xlim()[1] == pytest.approx(1.1 * n)
