"""Chapter 6: the law is fitted as it should be, the exercise knows each mistake, the picture keeps the lab's rules."""

import asyncio

import jax
import numpy as np
import optax
import pytest
from matplotlib.text import Text

import batchlab as bl
from batchlab import measure, quiz
from batchlab.course import ch06_targets
from batchlab.shuffling import shuffles

from ..live.page import Page, compilations, kernel, settled, unpacked
from . import frameworks, labs
from .dragging import drag_every_slider

# ---- the law ---------------------------------------------------------------------------------------------------------

SIZES = np.array([1, 4, 16, 64, 256, 1000])


def races(s_min=5.0, scale=80.0, noise=0.0, seeds=8, seed=0):
    """Iterations to a target as the law has them, at three rates of which the middle one is the best."""
    steps = s_min * (1 + scale / SIZES)
    factors = np.exp(noise * np.random.default_rng(seed).standard_normal((len(SIZES), 3, seeds)))
    return steps[:, None, None] * np.array([2.0, 1.0, 3.0])[:, None] * factors


def test_the_law_is_found_exactly_where_it_holds():
    law = measure.fit_law(SIZES, races())
    assert law.s_min == pytest.approx(5)
    np.testing.assert_allclose(law.noise_scale, [80, 80, 80])
    np.testing.assert_allclose(law.iterations(SIZES), races()[:, 1, 0])


def test_the_fit_is_least_squares_of_relative_errors():
    counts = races(noise=0.3)
    steps = np.median(counts, axis=2).min(axis=1)
    rows = np.stack([1 / steps, 1 / (SIZES * steps)], axis=1)
    s_min, c = np.linalg.lstsq(rows, np.ones(len(SIZES)), rcond=None)[0]
    law = measure.fit_law(SIZES, counts)
    assert law.s_min == pytest.approx(s_min)
    assert law.noise_scale.value == pytest.approx(c / s_min)


def test_the_interval_holds_the_truth_most_of_the_time():
    held = []
    for seed in range(40):
        value, low, high = measure.fit_law(SIZES, races(noise=0.2, seeds=12, seed=seed)).noise_scale
        assert low <= value <= high
        held.append(low <= 80 <= high)
    # A bootstrap over twelve seeds is a little narrow: of 40 intervals of 95 % at least 32 hold it.
    assert sum(held) >= 32


def test_a_batch_size_that_does_not_arrive_counts_nothing():
    counts = races()
    counts[2], counts[3] = np.inf, np.nan
    counts[:, 0] = np.inf  # nor does a rate
    assert measure.fit_law(SIZES, counts).noise_scale.value == pytest.approx(80)
    counts[1:] = np.inf
    with pytest.raises(ValueError, match="1 of 6 batch sizes reached the target"):
        measure.fit_law(SIZES, counts)


def test_without_a_floor_the_noise_scale_is_infinite():
    perfect = np.tile((100 / SIZES - 1e-3)[:, None, None], (1, 1, 8))  # S falls faster than 1 / B
    assert measure.fit_law(SIZES, perfect).noise_scale.value == np.inf


def test_the_best_rate_is_that_of_the_lowest_median():
    counts = races(noise=0.1)
    counts[0, 0] = np.nan  # not yet run
    places, best = measure.best_rates(counts)
    assert places.tolist() == [1] * len(SIZES)
    np.testing.assert_array_equal(best, counts[:, 1])


def test_seconds_are_above_zero():
    assert 0 < measure.seconds_per_epoch(bl.data.noisy_sine(n=20), 5, hidden=(4,), repeats=2) < 10


# ---- the exercises ---------------------------------------------------------------------------------------------------

QUICKEST = {
    "the noise scale": (lambda noise, knee: noise, "a fair bargain of iterations"),
    "the knee": (lambda noise, knee: knee, "where a step begins to cost more"),
    "the product": (lambda noise, knee: noise * knee, "in samples squared"),
    "the mean": (lambda noise, knee: (noise + knee) / 2, "the mean of the two"),
    "the sum": (lambda noise, knee: noise + knee, "this is the sum"),
    "a ratio": (lambda noise, knee: (knee / noise) ** 0.5, "B counts samples"),
    "the other ratio": (lambda noise, knee: (noise / knee) ** 0.5, "a ratio has no unit"),
    "the harmonic mean": (lambda noise, knee: 2 * noise * knee / (noise + knee), "the harmonic mean"),
    "two numbers": (lambda noise, knee: (1, 2), "Return one number of samples"),
    "something else": (lambda noise, knee: 7.7, "neighbouring batch sizes"),
}
ADAM = {
    "one number": (9.0, "Hand in two numbers"),
    "swapped": ((3.5, 9.5), "in the right order"),
    "upside down": ((0.1, 0.3), "first number is 0.1, below 1"),
    "negative": ((-9.6, 3.4), "first number is -9.6, below 1"),
    "not arrived": (
        (np.inf, 3.4),
        "first number is inf. A median is infinite if half of the runs do not arrive: give them more epochs",
    ),
    "neither arrived": (
        (9.6, np.nan),
        "second number is nan. A median is infinite if half of the runs do not arrive: give them more epochs",
    ),
    "SGD": ((20.0, 2.7), "This is what SGD gives"),
    "another rate": ((30.0, 3.4), "gives another number. Are"),
    "the fixed rate twice": ((9.6, 9.6), "lowest median"),
}


def checking(key):
    return quiz.exercise(key).check


def test_the_solutions_pass():
    namespace = {}
    exec(quiz.exercise("06.quickest").code, namespace)
    assert repr(checking("06.quickest")(namespace["quickest"])) == "Right: The quickest batch."
    assert checking("06.quickest")(lambda noise, knee: round((noise * knee) ** 0.5))
    namespace = {"bl": bl, "np": np, "ch06_targets": ch06_targets}
    exec(quiz.exercise("06.adam").code, namespace)  # it races: the numbers that the check holds are measured here
    assert repr(checking("06.adam")(namespace["answer"])) == "Right: Adam's race."


def test_the_quickest_batch_is_the_quickest():
    for noise, knee in ((100, 400), (90, 10), (5, 2000)):
        sizes = np.geomspace(0.1, 1e5, 100_001)
        seconds = measure.Law(7, measure.Estimate(noise, 0, 0)).iterations(sizes) * measure.Saturation(2, knee).seconds(
            sizes
        )
        assert ch06_targets.exercise.quickest(noise, knee) == pytest.approx(sizes[np.argmin(seconds)], rel=1e-3)


@pytest.mark.parametrize(("key", "mistake"), [("06.quickest", m) for m in QUICKEST] + [("06.adam", m) for m in ADAM])
def test_each_typical_mistake_fails_with_its_own_words(key, mistake):
    labs.has_its_own_words(checking(key), QUICKEST if key == "06.quickest" else ADAM, mistake)


def test_blanks_and_crashes_are_said():
    assert "nothing is filled in" in repr(checking("06.quickest")(lambda *args: ...))
    assert "ZeroDivisionError" in repr(checking("06.quickest")(lambda *args: 1 / 0))
    assert "nothing is filled in" in repr(checking("06.adam")((..., ...)))


# ---- in your framework -----------------------------------------------------------------------------------------------


class Batches:
    """The batches of an epoch, in the course's order; a new order each time."""

    def __init__(self, problem, size, cast):
        self.problem, self.size, self.cast, self.epoch = problem, size, cast, 0

    def __iter__(self):
        n, order = len(self.problem.x), shuffles(0, 0, len(self.problem.x))[self.epoch]
        self.epoch += 1
        for at in (order[start : start + self.size] for start in range(0, n, self.size)):
            yield self.cast(self.problem.x[at], self.problem.y[at])


@pytest.fixture(scope="module")
def course_run():
    """A run of the course, and after how many updates an epoch ends with the target reached."""
    run = bl.fit(ch06_targets.digits(), hidden=(32,), batch_size=64, learning_rate=0.16, num_epochs=12)
    epoch = int(np.argmax(run.val_accuracy >= 0.94))
    assert 1 < epoch < 12
    return run, epoch * run.iterations_per_epoch, run.val_accuracy[epoch]


def test_optax_counts_as_many_updates(course_run):
    run, updates, accuracy = course_run
    problem, model = run.problem, run.model
    found = frameworks.run(
        "06", "Optax", jax=jax, optax=optax, params=model.init(jax.random.key(0)), predict=model.predict,
        loss=lambda params, x, y: bl.models.cross_entropy(model.predict(params, x), y).mean(),
        loader=Batches(problem, 64, lambda x, y: (x, y)), x_val=problem.x_val, y_val=problem.y_val.argmax(axis=1),
    )  # fmt: skip
    assert (found["updates"], float(found["accuracy"])) == (updates, pytest.approx(accuracy, abs=1e-6))


def test_pytorch_counts_as_many_updates(course_run):
    torch = pytest.importorskip("torch")
    run, updates, accuracy = course_run
    problem, layers = run.problem, [torch.nn.Linear(64, 32), torch.nn.Linear(32, 10)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, run.model.init(jax.random.key(0)), strict=True):
            layer.weight.copy_(torch.tensor(np.array(weight.T)))
            layer.bias.copy_(torch.tensor(np.array(bias)))
    found = frameworks.run(
        "06", "PyTorch", torch=torch, model=torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1]),
        loader=Batches(problem, 64, lambda x, y: (torch.tensor(x), torch.tensor(y))),
        x_val=torch.tensor(np.array(problem.x_val)), y_val=torch.tensor(problem.y_val.argmax(axis=1)),
    )  # fmt: skip
    assert (found["updates"], found["accuracy"]) == (updates, pytest.approx(accuracy, abs=1e-6))


# ---- the picture -----------------------------------------------------------------------------------------------------

SMALL = {
    "batch_sizes": (64, 200, 500, 1000),
    "learning_rates": (0.02, 0.32, 1.28),
    "num_epochs": [2, 4, 10, 20],
    "target": {"val_accuracy": 0.8},
    "checks": 4,
    "seeds": 3,
}


@pytest.fixture(scope="module")
def sweep():
    return ch06_targets.digits_sweep(**SMALL).run(progress=False)


@pytest.fixture(scope="module")
def lab(sweep):
    return ch06_targets.TargetLab(sweep, batch_size=200, learning_rate=0.32)


def lines(lab):
    """What is drawn on the left: with the best rates, and at the fixed one."""
    return [line.get_xydata() for line in lab._costs.artists[2:4]]


def test_controls_change_the_picture_and_the_words(lab):
    page = Page(lab)
    for control, value, said in (
        ("batch_size", 64, "batch size 64, validation accuracy 0.8 is reached after"),
        ("batch_size", 600, "batch size 600, of which 500 is the nearest in the sweep: validation accuracy 0.8"),
        ("batch_size", 700, "batch size 700, of which 500 is the nearest"),
        ("learning_rate", 1.28, "at the fixed rate 1.28"),
        ("learning_rate", 0.02, "by half of the runs or fewer at the fixed rate 0.02"),
        ("against", "iterations", " with the best rates, none at the fixed one"),
        ("against", "seconds", "seconds"),
        ("against", "epochs", "Fewest epochs"),
        ("learning_rate", 0.32, "0.32"),
    ):
        before = lab.frame["strokes"]
        page.wish(**{control: value})
        assert lab.frame["strokes"] != before
        assert page.shows[control] == value
        assert said in page.words
        assert page.words == lab.words()
        assert len(lab.frame["strokes"]) <= 3000
        assert len(lab.standing["strokes"]) <= 3000


def test_what_is_drawn_is_what_the_sweep_has_found(lab, sweep):
    lab.against, lab.learning_rate = "iterations", 0.32
    counts = sweep.iterations_to_target
    best, fixed = (np.median(costs, axis=1) for costs in lab.costs())
    np.testing.assert_allclose(fixed, np.median(counts[:, 1], axis=1))
    np.testing.assert_allclose(best, np.median(counts, axis=2).min(axis=1))
    for drawn, costs in zip(lines(lab), (best, fixed), strict=True):
        np.testing.assert_allclose(drawn, np.stack([sweep.batch_sizes, costs], axis=1))
    for at in range(4):
        x, y = lab.run_of(at)
        assert (y[-1], x[-1]) == pytest.approx((0.8, best[at]))
        x, y = lab.run_of(at, best=False)
        assert (y[-1], x[-1]) == pytest.approx((0.8, fixed[at]))
    lab.against = "epochs"


@pytest.mark.parametrize("width", [900, 420, 380])
def test_the_picture_is_readable(sweep, width):
    lab = ch06_targets.TargetLab(sweep, batch_size=200)
    lab._fit(width)
    for against in ("epochs", "iterations", "samples seen", "seconds"):
        for size, rate in ((1, 0.02), (200, 0.32), (1000, 1.28)):
            lab.against, lab.batch_size, lab.learning_rate = against, size, rate
            lab.wait()
            labs.readable(lab.picture)


def test_still_pictures_are_readable_and_say_what_they_show(sweep):
    moved = np.array([[[8.0, 4.0, 2.0, 1.0]] * 3, [[6.0, 5.0, 4.0, 2.0]] * 3])
    race = ch06_targets.race(sweep)
    lost = race._replace(fixed=np.where(race.sizes[:, None] == 1000, np.inf, race.fixed))
    for still, said in (
        (ch06_targets.travelled(dict.fromkeys(ch06_targets.OPTIMIZERS, moved)), "SGD: path 8 times, distance 3 times"),
        (ch06_targets.epochs_over_draws([lost]), "inf at B = 1000"),
        (ch06_targets.law_and_noise([race]), "Left: iterations follow 1 + B_noise/B within "),
    ):
        assert said in labs.static_picture(still)[1]
        assert min(text.get_fontsize() for text in still.figure.findobj(Text) if text.get_text()) >= 11


def test_a_typed_rate_becomes_the_nearest_that_was_swept(lab):
    page = Page(lab)
    page.wish(learning_rate=0.02)
    page.wish(learning_rate=0.3)
    assert page.values["learning_rate"] == lab.learning_rate == 0.32
    assert "at the fixed rate 0.32 (median" in page.words
    assert page.row("learning_rate")["steps"] == [0.02, 0.32, 1.28]  # an arrow key goes to the next


def test_a_batch_size_is_shown_when_all_its_runs_are_finished():
    sweep = ch06_targets.digits_sweep(**SMALL | {"keep": False})
    at, work = len(sweep.learning_rates[0]) * len(sweep.seeds), sweep.work()
    while not at < sweep.finished < 2 * at:  # the second batch size has only begun
        next(work)
    lab = ch06_targets.TargetLab(ch06_targets.digits_sweep(**SMALL))
    lab.sweep, lab._looked_up = sweep, -1
    lab._look_up()
    assert np.isfinite(np.median(lab.best[0]))
    assert np.isnan(lab.best[1:]).all()
    lab.batch_size = sweep.batch_sizes[1]
    assert lab.words() == f"batch size {sweep.batch_sizes[1]}, its runs are not finished yet."
    lab._stopped = True  # so that they stay unknown
    lab.seconds, lab.batch_size, lab.against = {}, sweep.batch_sizes[0], "seconds"
    assert lab.words().endswith("its seconds are not measured yet.")


def test_seconds_say_that_they_are_measured(lab):
    lab.against = "seconds"
    assert "after ≈ " in lab.words()
    lab.against = "epochs"
    assert "≈" not in lab.words()


def test_nothing_compiles_on_a_slider(lab):
    standing = lab.standing
    with compilations() as names:
        for size in (1, 7, 100, 1000):
            lab.batch_size = size
        for rate in (0.02, 0.5, 1.28):
            lab.learning_rate = rate
    assert not names
    assert lab.standing == standing  # what stands is sent once
    lab.batch_size, lab.learning_rate = 200, 0.32


@pytest.mark.parametrize(
    ("control", "typed", "said"),
    [
        ("batch_size", 1001, "must be a whole number from 1 to 1000. 1000 are all samples: full-batch GD."),
        ("batch_size", "x", "must be a whole number"),
        ("learning_rate", 9, "must be a number from 0.02 to 1.28. The sweep tried no other."),
        ("learning_rate", -1, "must be a number from 0.02 to 1.28"),
        ("against", "money", "choose one of epochs, iterations, samples seen, seconds"),
    ],
)
def test_impossible_values_are_refused_in_words(lab, control, typed, said):
    page = Page(lab)
    before = page.shows
    page.wish(**{control: typed})
    assert said in page.message
    assert lab.frame["alarm"]
    assert lab.frame["refused"] == {control: typed}
    assert page.shows == page.values == before
    with pytest.raises((ValueError, TypeError), match=said):
        setattr(lab, control, typed)
    page.wish(batch_size=300 - lab.batch_size)  # whatever is set next takes the complaint away
    assert page.message == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # half a widget is thrown away
def test_a_sweep_that_cannot_be_shown_is_refused():
    for settings, said in (
        ({"target": None}, "with a target such as"),
        ({"target": {"val_loss": 0.5}}, "with a target such as"),
        ({"learning_rates": np.arange(1, 13).reshape(4, 3)}, "must ascend"),
        ({"learning_rates": (0.3, 0.1)}, "must ascend"),
    ):
        with pytest.raises(ValueError, match=said):
            ch06_targets.TargetLab(ch06_targets.digits_sweep(**{**SMALL, **settings}))


def test_locked_until_the_prediction(sweep):
    lab = ch06_targets.TargetLab(sweep, locked=True)
    page = Page(lab)
    assert lab.rows["locked"]
    assert page.words == "batch size 32, the outcome is hidden until the prediction."
    assert unpacked(lab.frame["strokes"]) == []
    assert page.texts().count("predict first") == 2
    assert "Make your prediction" in page.message
    page.wish(batch_size=7)  # the controls are off
    assert lab.batch_size == 32
    quiz.ask("06.budget", unlocks=lab).commit(2)
    assert not lab.rows["locked"]
    assert unpacked(lab.frame["strokes"])
    assert "predict first" not in page.texts()
    assert "Fewest epochs" in page.words
    assert page.message == ""


def test_the_static_picture_comes_with_words(lab):
    lab.batch_size, lab.against = 200, "epochs"
    text, alt = labs.static_picture(lab)
    assert text == "TargetLab: digits, validation accuracy 0.8"
    assert alt.startswith("batch size 200, validation accuracy 0.8 is reached after")


GOING_ON = {**SMALL, "batch_sizes": (500, 1000), "num_epochs": [10, 20], "keep": False}


def test_the_sweep_goes_on_in_slices_stops_and_goes_on(monkeypatch):
    monkeypatch.setattr(bl.sweeps.lanes, "MOST_PARTS", 1)  # however quick the machine, it is stopped half-way

    async def session():
        lab = ch06_targets.TargetLab(ch06_targets.digits_sweep(5, **GOING_ON))
        page, seen = Page(lab), []
        assert page.words == "batch size 32, of which 500 is the nearest in the sweep: its runs are not finished yet."
        lab.observe(lambda change: seen.append(change["new"]["message"]), "frame")
        for size in (500, 501, 502):  # sliders do not end it
            page.wish(batch_size=size)
            await asyncio.sleep(0.02)
        while lab.sweep.finished < 4:
            await asyncio.sleep(0.001)
        assert page.row("stop_or_go_on")["label"] == "pause the sweep"
        page.press("stop_or_go_on")
        await settled(lab)
        done = lab.sweep.finished
        assert any("The sweep goes on, and has finished" in said for said in seen)
        assert f"is paused after {done} of {lab.sweep.total} runs" in page.message
        assert page.row("stop_or_go_on")["label"] == "go on with the sweep"
        assert 0 < done < lab.sweep.total
        page.wish(batch_size=1000)
        await settled(lab)
        assert lab.sweep.finished == done
        assert page.words.startswith("batch size 1000, ")
        page.press("stop_or_go_on")
        await settled(lab)
        assert lab.error is None
        assert lab.sweep.finished == lab.sweep.total
        assert page.message == ""
        assert page.row("stop_or_go_on")["disabled"]
        return page.words

    assert "Fewest epochs" in kernel(session)


def test_whatever_fails_the_next_movement_goes_on_with_the_sweep(monkeypatch):
    lab = ch06_targets.TargetLab(ch06_targets.digits_sweep(**SMALL))
    monkeypatch.delenv("BATCHLAB_STRICT")
    lab.sweep, lab._looked_up, lab.seconds = ch06_targets.digits_sweep(6, **GOING_ON), -1, {}
    lab.sizes = lab.sweep.batch_sizes
    page, real = Page(lab), bl.sweeps.lanes.sweep_programs

    def broken(*_args):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(bl.sweeps.lanes, "sweep_programs", broken)
    page.wish(batch_size=500)
    assert page.message == "This did not work: RuntimeError: out of luck."
    monkeypatch.setattr(bl.sweeps.lanes, "sweep_programs", real)
    page.wish(batch_size=1000)
    assert page.message == ""
    assert lab.error is None
    assert lab.sweep.finished == lab.sweep.total
    assert page.words.startswith("batch size 1000, validation accuracy 0.8 is reached")


@pytest.mark.parametrize("swept", [True, False])
def test_every_slider_can_be_dragged_from_end_to_end_and_back(sweep, swept):
    async def session():
        lab = ch06_targets.TargetLab(sweep if swept else ch06_targets.digits_sweep(7, **GOING_ON))
        await drag_every_slider(lab, "batch size {0.batch_size}, ".format, {"batch_size": 77, "against": "iterations"})

    kernel(session)
