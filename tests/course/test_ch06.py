"""Chapter 6: the law is fitted as it should be, the exercise knows each mistake, the picture keeps the lab's rules."""

import asyncio

import numpy as np
import pytest

import batchlab as bl
from batchlab import measure, quiz
from batchlab.course import ch06_targets
from batchlab.course.ch06_targets import epochs_to_target

from . import labs

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


def test_the_noise_scales_along_a_run():
    run = bl.fit(bl.data.noisy_sine(n=20), hidden=(4,), batch_size=20, learning_rate=0.1, num_epochs=3)
    scales = measure.noise_scales_along(run, [0, 3])
    for scale, epoch in zip(scales, (0, 3), strict=True):
        rows = measure.per_sample_gradients(run.problem, run.model, run.params_at(epoch)).astype(float)
        spread = np.sum((rows - rows.mean(axis=0)) ** 2) / 20
        assert scale == pytest.approx(spread / np.sum(rows.mean(axis=0) ** 2), rel=1e-3)


def test_seconds_are_above_zero():
    assert 0 < measure.seconds_per_epoch(bl.data.noisy_sine(n=20), 5, hidden=(4,), repeats=2) < 10


# ---- the exercise ----------------------------------------------------------------------------------------------------


def first(accuracy, target):
    return int(np.argmax(accuracy >= target))


def line(epochs, accuracy, target, i):
    share = (target - accuracy[i - 1]) / (accuracy[i] - accuracy[i - 1])
    return epochs[i - 1] + share * (epochs[i] - epochs[i - 1])


def otherwise(wrong):
    """Right but for the one mistake: what happens where the target is crossed."""

    def answer(epochs, accuracy, target):
        i = first(accuracy, target)
        return wrong(epochs, accuracy, target, i) if i else epochs_to_target(epochs, accuracy, target)

    return answer


def share(accuracy, target, i):
    return (target - accuracy[i - 1]) / (accuracy[i] - accuracy[i - 1])


def last_crossing(epochs, accuracy, target):
    below = np.flatnonzero(accuracy < target)
    if not len(below) or below[-1] == len(accuracy) - 1:
        return epochs_to_target(epochs, accuracy, target)
    return line(epochs, accuracy, target, below[-1] + 1)


def never_thought_of(epochs, accuracy, target):
    return line(epochs, accuracy, target, first(accuracy, target)) if first(accuracy, target) else epochs[0]


def always_a_line(epochs, accuracy, target):
    reached = (accuracy >= target).any()
    return line(epochs, accuracy, target, first(accuracy, target)) if reached else np.inf


MISTAKES = {
    "the measurement after": (otherwise(lambda e, a, t, i: e[i]), "the first measurement at or above the target. It"),
    "the measurement before": (otherwise(lambda e, a, t, i: e[i - 1]), "the last measurement before the target"),
    "halfway": (otherwise(lambda e, a, t, i: (e[i] + e[i - 1]) / 2), "halfway between two measurements"),
    "its number": (otherwise(lambda e, a, t, i: i), "this is the number of the measurement"),
    "its number, between": (otherwise(lambda e, a, t, i: i - 1 + share(a, t, i)), "this counts measurements"),
    "a share of nothing": (otherwise(lambda e, a, t, i: e[i - 1] + share(a, t, i)), "distance between the two"),
    "the wrong end": (
        otherwise(lambda e, a, t, i: e[i] - share(a, t, i) * (e[i] - e[i - 1])),
        "counted from the wrong end",
    ),
    "the highest": (otherwise(lambda e, a, t, i: e[np.argmax(a)]), "where the accuracy is highest"),
    "the last crossing": (last_crossing, "below the target once more after that"),
    "never thought of": (never_thought_of, "takes for ever"),
    "always a line": (always_a_line, "there is none before it"),
    "for ever": (lambda e, a, t: np.inf, "the target is reached: look"),
    "two numbers": (lambda e, a, t: (1, 2), "Return one number of epochs"),
    "something else": (lambda e, a, t: 1.23, "and the one before it"),
}


def check(answer):
    return quiz.exercise("06.to_target").check(answer)


def test_the_solution_passes():
    namespace = {}
    exec(quiz.exercise("06.to_target").code, namespace)
    assert repr(check(namespace["epochs_to_target"])) == "Right: Epochs to a target."

    def in_numpy(epochs, accuracy, target):
        if not (accuracy >= target).any():
            return np.inf
        i = first(accuracy, target)
        return np.interp(target, accuracy[i - 1 : i + 1], epochs[i - 1 : i + 1]) if i else epochs[0]

    assert check(in_numpy)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_typical_mistake_fails_with_its_own_words(mistake):
    labs.has_its_own_words(check, MISTAKES, mistake)


def test_blanks_and_crashes_are_said():
    assert "nothing is filled in" in repr(check(lambda *args: ...))
    assert "ZeroDivisionError" in repr(check(lambda epochs, accuracy, target: 1 / 0))


def test_the_exercise_counts_as_the_sweep_does(sweep):
    for at, size in enumerate(sweep.batch_sizes.tolist()):
        for place, rate in enumerate(sweep.learning_rates[at]):
            curve = sweep.curve("val_accuracy", size, rate, 2)
            assert epochs_to_target(*curve, 0.8) == pytest.approx(sweep.epochs_to_target[at, place, 2], rel=1e-6)


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


def test_controls_change_the_picture_and_the_words(lab):
    for control, value, said in (
        (lab.batch_size, 64, "batch size 64, validation accuracy 0.8 is reached after"),
        (lab.batch_size, 600, "batch size 600, of which 500 is the nearest in the sweep: validation accuracy 0.8"),
        (lab.batch_size, 601, "batch size 601, of which 500 is the nearest"),
        (lab.learning_rate, 1.28, "at the fixed rate 1.28"),
        (lab.learning_rate, 0.02, "by fewer than half of the runs at the fixed rate 0.02"),
        (lab.against, "iterations", " with the best rates, none at the fixed one"),
        (lab.runs_at, "fixed rate", "iterations"),
        (lab.runs_at, "best rates", "iterations"),
        (lab.against, "seconds", "seconds"),
        (lab.against, "epochs", "Fewest epochs"),
        (lab.learning_rate, 0.32, "0.32"),
    ):
        before = lab.picture.png
        control.value = value
        assert lab.picture.png != before
        assert said in lab.words()
        assert 'aria-live="polite"' in lab.status.value
        assert lab.words() in lab.status.value
        assert len(lab.picture.png) <= 15e3


def test_what_is_drawn_is_what_the_sweep_has_found(lab, sweep):
    lab.against.value, lab.learning_rate.value = "iterations", 0.32
    counts = sweep.iterations_to_target
    best, fixed = (np.median(costs, axis=1) for costs in lab.costs())
    np.testing.assert_allclose(fixed, np.median(counts[:, 1], axis=1))
    np.testing.assert_allclose(best, np.median(counts, axis=2).min(axis=1))
    drawn = {line.get_label(): line.get_xydata() for line in lab.picture.figure.axes[0].lines}
    np.testing.assert_allclose(drawn["best rate for each B"], np.stack([sweep.batch_sizes, best], axis=1))
    np.testing.assert_allclose(drawn["one fixed rate"], np.stack([sweep.batch_sizes, fixed], axis=1))
    law = measure.fit_law(sweep.batch_sizes, counts)
    np.testing.assert_allclose(drawn["the law, fitted to it"][:, 1], law.iterations(sweep.batch_sizes))
    for at in range(4):
        x, y = lab.run_of(at)
        assert (y[-1], x[-1]) == pytest.approx((0.8, best[at]))
    lab.against.value = "epochs"


def test_the_runs_fill_their_panel(lab):
    lab.learning_rate.value = 0.02
    for axis in ("epochs", "iterations", "samples seen", "seconds"):
        lab.against.value, lab.runs_at.value = axis, "best rates"
        low, high = lab.picture.figure.axes[1].get_xlim()
        ends = [lab.run_of(at)[0][-1] for at in range(len(lab.sizes))]
        assert high == pytest.approx(2 * max(ends))
        lab.runs_at.value = "fixed rate"
        fixed = lab.picture.figure.axes[1].get_xlim()
        assert fixed[0] == low
        assert fixed[1] > high  # for a rate that needs ever so long
    lab.against.value, lab.runs_at.value, lab.learning_rate.value = "epochs", "best rates", 0.32


def test_a_typed_rate_says_which_one_is_shown(lab):
    lab.learning_rate.box.value = "0.3"
    assert "at the fixed rate 0.32, in the sweep the nearest to 0.3 (median" in lab.words()
    lab.learning_rate.value = 0.32
    assert "the nearest to" not in lab.words()


def test_a_batch_size_is_shown_when_all_its_runs_are_finished():
    sweep = ch06_targets.digits_sweep(**SMALL | {"keep": False})
    at, work = len(sweep.learning_rates[0]) * len(sweep.seeds), sweep.work()
    while not at < sweep.finished < 2 * at:  # the second batch size has only begun
        next(work)
    lab = ch06_targets.TargetLab(ch06_targets.digits_sweep(**SMALL))
    lab.sweep, lab._done = sweep, -1
    lab._look_up()
    assert np.isfinite(np.median(lab.best[0]))
    assert np.isnan(lab.best[1:]).all()
    lab.batch_size.value = sweep.batch_sizes[1]
    assert lab.words() == f"batch size {sweep.batch_sizes[1]}, its runs are not finished yet."
    lab.seconds, lab.batch_size.value, lab.against.value = {}, sweep.batch_sizes[0], "seconds"
    assert lab.words().endswith("its seconds are not measured yet.")


def test_seconds_say_that_they_are_measured(lab):
    lab.against.value = "seconds"
    assert "after ≈ " in lab.words()
    lab.against.value = "epochs"
    assert "≈" not in lab.words()


def test_nothing_compiles_on_a_slider(lab):
    from batchlab import descent, sweeps

    made = descent.programs.cache_info().misses, sweeps.programs.cache_info().misses
    start, advances = sweeps.programs(lab.sweep.model, "classification", lab.sweep.optimizer, "cpu")
    with labs.nothing_compiles(start, *advances.values()):
        for size in (1, 7, 100, 1000):
            lab.batch_size.value = size
        for rate in (0.02, 0.5, 1.28):
            lab.learning_rate.value = rate
    assert (descent.programs.cache_info().misses, sweeps.programs.cache_info().misses) == made


@pytest.mark.parametrize(
    ("control", "typed", "said"),
    [
        ("batch_size", "1001", "must be a whole number"),
        ("batch_size", "x", "must be a whole number"),
        ("learning_rate", "9", "must be a number from 0.02 to 1.28"),
        ("learning_rate", "-1", "must be a number from 0.02 to 1.28"),
    ],
)
def test_impossible_values_are_refused_in_words(lab, monkeypatch, control, typed, said):
    lab.batch_size.value = 200
    labs.refuses(lab, monkeypatch, control, typed, said)
    lab.batch_size.value = 300 - lab.batch_size.value  # whatever is set next takes the complaint away
    assert lab.message.value == ""


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
    controls = lab.batch_size.slider, lab.learning_rate.box, lab.against, lab.runs_at
    assert all(control.disabled for control in controls)
    assert "the outcome is hidden" in lab.status.value
    assert "Fewest" not in lab.status.value
    assert not any(artist.get_visible() for artist in lab.picture.artists)
    assert "Make your prediction" in lab.message.value
    hidden = lab.picture.png
    quiz.ask("06.budget", unlocks=lab).commit(2)
    assert not any(control.disabled for control in controls)
    assert lab.picture.png != hidden
    assert "Fewest epochs" in lab.status.value


def test_the_static_picture_comes_with_words(lab):
    text, alt = labs.static_picture(lab)
    assert text == "TargetLab: digits, validation accuracy 0.8"
    assert alt.startswith("batch size 200, validation accuracy 0.8 is reached after")


def test_the_sweep_goes_on_in_slices_stops_and_goes_on(monkeypatch):
    settings = {**SMALL, "batch_sizes": (500, 1000), "num_epochs": [10, 20], "seed": 5, "keep": False}
    monkeypatch.setattr(bl.sweeps, "MOST_PARTS", 1)  # however quick the machine, it is stopped half-way

    async def session():
        lab = ch06_targets.TargetLab(ch06_targets.digits_sweep(**settings))
        seen = []
        lab.message.observe(lambda change: seen.append(change["new"]), "value")
        for size in (500, 501, 502):  # sliders do not end it
            lab.batch_size.value = size
            await asyncio.sleep(0.02)
        while lab.sweep.finished < 4:
            await asyncio.sleep(0.001)
        lab.pausing.click()
        await labs.rest(lab)
        done = lab.sweep.finished
        assert any("The sweep goes on, and has finished" in said for said in seen)
        assert f"was stopped after {done} of {lab.sweep.total} runs" in lab.message.value
        assert 0 < done < lab.sweep.total
        lab.batch_size.value = 1000
        await asyncio.sleep(0.05)
        assert lab.sweep.finished == done
        assert lab.words().startswith("batch size 1000, ")
        lab.pausing.click()
        lab.wait()
        assert lab.error is None
        assert lab.sweep.finished == lab.sweep.total
        assert lab.message.value == ""
        return lab.words()

    assert "Noise scale" in asyncio.run(session())
