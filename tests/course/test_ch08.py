"""Chapter 8: Rprop by the book and beside Optax's, the exercise, the problem, and the picture's rules."""

import jax
import numpy as np
import optax
import pytest
from matplotlib.text import Text

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch08_rprop
from batchlab.course.ch08_rprop import NINE_AND_ONE, follow, one_in_ten, rprop, rprop_step

from ..live.page import Page, compilations, kernel, settled
from . import frameworks, labs
from .dragging import drag_every_slider

# ---- Rprop -----------------------------------------------------------------------------------------------------------


def by_hand(gradients, step, change):
    """Rprop of one weight, written out."""
    weight, before, path, last = 0.0, 0.0, [], 0.0
    for gradient in gradients:
        sign = np.sign(gradient)
        changed = sign * before < 0
        if sign * before > 0:
            step = min(1.2 * step, 50.0)
        elif changed:
            step = max(0.5 * step, 1e-6)
            sign = sign if change == "go" else 0.0
        last = -last if changed and change == "back" else -step * sign
        weight, before = weight + last, sign
        path.append(weight)
    return np.array(path)


@pytest.mark.parametrize("change", ["back", "wait", "go"])
@pytest.mark.parametrize("mean", [0.0, 0.5, 3.0])
def test_rprop_is_what_is_written_out_by_hand(change, mean):
    gradients = np.random.default_rng(0).normal(mean, 1.0, size=400)
    gradients[::37] = 0.0
    path = follow(rprop(0.01, change=change), gradients)
    np.testing.assert_allclose(path, by_hand(gradients, 0.01, change), rtol=1e-4, atol=1e-4)


def test_rprop_takes_a_network_and_refuses_another_change():
    layers = bl.models.mlp((4, 8, 2)).init(jax.random.key(0))
    change, _ = rprop(0.5).update(layers, rprop(0.5).init(layers))
    np.testing.assert_array_equal(change[0][0], -0.5 * np.sign(layers[0][0]))
    with pytest.raises(ValueError, match="choose one of back, wait, go"):
        rprop(0.01, change="stop")


def test_steps_keep_within_their_limits():
    assert np.abs(np.diff(follow(rprop(1.0), np.ones(100)))).max() == pytest.approx(50.0, rel=1e-4)
    flipping = np.tile([1.0, -1.0], 100)
    assert np.abs(np.diff(follow(rprop(0.01, change="go"), flipping)))[-1] < 2e-6


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


def test_the_wines_differ_in_units():
    apart, alike = ch08_rprop.wine(standardised=False), ch08_rprop.wine()
    sizes = apart.x.std(axis=0)
    assert 2000 < sizes.max() / sizes.min() < 3000
    np.testing.assert_allclose(alike.x.std(axis=0), 1, rtol=1e-3)
    np.testing.assert_array_equal(apart.y, alike.y)


def test_a_bowl_is_descended_as_the_formula_says():
    for curvature, start in ch08_rprop.bowls(draws=2).values():
        gradients = curvature * start
        which = start if np.ptp(curvature) == 0 else curvature
        assert which.max() / which.min() == pytest.approx(1000)
        assert (gradients == start).all() or np.allclose(gradients, 1)
        left = np.sum(curvature * (start * (1 - 0.3 * curvature) ** 20) ** 2, axis=1) / np.sum(
            curvature * start**2, axis=1
        )
        np.testing.assert_allclose(ch08_rprop.left_by(optax.sgd(0.3), curvature, start, 20), left, rtol=1e-3)


def test_still_pictures_are_readable_and_come_with_words(monkeypatch):
    problem, model = bl.data.digits(n=40), bl.models.mlp((64, 8, 8, 10))
    pictures = [
        (ch08_rprop.drift(5), "Rprop that waits -0.21 and -8.13"),
        (ch08_rprop.bowls_picture(), "curvatures differ: GD at its best rate 0.5, Rprop"),
        (ch08_rprop.gradient_sizes(problem, model, model.init(jax.random.key(0))), "Nine in ten of"),
    ]
    monkeypatch.setattr(ch08_rprop.views, "units", lambda draws: {"wine": [ch08_rprop.wine()]})
    pictures.append((ch08_rprop.units_picture(), "wine, GD: 3; wine, Rprop: 1"))
    for still, said in pictures:
        assert said in labs.static_picture(still)[1]
        assert min(text.get_fontsize() for text in still.figure.findobj(Text) if text.get_text()) >= 11


def test_the_sizes_of_the_gradients_are_shown_of_a_network_of_three_layers_or_fewer():
    problem = bl.data.digits(n=40)
    for hidden, said in (((), "lie within"), ((8,), "second layer, 90 weights")):
        model = bl.models.mlp((64, *hidden, 10))
        still = ch08_rprop.gradient_sizes(problem, model, model.init(jax.random.key(0)))
        assert said in still.alt + "".join(text.get_text() for text in still.figure.axes[0].get_legend().get_texts())
    model = bl.models.mlp((64, 8, 8, 8, 10))
    with pytest.raises(ValueError, match="the model has 4 layers; the picture has colours for three"):
        ch08_rprop.gradient_sizes(problem, model, model.init(jax.random.key(0)))


# ---- in your framework -----------------------------------------------------------------------------------------------


def test_the_rprop_of_pytorch_is_that_of_the_course():
    made = frameworks.run("08", "PyTorch", gradients=NINE_AND_ONE * 5)
    np.testing.assert_allclose(made["path"], follow(rprop(0.01), NINE_AND_ONE * 5), rtol=1e-5, atol=1e-6)


def test_the_rprop_of_optax_is_that_of_the_course_or_one_update_late():
    ours, made = rprop(0.01), frameworks.run("08", "Optax", gradients=NINE_AND_ONE * 5)
    path = np.concatenate([[0], follow(ours, NINE_AND_ONE * 5)])
    changes = np.diff(made["path"], prepend=0)
    now, late = np.diff(path), np.concatenate([[0], np.diff(path)[:-1]])
    late[9::10] = 0  # where the sign has changed, that is left out, too
    assert np.allclose(changes, now, atol=1e-5) or np.allclose(changes, late, atol=1e-5)


# ---- the exercises ---------------------------------------------------------------------------------------------------

POWERS = [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1]
WRONG_STEPS = {
    "the chapter's alone": ([0.01], "shorter first steps do as well"),
    "all": ([*POWERS, 10, 100], "with a first step of 10 the loss ends at"),
    "one left out": ([1e-6, 1e-5, 1e-3, 0.01, 0.1, 1], "a first step of 0.0001 does as well"),
    "powers": (
        [-6, -5, -4, -3, -2, -1, 0],
        "-6 is not one of the nine first steps from 1e-6 to 100. Hand in steps, not powers.",
    ),
    "empty": ([], "the list is empty"),
    "an array": (np.array([0.01, 5.0]), "5 is not one of the nine first steps"),
    "infinite": ([0.01, np.inf], "inf is not one of the nine first steps"),
    "a number": (0.01, "hand in a list of numbers"),
    "nothing": (..., "nothing is filled in"),
}


def test_the_first_steps_that_do_are_seven():
    assert quiz.exercise("08.first_step").check(POWERS)
    assert quiz.exercise("08.first_step").check(np.array(POWERS))


@pytest.mark.parametrize("mistake", WRONG_STEPS)
def test_wrong_first_steps_are_told_why(mistake):
    labs.has_its_own_words(quiz.exercise("08.first_step").check, WRONG_STEPS, mistake) if mistake != "nothing" else None
    assert WRONG_STEPS[mistake][1] in repr(quiz.exercise("08.first_step").check(WRONG_STEPS[mistake][0]))


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

WHERE = "batch size {0.batch_size}, epoch 100:".format


@pytest.fixture(autouse=True)
def fewer_sizes(monkeypatch):
    monkeypatch.setattr(ch08_rprop.lab, "SIZES", (1, 20, 100))


@pytest.fixture(scope="module")
def lab():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ch08_rprop.lab, "SIZES", (1, 20, 100))
        yield ch08_rprop.SignLab()


def test_what_is_trained_is_what_fit_trains(lab):
    lab.data, lab.batch_size = "one in ten", 20
    for rule, rate in (("SGD", 0.1), ("Rprop", 0.01)):
        optimizer, rates = ch08_rprop.lab.OPTIMIZERS[rule]
        row = int(np.argmin(np.abs(np.log(np.array(rates) / rate))))
        settings = {"hidden": (8,), "optimizer": optimizer, "learning_rate": float(rates[row]), "batch_size": 20}
        alone = bl.fit(one_in_ten(), num_epochs=10, seeds=3, **settings)
        np.testing.assert_allclose(lab._ends["one in ten", rule, 20][row][:, :11], alone.train_loss, rtol=2e-3)


def test_controls_change_the_picture_and_the_words(lab):
    page = Page(lab)
    page.wish(data="one in ten", batch_size=100)
    for control, value, said in (
        ("batch_size", 20, "batch size 20, epoch 100:"),
        ("data", "one in two", "training loss SGD at its best rate"),
        ("rmsprop", True, "RMSprop at its best rate"),
    ):
        before = lab.frame["strokes"]
        page.wish(**{control: value})
        assert lab.frame["strokes"] != before
        assert page.shows[control] == value
        assert said in page.words
        assert page.words == lab.words()
    page.wish(data="one in ten", rmsprop=False)
    assert "RMSprop" not in page.words


def test_sgd_is_shown_at_the_best_of_its_rates_for_each_batch_size(lab):
    lab.data, best = "one in ten", []
    for size in (1, 100):
        lab.batch_size = size
        ends = np.median(lab._ends["one in ten", "SGD", size][:, :, -1], axis=1)
        best.append(lab.best("SGD", size))
        assert ends[best[-1]] == ends.min()
        thick = lab._curves.artists[1].get_ydata()
        assert thick[-1] == pytest.approx(ends.min(), rel=1e-5)
    assert best[0] < best[1]  # a larger batch takes a higher rate


def test_frames_are_small_and_nothing_compiles_once_prepared(lab):
    lab.rmsprop = True
    with compilations() as compiled:
        for data in ("one in ten", "one in two"):
            lab.data = data
            for size in (1, 20, 100):
                lab.batch_size = size
                assert len(lab.frame["strokes"]) <= 6e3
    assert compiled == []
    lab.data, lab.rmsprop = "one in ten", False


@pytest.mark.parametrize("room", [900, 420, 380])
def test_every_text_can_be_read(lab, room):
    lab._fit(room)
    for size in (1, 100):
        lab.batch_size = size
        labs.readable(lab.picture)
    lab._fit(900)


def test_what_cannot_be_is_refused_in_words(lab):
    page = Page(lab)
    page.wish(data="moons")
    assert "there is no data 'moons'; choose one of one in ten" in page.message
    page.wish(batch_size=18)
    assert lab.batch_size == 20  # the nearest
    with pytest.raises(ValueError, match="batch size is -3; it must be a number from 1 to 100"):
        lab.batch_size = -3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # half a widget is thrown away
def test_unknown_data_are_refused():
    with pytest.raises(ValueError, match="there is no data 'moons'; choose one of one in ten"):
        ch08_rprop.SignLab("moons")


def test_locked_until_the_prediction():
    lab = ch08_rprop.SignLab(locked=True)
    page = Page(lab)
    assert lab.rows["locked"]
    hidden = lab.frame["strokes"]
    page.wish(batch_size=1)
    assert lab.batch_size == 100
    assert page.words.startswith("batch size 100, epoch 100: training loss SGD")
    assert {size for _, _, size in lab._ends} == {100}  # what is asked is not even computed
    assert "Make your prediction" in page.message
    quiz.ask("08.batch_size_one", unlocks=lab).commit(3)
    assert not lab.rows["locked"]
    assert lab.frame["strokes"] != hidden
    page.wish(batch_size=1)
    assert page.words.startswith("batch size 1, epoch 100:")
    assert page.message == ""


def test_locked_at_another_batch_size_it_shows_that_one_alone():
    lab = ch08_rprop.SignLab(batch_size=20, locked=True)
    assert lab.words().startswith("batch size 20, epoch 100:")
    assert {size for _, _, size in lab._ends} == {20}


def test_what_is_set_while_it_trains_is_not_taken_for_trained():
    lab = ch08_rprop.SignLab(locked=True)
    with lab.aside():
        lab.batch_size = 20
        work = lab.work()
        next(work)
        lab.batch_size = 1  # as another thread would do
        list(work)
        assert "batch size 20" in lab.words()


def test_the_static_picture_comes_with_words(lab):
    lab.batch_size = 1
    text, alt = labs.static_picture(lab)
    assert text == "SignLab: one in ten"
    assert alt.startswith("batch size 1, epoch 100: training loss SGD")


def test_the_newest_setting_wins_and_the_other_batch_sizes_fill_in():
    async def session():
        lab = ch08_rprop.SignLab()
        assert {size for _, _, size in lab._ends} == {100}
        for size in (1, 20, 1, 20):
            lab.batch_size = size
        await settled(lab)
        assert lab.error is None
        assert {size for _, _, size in lab._ends} == {1, 20, 100}
        return lab.words()

    assert kernel(session).startswith("batch size 20, epoch 100:")


def test_every_slider_can_be_dragged_from_end_to_end_and_back():
    async def session():
        await drag_every_slider(ch08_rprop.SignLab(), WHERE, {"data": "one in two"})

    kernel(session)


def test_a_narrow_page_has_the_panels_below_each_other(lab):
    Page(lab).wish(width=380)
    tops = [axes.get_position().y1 for axes in lab.picture.figure.axes]
    assert tops == sorted(tops, reverse=True)
    assert len({axes.get_position().x0 for axes in lab.picture.figure.axes}) == 1
    lab._fit(900)
