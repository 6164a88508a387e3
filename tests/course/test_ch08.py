"""Chapter 8: Rprop by the book and beside Optax's, the exercise, the problem, and the picture's rules."""

import asyncio

import jax
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch08_rprop, plots
from batchlab.course.ch08_rprop import NINE_AND_ONE, follow, one_in_ten, rprop, rprop_step, views

from ..live.page import Page, compilations, kernel, settled, unpacked
from . import labs
from .dragging import drag_every_slider

# ---- Rprop -----------------------------------------------------------------------------------------------------------


def by_hand(gradients, step, wait=True):
    """Rprop of one weight, written out."""
    weight, before, path = 0.0, 0.0, []
    for gradient in gradients:
        sign = np.sign(gradient)
        if sign * before > 0:
            step = min(1.2 * step, 50.0)
        elif sign * before < 0:
            step = max(0.5 * step, 1e-6)
            if wait:
                sign = 0.0
        weight, before = weight - step * sign, sign
        path.append(weight)
    return np.array(path)


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("mean", [0.0, 0.5, 3.0])
def test_rprop_is_what_is_written_out_by_hand(wait, mean):
    gradients = np.random.default_rng(0).normal(mean, 1.0, size=400)
    gradients[::37] = 0.0
    path = follow(rprop(0.01, wait=wait), gradients)
    np.testing.assert_allclose(path, by_hand(gradients, 0.01, wait), rtol=1e-4, atol=1e-4)


def test_steps_keep_within_their_limits():
    assert np.abs(np.diff(follow(rprop(1.0), np.ones(100)))).max() == pytest.approx(50.0, rel=1e-4)
    flipping = np.tile([1.0, -1.0], 100)
    assert np.abs(np.diff(follow(rprop(0.01, wait=False), flipping)))[-1] < 2e-6


def test_the_drift_after_nine_and_one_in_closed_form():
    # Nine steps, each 1.2 times the one before; the tenth is not made. Every later cycle goes 1.2^8 / 2 times as far.
    first, ratio = 0.01 * (1.2**9 - 1) / 0.2, 1.2**8 / 2
    path = follow(rprop(0.01), NINE_AND_ONE * 5)
    assert path[9] == pytest.approx(-first, rel=1e-4)
    assert path[49] == pytest.approx(-first * (ratio**5 - 1) / (ratio - 1), rel=1e-4)


def test_optax_keeps_the_same_steps():
    # Whenever Optax hands them out: its update is ours, or ours of the iteration before (up to 0.2.8).
    gradients = np.random.default_rng(1).normal(0.3, 1.0, size=(300, 5)).astype(np.float32)
    ours, theirs = rprop(0.01), optax.rprop(0.01)
    state, other, zero = ours.init(gradients[0]), theirs.init(gradients[0]), np.zeros(5)
    previous, signs = zero, zero
    now, late = [], []
    for gradient in gradients:
        waits = signs * gradient < 0
        change, state = ours.update(gradient, state)
        update, other = theirs.update(gradient, other)
        np.testing.assert_allclose(state[0], other[0].step_sizes, rtol=1e-5)
        now.append(np.allclose(update, change, rtol=1e-5))
        late.append(np.allclose(update, np.where(waits, 0, previous), rtol=1e-5))
        previous, signs = np.asarray(change), np.asarray(state[1])
    assert all(now) or all(late)


def test_the_problem_holds_what_it_says():
    problem = one_in_ten(n=250, share=0.2, scales=(10.0, 0.1))
    assert problem.y.sum(axis=0).tolist() == [200, 50]
    common = problem.x[problem.y[:, 0] == 1]
    np.testing.assert_allclose(common.std(axis=0), [10.0, 0.1], rtol=0.2)
    shift = (problem.x[problem.y[:, 1] == 1].mean(axis=0) - common.mean(axis=0)) / [10.0, 0.1]
    np.testing.assert_allclose(shift, [-0.75, 0.75], atol=0.5)
    with pytest.raises(ValueError, match="share is 2; it must be a number from 0 to 1"):
        one_in_ten(share=2)


# ---- what is measured ------------------------------------------------------------------------------------------------


def test_decades_leave_out_zeros():
    assert bl.measure.decades(np.array([0.0, 1e-4, -1.0, 0.0]), middle=1.0) == pytest.approx(4.0)
    sizes = 10.0 ** np.linspace(-3, 3, 1001)
    assert bl.measure.decades(sizes) == pytest.approx(0.9 * 6, abs=0.01)
    assert bl.measure.decades(np.zeros(3)) == 0.0


def test_sign_agreement_is_counted():
    per_sample = np.random.default_rng(0).normal(0.2, 1.0, size=(30, 7)).astype(np.float32)
    per_sample[:, 3] = 0.0
    batches = bl.measure.draw_batches(30, 4, 50)
    agreement, full = bl.measure.sign_agreement(per_sample, batches), per_sample.mean(axis=0)
    for weight in range(7):
        same = [np.sign(per_sample[row > 0, weight].mean()) == np.sign(full[weight]) for row in batches]
        assert np.isnan(agreement[weight]) if weight == 3 else agreement[weight] == pytest.approx(np.mean(same))
    whole = bl.measure.sign_agreement(per_sample, bl.measure.draw_batches(30, 30, 3))
    assert np.nanmin(whole) == 1.0


def test_still_pictures_come_with_words():
    problem, model = one_in_ten(), bl.models.mlp((4, 8, 2))
    params = model.init(jax.random.key(0))
    for still, said in (
        (ch08_rprop.drift(5), "SGD"),
        (ch08_rprop.gradient_sizes(problem, model, params), "layer 2: 18"),
    ):
        bundle, metadata = still._repr_mimebundle_()
        assert bundle["image/png"][:4] == b"\x89PNG"
        assert said in metadata["image/png"]["alt"]


# ---- the exercise ----------------------------------------------------------------------------------------------------


def mistaken(lines):
    """The solution with some of its pieces replaced, as a reader would write it."""
    code = quiz.exercise("08.rprop_step").code
    for old, new in lines.items():
        assert old in code
        code = code.replace(old, new)
    namespace = {"np": np}
    exec(code, namespace)
    return namespace["rprop_step"]


LAST = "return -step * sign, sign, step"
MISTAKES = {
    "size": ({LAST: "return -step * gradient * (sign != 0), sign, step"}, "has the size of the gradient in it"),
    "swapped": ({"1.2 * step": "0.5 * step", "0.5 * step, 1e-6": "1.2 * step, 1e-6"}, "factors are swapped"),
    "one over": ({"0.5 * step": "step / 1.2"}, "not by 1 / 1.2"),
    "no limits": ({"np.minimum(1.2 * step, 50.0)": "1.2 * step", "np.maximum(0.5 * step, 1e-6)": "0.5 * step"},
                  "the steps have no limits"),
    "no upper": ({"np.minimum(1.2 * step, 50.0)": "1.2 * step"}, "has grown beyond 50"),
    "no lower": ({"np.maximum(0.5 * step, 1e-6)": "0.5 * step"}, "has shrunk below 1e-6"),
    "uphill": ({LAST: "return step * sign, sign, step"}, "go uphill"),
    "old step": ({"sign = np.sign(gradient)": "sign, old = np.sign(gradient), step",
                  LAST: "return -old * sign, sign, step"}, "made with the old step"),
    "no wait": ({"np.where(changed, 0.0, sign)": "sign"}, "called Rprop-"),
    "moves": ({LAST: "return -step * np.sign(gradient), sign, step"}, "still moves"),
    "remembers": ({LAST: "return -step * sign, np.sign(gradient), step"}, "the next step is resized once more"),
    "old sign": ({LAST: "return -step * sign, before, step"}, "compare with the wrong gradient"),
    "always grows": ({"before > 0, sign * before < 0": "before > -2, sign * before < -2"}, "every step grows"),
    "never shrinks": ({"sign * before < 0": "sign * before < -2"}, "no step ever shrinks"),
    "grows first": ({"sign * before > 0": "sign * before >= 0"}, "has grown though nothing was remembered"),
    "shrinks first": ({"sign * before < 0": "sign * before <= 0"}, "has shrunk though nothing was remembered"),
    "zero": ({"sign * before < 0": "(sign != before) & (before != 0)"}, "a gradient of 0 is taken for a change"),
    "together": ({"sign * before > 0, sign * before < 0": "np.full(12, np.sum(sign * before) > 0), "
                  "np.full(12, np.sum(sign * before) < 0)"}, "Each weight decides for itself"),
    "two": ({LAST: "return -step * sign, step"}, "return three arrays"),
    "shape": ({LAST: "return -step * sign, sign, step.mean()"}, "the new steps has shape ()"),
    "something else": ({"1.2": "1.3"}, "take the three cases one by one"),
}  # fmt: skip


def check(answer):
    return quiz.exercise("08.rprop_step").check(answer)


def test_the_solution_passes():
    assert repr(check(mistaken({}))) == "Right: Rprop in ten lines."
    # Remembering the gradient in place of its sign is as good.
    assert check(mistaken({LAST: "return -step * sign, np.where(sign == 0, 0, gradient), step"}))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_typical_mistake_fails_with_its_own_words(mistake):
    labs.has_its_own_words(lambda lines: check(mistaken(lines)), MISTAKES, mistake)


def test_blanks_and_crashes_are_said_in_words():
    assert "nothing is filled in" in repr(check(lambda *args: ...))
    assert "nothing is filled in" in repr(check(lambda gradient, before, step: (gradient, None, step)))
    assert "your code stopped" in repr(check(lambda gradient, before, step: gradient / "2"))


def test_the_solution_follows_the_library():
    gradients = np.random.default_rng(2).normal(0.5, 1.0, size=50)
    weight, sign, step, path = 0.0, np.zeros(1), np.full(1, 0.01), []
    for gradient in gradients:
        change, sign, step = rprop_step(np.array([gradient]), sign, step)
        weight += change[0]
        path.append(weight)
    np.testing.assert_allclose(path, follow(rprop(0.01), gradients), rtol=1e-4, atol=1e-5)


# ---- the picture -----------------------------------------------------------------------------------------------------

WHERE = "batch size {0.batch_size}, epoch {0.epoch}:".format


@pytest.fixture(scope="module")
def lab():
    return ch08_rprop.SignLab()


def runs(lab):
    """The runs that are shown, by the name of their rule."""
    return lab._shown[-1]


def test_what_is_trained_is_what_fit_trains(lab):
    """The three rules in one program are the three optimizers, each for itself."""
    lab.batch_size, problem = 20, one_in_ten()
    for rule, optimizer, rate in (("SGD", optax.sgd, 0.03), ("Rprop", rprop, 0.01)):
        alone = bl.fit(
            problem, hidden=(8,), optimizer=optimizer, learning_rate=rate, batch_size=20, num_epochs=20, seeds=1
        )
        np.testing.assert_allclose(runs(lab)[rule].train_loss[:21], alone.train_loss[0], rtol=1e-3)


def test_controls_change_the_picture_and_the_words(lab):
    page = Page(lab)
    for control, value, said in (
        ("batch_size", 50, "batch size 50, epoch 200:"),
        ("epoch", 20, "batch size 50, epoch 20:"),
        ("learning_rate", 1.0, "50, epoch 20: training loss SGD"),
        ("rule", "SGD", "On the weights of SGD"),
        ("data", "one in two", "50 % in truth"),
    ):
        before = lab.frame["strokes"]
        page.wish(**{control: value})
        assert lab.frame["strokes"] != before
        assert page.shows[control] == value
        assert said in page.words
        assert page.words == lab.words()
    assert "rate of SGD 1 at every batch size" in lab.frame["facts"]
    page.wish(data="one in ten", rule="Rprop", epoch=200, learning_rate=0.03)


def test_the_controls_stand_in_the_order_in_which_they_are_read(lab):
    rows = [(row["label"], row["kind"]) for row in lab.rows["list"]]
    assert rows == [("batch size", "whole"), ("rate of SGD", "number"), ("epoch", "whole"), ("data", "menu"),
                    ("gradients of", "menu")]  # fmt: skip
    assert Page(lab).row("batch_size")["hint"] == "1: SGD, 100: full-batch GD"
    assert all(Page(lab).row(name)["log"] for name in ("batch_size", "learning_rate", "epoch"))


def test_the_full_batch_has_every_sign(lab):
    lab.batch_size = 100
    assert np.nanmin(lab.agreement) == 1.0
    assert "a batch has its sign in 100 % of cases" in lab.words()


def test_what_is_said_is_what_was_measured(lab):
    lab.batch_size = 10
    run = runs(lab)["Rprop"]
    layers = lab._apart(run.params_at(200)["weights"])
    full = bl.measure.batch_gradient(run.problem, lab.network, layers)
    np.testing.assert_allclose(lab.gradient_sizes, np.abs(full), rtol=1e-2, atol=1e-5)
    share = jax.nn.softmax(lab.network.predict(layers, run.problem.x))[:, 1].mean()
    assert lab.rare_share("Rprop") == pytest.approx(float(share), abs=1e-4)
    assert f"Rprop {run.train_loss[-1]:.3g}" in lab.words()


def test_what_is_drawn_is_what_was_trained(lab):
    lab.batch_size = lab.sizes[-2]
    lines = [axes.get_lines() for axes in lab.picture.figure.axes]
    for line, run in zip(lines[1], runs(lab).values(), strict=False):
        drawn = plots.thinned(np.arange(201), run.train_loss, views.STRETCHES)
        np.testing.assert_array_equal(line.get_data(), drawn)
    for line, run in zip(lines[2], runs(lab).values(), strict=False):
        np.testing.assert_array_equal(line.get_xdata(), lab.sizes)
        assert line.get_ydata()[-2] == np.float32(run.train_loss[-1])
        assert np.isfinite(line.get_ydata()).all()  # the other batch sizes have filled in


def test_frames_are_small_and_nothing_compiles_once_prepared(lab):
    standing = lab.standing
    with compilations() as compiled:
        for size in (1, 3, 17, 65, 100):
            lab.batch_size = size
            assert 5e2 < len(lab.frame["strokes"]) <= 4e3
        lab.data = "one in two"
        assert len(lab.frame["strokes"]) <= 4e3
        lab.learning_rate = 0.2
        lab.epoch = 3
    assert compiled == []
    assert lab.standing == standing  # what stands is sent once
    lab.data, lab.epoch, lab.learning_rate = "one in ten", 200, 0.03


def test_what_was_asked_for_last_is_kept_and_more_can_be_shown(lab):
    for size in range(1, 40):
        lab.batch_size = size
        assert f"batch size {size}," in lab.words()
    assert len(lab._runs) <= ch08_rprop.lab.KEPT
    lab.batch_size = 1


def test_divergence_is_said_in_words():
    lab = ch08_rprop.SignLab(batch_size=1, learning_rate=10)
    page = Page(lab)
    assert "training loss SGD" in page.words
    runs(lab)["SGD"].train_loss[-1] = np.nan
    page.wish(rule="SGD")
    assert "SGD diverged, no number is left" in page.words
    assert len(lab.frame["strokes"]) <= 4e3


@pytest.mark.parametrize(
    ("control", "typed", "said"),
    [
        ("batch_size", 101, "must be a whole number from 1 to 100. 100 are all samples: the full gradient itself."),
        ("batch_size", "x", "must be a whole number"),
        ("epoch", 201, "must be a whole number from 0 to 200. The runs are no longer."),
        ("learning_rate", 0, "rate of SGD is 0; it must be a number from 0.001 to 10"),
        ("learning_rate", 1e9, "must be a number from 0.001 to 10"),
        ("data", "moons", "there is no data 'moons'; choose one of one in ten"),
    ],
)
def test_impossible_values_are_refused_in_words(lab, control, typed, said):
    page, before = Page(lab), getattr(lab, control)
    page.wish(**{control: typed})
    assert said in page.message
    assert lab.frame["alarm"]
    assert getattr(lab, control) == before
    with pytest.raises((TypeError, ValueError), match=said):
        setattr(lab, control, typed)
    page.wish(batch_size=1)
    assert page.message == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # half a widget is thrown away
def test_unknown_data_are_refused():
    with pytest.raises(ValueError, match="there is no data 'moons'; choose one of one in ten"):
        ch08_rprop.SignLab("moons")


def test_locked_until_the_prediction():
    lab = ch08_rprop.SignLab(locked=True)
    page = Page(lab)
    assert lab.rows["locked"]
    hidden = lab.frame["strokes"]
    page.wish(batch_size=50, epoch=100)
    assert (lab.batch_size, lab.epoch, page.shows["epoch"]) == (1, 0, 0)
    assert "training loss" not in page.words
    assert page.texts().count("predict first") == 2
    assert not any("training loss" in text for text in page.texts())
    assert [head[0] for head in unpacked(hidden)] == ["m", "t", "t"]  # the dots and their title, no curve
    assert "Make your prediction" in page.message
    quiz.ask("08.batch_size_one", unlocks=lab).commit(3)
    assert not lab.rows["locked"]
    assert lab.frame["strokes"] != hidden
    assert (lab.epoch, page.shows["epoch"]) == (200, 200)
    assert "training loss" in page.words
    assert "predict first" not in page.texts()
    assert page.message == ""


def test_the_static_picture_comes_with_words(lab):
    lab.batch_size, lab.epoch = 1, 200
    text, alt = labs.static_picture(lab)
    assert text == "SignLab: one in ten"
    assert alt.startswith("batch size 1, epoch 200: training loss SGD")


def test_the_newest_setting_wins_in_a_running_kernel():
    async def session():
        lab = ch08_rprop.SignLab()
        for size in range(1, 30):
            lab.batch_size = size
        lab.epoch = 37
        lab.batch_size = 44
        await settled(lab)
        assert lab.error is None
        return lab.words()

    assert kernel(session).startswith("batch size 44, epoch 37:")


def test_the_first_picture_does_not_wait_for_the_other_batch_sizes():
    async def session():
        lab = ch08_rprop.SignLab()
        assert "training loss SGD" in lab.frame["words"]
        assert len(lab._ends) == 3
        await settled(lab)
        assert len(lab._ends) == 3 * len(lab.sizes)

    kernel(session)


def test_every_slider_can_be_dragged_from_end_to_end_and_back():
    async def session():
        lab = ch08_rprop.SignLab()
        await drag_every_slider(lab, WHERE, {"epoch": 5})

    kernel(session)


def test_a_slider_that_is_dragged_moves_the_curves():
    async def session():
        lab, shown = ch08_rprop.SignLab(), set()
        page = Page(lab)
        await settled(lab)
        lab.observe(lambda change: shown.add(change["new"]["shows"]["batch_size"]), "frame")
        for size in range(1, 101):
            page.wish(batch_size=size)
            lab._turns.acknowledged(lab.frame["count"])
            await asyncio.sleep(0.01)
            assert page.words.startswith(f"batch size {page.shows['batch_size']},")
        assert len(shown) > 5
        await settled(lab)
        assert page.shows["batch_size"] == 100

    kernel(session)


def test_a_narrow_page_has_the_three_panels_below_each_other():
    lab = ch08_rprop.SignLab()
    Page(lab).wish(width=380)
    assert lab.standing["width"] == 380
    tops = [axes.get_position().y1 for axes in lab.picture.figure.axes]
    assert tops == sorted(tops, reverse=True)
    assert len({axes.get_position().x0 for axes in lab.picture.figure.axes}) == 1
