"""Chapter 4: the exercises tell each mistake from the others, and its pictures keep the lab's rules."""

import re

import numpy as np
import pytest

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch04_noise
from batchlab.course.ch04_noise import two_batch

from ..live.page import Page, compilations, kernel, settled
from . import frameworks, labs
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


# ---- the experiment --------------------------------------------------------------------------------------------------


def hand_in(answer):
    return quiz.exercise("04.what_raises_it").check(answer)


@pytest.fixture(scope="module")
def factors():
    return ch04_noise.exercise.factors()


def test_wrong_labels_raise_the_noise_scale_and_samples_and_width_do_not(factors):
    samples, width, labels = factors
    assert 0.7 < samples < 1.4
    assert 0.7 < width < 1.4
    assert labels > 3


def test_factors_of_other_seeds_pass(factors):
    assert hand_in(factors)
    assert hand_in([1.15 * factor for factor in factors])
    assert hand_in([factor / 1.15 for factor in factors])


HANDED_IN = {
    "upside down": (lambda s, w, k: (s, w, 1 / k), "the other way round"),
    "in another order": (lambda s, w, k: (k, s, w), "The order is"),
    "the scale itself": (lambda s, w, k: (s, w, 120.0), "looks like a noise scale itself"),
    "nothing matters": (lambda s, w, k: (s, w, 1.0), "Did label_noise reach"),
    "the length of G": (lambda s, w, k: (s, w, k**0.5), "not |G|"),
    "after training": (lambda s, w, k: (s, 7.0, k), "The start of a run is asked for"),
    "in proportion to N": (lambda s, w, k: (4.0, w, k), "Compare n=200 with n=800"),
    "one number": (lambda s, w, k: (k,), "hand in 3 numbers"),
}


@pytest.mark.parametrize("mistake", HANDED_IN)
def test_each_wrong_result_is_told_in_its_own_words(factors, mistake):
    made = {name: (answer(*factors), told) for name, (answer, told) in HANDED_IN.items()}
    labs.has_its_own_words(hand_in, made, mistake)


def test_an_experiment_that_was_not_made_is_said_to_be_open():
    assert "nothing is filled in" in repr(hand_in((..., ..., ...)))
    assert "nothing is filled in" in repr(hand_in((1.0, ..., 4.0)))


# ---- in your framework -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sine():
    """The notebook's problem and model, its parameters, and the noise scale from micro-batches of 8."""
    problem = bl.data.noisy_sine(n=400)
    run = bl.fit(problem, hidden=(32, 32), batch_size=64, learning_rate=0.001, num_epochs=5)
    inner = bl.measure.inner_products(problem, run.model, run.params_at(5))
    small = bl.measure.squared_length(inner, np.kron(np.eye(50), np.full(8, 1 / 8)))
    return (
        problem,
        run.model,
        run.params_at(5),
        bl.measure.two_batch_noise_scale(small, np.full(50, inner.mean()), 8, 400).value,
    )


def test_optax_gives_the_noise_scale(sine):
    problem, model, params, expected = sine
    made = frameworks.run("04", "Optax", x=problem.x, y=problem.y, params=params, predict=model.predict)
    assert float(made["noise_scale"]) == pytest.approx(expected, rel=1e-3)


def test_pytorch_gives_the_noise_scale(sine):
    torch = pytest.importorskip("torch")
    problem, _, params, expected = sine
    layers = [torch.nn.Linear(*weight.shape) for weight, _ in params]
    for layer, (weight, bias) in zip(layers, params, strict=True):
        layer.weight.data, layer.bias.data = torch.tensor(np.array(weight).T), torch.tensor(np.array(bias))
    model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2])
    x, y = (torch.tensor(np.array(values)) for values in (problem.x, problem.y))
    made = frameworks.run("04", "PyTorch", x=x, y=y, model=model)
    assert float(made["noise_scale"]) == pytest.approx(expected, rel=1e-3)


# ---- one step --------------------------------------------------------------------------------------------------------


def test_one_step_on_a_loss_that_is_known():
    """Curved alike in both directions: both noise scales are one, and the shares follow the law."""
    rng = np.random.default_rng(0)
    x = np.eye(2)[rng.permutation(np.arange(256) % 2)]
    problem = bl.data.Problem.from_arrays(x, 3 + 2 * rng.normal(size=(256, 1)), validation=0.1, kind="regression")
    run = bl.fit(problem, hidden=(), batch_size=8, learning_rate=0.1, num_epochs=0)
    made = ch04_noise.runs.steps(run, 0)
    inner = bl.measure.inner_products(problem, run.model, run.params_at(0))
    assert made.scale == pytest.approx(bl.measure.noise_scale(inner), rel=1e-3)
    np.testing.assert_allclose(made.shares, 1 / (1 + made.curved / made.batch_sizes), atol=0.12)


# ---- the pictures ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab():
    return ch04_noise.NoiseLab("noisy sine", batch_size=16)


@pytest.fixture(scope="module")
def run_lab():
    return ch04_noise.RunLab("noisy sine")


def test_sliders_change_the_picture_and_the_words(lab, run_lab):
    for shown, control, value, said in (
        (lab, "batch_size", 50, "batch size 50: distance"),
        (run_lab, "epoch", 20, "epoch 20: signal |G|²"),
    ):
        page, before = Page(shown), shown.frame["strokes"]
        page.wish(**{control: value})
        assert shown.frame["strokes"] != before
        assert said in shown.words()
        assert page.words == shown.words()


def test_the_full_batch_is_the_full_gradient(lab):
    lab.batch_size = 400
    np.testing.assert_allclose(lab.points, np.tile([1.0, 0.0], (len(lab.points), 1)), atol=1e-6)
    assert lab.distance == 0
    assert "distance from the full gradient 0 |G|" in lab.words()
    assert "median cosine 1.00" in lab.words()
    assert lab.words().endswith("This batch is all samples: no noise is left.")


@pytest.mark.parametrize(("size", "said"), [(4, "longer than the full gradient"), (64, "shorter than the full")])
def test_noise_and_signal_are_compared_as_they_are_drawn(lab, size, said):
    lab.batch_size = size
    assert said in lab.words()
    (dot,) = (one for one in lab.picture.figure.axes[1].lines if one.get_marker() == "o" and len(one.get_xdata()) == 1)
    assert (dot.get_ydata()[0] > 1) == ("longer" in said)  # the dot lies on the side of the grey line that is said


def test_what_is_shown_is_what_is_measured(lab, run_lab):
    lab.batch_size, run_lab.epoch = 10, 5
    run, rows = lab.measured.run, np.flatnonzero(bl.measure.draw_batches(400, 10, 1)[0])
    grads, full = (bl.measure.batch_gradient(run.problem, run.model, run.params_at(5), of) for of in (rows, None))
    lengths = np.linalg.norm(grads), np.linalg.norm(full)
    assert lab.cosine[0] == pytest.approx(grads @ full / np.prod(lengths), abs=1e-3)
    assert lab.points[0, 0] == pytest.approx(grads @ full / lengths[1] ** 2, abs=1e-3)
    assert run_lab.signal == pytest.approx(lengths[1] ** 2, rel=1e-3)
    assert f"noise scale {run_lab.noise / run_lab.signal:.3g}." in run_lab.words()


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_frames_are_small_and_nothing_compiles_on_a_slider(lab, run_lab, name):
    lab.dataset = run_lab.dataset = name
    lab.batch_size, run_lab.epoch = 2, 1
    with compilations() as compiled:
        for size in (1, 7, 64, lab.measured.n):
            lab.batch_size = size
            assert 5e2 < len(lab.frame["strokes"]) <= 5e3
        for epoch in (0, 3, run_lab.measured.num_epochs):
            run_lab.epoch = epoch
            assert 5e2 < len(run_lab.frame["strokes"]) <= 5e3
            assert f"epoch {epoch}:" in run_lab.words()
    assert compiled == []
    lab.dataset = run_lab.dataset = "noisy sine"


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
@pytest.mark.parametrize("width", [900, 420, 380])
def test_a_back_row_can_read_it(lab, run_lab, name, width):
    for shown, control, positions in ((lab, "batch_size", (1, 16, 300)), (run_lab, "epoch", (0, 10, 50))):
        shown.dataset = name
        shown._fit(width)
        for position in positions:
            setattr(shown, control, position)
            labs.readable(shown.picture)
        shown._fit(900)
        shown.dataset = "noisy sine"


@pytest.mark.parametrize(("which", "typed"), [("batch_size", 401), ("batch_size", "x"), ("epoch", -1)])
def test_impossible_values_are_refused_in_words(lab, run_lab, which, typed):
    shown = run_lab if which == "epoch" else lab
    page, before = Page(shown), getattr(shown, which)
    page.wish(**{which: typed})
    assert "must be a whole number" in page.message
    assert shown.frame["alarm"]
    assert getattr(shown, which) == before
    with pytest.raises((TypeError, ValueError), match="must be a whole number"):
        setattr(shown, which, typed)
    page.wish(**{which: 16})
    assert page.message == ""


@pytest.mark.parametrize("kind", [ch04_noise.NoiseLab, ch04_noise.RunLab])
def test_an_unknown_dataset_is_refused(kind):
    with pytest.raises(ValueError, match="there is no dataset 'sine'; choose one of noisy sine"):
        kind("sine")


@pytest.mark.parametrize(
    ("kind", "key", "told", "wish"),
    [
        (ch04_noise.NoiseLab, "04.hundredfold", "Theory", {"batch_size": 50}),
        (ch04_noise.RunLab, "04.along_the_run", "noise scale", {"epoch": 50}),
    ],
)
def test_locked_until_the_prediction(kind, key, told, wish):
    lab = kind("noisy sine", locked=True)
    page, values = Page(lab), lab.words()
    assert lab.rows["locked"]
    hidden = lab.frame["strokes"]
    page.wish(**wish)
    assert lab.words() == values
    assert told not in page.words
    assert not any(re.search(r"^ +× [0-9]", text) for text in page.texts())
    assert "Make your prediction" in page.message
    quiz.ask(key, unlocks=lab).commit(2)
    assert not lab.rows["locked"]
    assert lab.frame["strokes"] != hidden
    assert told in page.words


def test_the_static_pictures_come_with_words(lab, run_lab):
    run_lab.dataset = "noisy sine"
    lab.batch_size, run_lab.epoch = 16, 5
    text, alt = labs.static_picture(lab)
    assert alt.startswith("batch size 16: distance")
    assert text == "NoiseLab: noisy sine"
    text, alt = labs.static_picture(run_lab)
    assert alt.startswith("epoch 5: signal |G|² 2.5")
    assert text == "RunLab: noisy sine"


def test_the_newest_setting_wins_in_a_running_kernel():
    async def session():
        lab = ch04_noise.RunLab("noisy sine")
        for epoch in range(1, 30):
            lab.epoch = epoch
        lab.epoch = 37
        await settled(lab)
        assert lab.error is None
        return lab.words()

    assert kernel(session).startswith("epoch 37:")


@pytest.mark.parametrize(
    ("kind", "beginning", "wish"),
    [
        (ch04_noise.NoiseLab, "batch size {0.batch_size}:", {"batch_size": 5}),
        (ch04_noise.RunLab, "epoch {0.epoch}:", {"epoch": 5}),
    ],
)
def test_every_slider_can_be_dragged_from_end_to_end_and_back(kind, beginning, wish):
    """Dragging `epoch` ended in "KeyError: 5", for good: what was shown had been dropped from what is kept."""

    async def session():
        await drag_every_slider(kind("noisy sine"), beginning.format, wish)

    kernel(session)


def test_more_epochs_than_are_kept_can_be_shown(run_lab):
    for epoch in (*range(30), 5, 0):
        run_lab.epoch = epoch
        assert f"epoch {epoch}:" in run_lab.words()
    assert run_lab.measured.gradients.cache_info().currsize == ch04_noise.lab.KEPT


def test_another_dataset_brings_its_own_limits_and_axes():
    labs = ch04_noise.NoiseLab("noisy sine", batch_size=400), ch04_noise.RunLab("noisy sine", epoch=200)
    for name, n, epochs in (("two moons", 300, 100), ("digits", 400, 50), ("noisy sine", 400, 200)):
        for lab in labs:
            lab.dataset = name
            assert (lab.measured.n, lab.measured.num_epochs) == (n, epochs)
        assert labs[0].batch_size <= n
        assert labs[1].epoch <= epochs
        assert labs[0].picture.figure.axes[1].get_xlim()[1] == pytest.approx(1.15 * n)
        assert labs[1].picture.figure.axes[1].get_xlim()[1] == pytest.approx(1.06 * epochs)
