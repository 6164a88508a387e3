"""The statements of the course, each tested over several seeds with the margin written down.

One test a statement, named by it, on the code paths that its chapter uses.
"""

import dataclasses
import functools
import itertools

import jax
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab.course import (
    ch01_count,
    ch02_descend,
    ch03_overfit,
    ch04_noise,
    ch05_rates,
    ch06_targets,
    ch07_devices,
    ch08_rprop,
    ch09_escape,
)

# ---- chapter 03 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ten():
    """Ten draws of the data, starts and shuffles for every dataset under its default settings: the chapter's own."""
    return {name: ch03_overfit.ten_draws(name) for name in bl.data.DATASETS}


@pytest.mark.parametrize("name", list(bl.data.DATASETS))
def test_s05_with_more_epochs_from_underfitting_to_overfitting(ten, name):
    draws = ten[name]
    # Underfitting: after one epoch the validation loss is above its lowest value, in the median by a tenth.
    assert np.median(draws.val_loss[:, 1] / draws.lowest) > 1.1
    # Overfitting: at the end it is at least 1.5 times that value again, in the median.
    assert np.median(draws.val_loss[:, -1] / draws.lowest) >= 1.5
    # The turn lies neither at the start nor at the end: in the median between 2 % and 80 % of the epochs.
    num_epochs = draws.val_loss.shape[1] - 1
    assert 0.02 < np.median(draws.best_epoch / num_epochs) < 0.8
    # Meanwhile the training loss has gone on falling, in the median to less than 0.8 of what it was at the turn.
    at_best = np.take_along_axis(draws.train_loss, draws.best_epoch[:, None], axis=1)[:, 0]
    assert np.median(draws.train_loss[:, -1] / at_best) < 0.8


def test_s05_not_without_noise_and_not_with_plenty_of_data(ten, verdict):
    # The other side of the condition. One thing is changed at a time, and nothing else.
    noisy = ch03_overfit.rise(ten["noisy sine"])
    clean = ch03_overfit.rise(ch03_overfit.ten_draws("noisy sine", noise=0))
    few, many = (ch03_overfit.rise(ch03_overfit.ten_draws("noisy sine", n=n, num_epochs=1000)) for n in (12, 96))
    # In nine of ten draws, as a pair: without noise, or with eight times the samples, it rises less.
    assert (clean < noisy).sum() >= 9
    assert (many < few).sum() >= 8
    assert np.median(clean) < 0.1 * np.median(noisy)
    assert np.median(many) < 0.5 * np.median(few)
    last = ", ".join(f"≈ {np.median(draws.val_loss[:, -1] / draws.lowest):.1f} ({name})" for name, draws in ten.items())
    verdict(
        "S5",
        f"final validation loss {last} times its lowest, medians of ten draws; the sine's rises by "
        f"≈ {np.median(noisy):.2f} with noise 0.3, by ≈ {np.median(clean):.3f} without noise; within 1,000 epochs by "
        f"≈ {np.median(few):.2f} with 12 samples, by ≈ {np.median(many):.2f} with 96",
    )


def test_s06_no_number_of_epochs_is_right_for_every_dataset(ten, verdict):
    # Network, batch size and rate are the same, so only the data differ.
    assert len({(*s["hidden"], s["batch_size"], s["learning_rate"]) for s in bl.data.DEFAULTS.values()}) == 1
    sooner = sorted((draws.interval() for draws in ten.values()), key=lambda interval: interval[0])
    # Three datasets, one of them real: the 98 % intervals of the median best epochs do not overlap.
    assert all(one[2] < other[1] for one, other in itertools.pairwise(sooner))
    # And it matters: whatever number is chosen for all, one of them stays far above its lowest loss.
    common, cost = ch03_overfit.one_for_all(ten)
    assert cost > 1.3
    each = ", ".join(
        f"≈ {draws.interval()[0]:.0f} ({name}; ≈ {draws.interval()[1]} to ≈ {draws.interval()[2]})"
        for name, draws in ten.items()
    )
    verdict(
        "S6",
        f"same network, batch size and rate: lowest validation loss after {each} epochs, median and spread of eight of "
        f"ten draws; the best single number, ≈ {common}, leaves one at ≈ {cost:.1f} times its lowest",
    )


def test_s06_the_number_of_updates_in_an_epoch_is_not_all_of_it(ten):
    # Counted in updates the three overlap: most of the difference is that their epochs are not equally long.
    updates = [np.array(draws.interval()) * draws.iterations_per_epoch for draws in ten.values()]
    assert max(low for _, low, _ in updates) < min(high for *_, high in updates)
    # But with as many samples, and so as many updates in an epoch, moons and digits still differ.
    few = ch03_overfit.ten_draws("digits", n=100)
    assert few.iterations_per_epoch == ten["two moons"].iterations_per_epoch
    assert few.interval()[2] < ten["two moons"].interval()[1]
    # And 400 digits need as many epochs as 100, so four times the updates.
    assert 0.5 < few.interval()[0] / ten["digits"].interval()[0] < 2


def test_s06_a_larger_batch_moves_the_best_epoch_and_hardly_its_updates(ten):
    # One rate, one thing changed. At B = 12 the best epoch comes later than at B = 3 in nine of ten draws.
    small, full = ten["noisy sine"], ch03_overfit.ten_draws("noisy sine", batch_size=12)
    assert (full.best_epoch > small.best_epoch).sum() >= 9
    # In the median 2.5 to 10 times later: 4 is in proportion; the distractors are 1 and 1/4.
    assert 2.5 < np.median(full.best_epoch) / np.median(small.best_epoch) < 10


# ---- chapter 01 ------------------------------------------------------------------------------------------------------

COUNTED = [(50, 1), (50, 6), (50, 7), (50, 10), (50, 50), (150, 64), (150, 75), (150, 149)]  # dividing N and not


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s01_an_epoch_uses_every_sample_once(n, batch_size):
    for seed in range(3):
        run, shares = ch01_count.watch(n, batch_size, num_epochs=2, seed=seed)
        epochs = np.split(shares > 0, run.num_epochs)
        # Observed inside the run: in each epoch each sample was in exactly one update.
        assert all((epoch.sum(axis=0) == 1).all() for epoch in epochs)
        # The other side: without the ragged last batch, n mod B samples would be in none.
        for epoch in epochs:
            whole = epoch[epoch.sum(axis=1) == batch_size]
            assert (whole.sum(axis=0) == 0).sum() == n % batch_size


def test_s01_also_beyond_the_first_block_of_shuffles(verdict):
    run, shares = ch01_count.watch(n=7, batch_size=3, num_epochs=130)
    assert all(((epoch > 0).sum(axis=0) == 1).all() for epoch in np.split(shares, run.num_epochs))
    verdict(
        "S1",
        "7 samples in batches of 3: in each of 130 epochs every sample was used exactly once, the ragged last batch "
        "included",
    )


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s02_the_dataset_is_cut_into_batches_after_a_fresh_shuffle(n, batch_size, verdict):
    for seed in range(3):
        run, shares = ch01_count.watch(n, batch_size, num_epochs=2, seed=seed)
        orders = []
        for epoch, updates in enumerate(np.split(shares, run.num_epochs), start=1):
            cut = ch01_count.batches(epoch, n, batch_size, seed)
            # The run took just the batches that the picture shows, in this order; they overlap nowhere.
            assert [set(np.flatnonzero(update)) for update in updates] == [set(batch.tolist()) for batch in cut]
            orders.append(np.concatenate(cut).tolist())
            assert sorted(orders[-1]) == list(range(n))
        # Shuffled afresh, but for the full batch, where there is nothing to shuffle.
        assert (orders[0] != orders[1]) == (batch_size < n)
    if (n, batch_size) == (50, 6):
        verdict(
            "S2", f"50 samples at batch size 6 are {len(cut)} batches without overlap, from a fresh shuffle each epoch"
        )


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s03_batch_size_is_the_number_of_samples_in_a_step(n, batch_size):
    _, shares = ch01_count.watch(n, batch_size, num_epochs=2)
    sizes = (shares > 0).sum(axis=1)
    assert (sizes[:-1] <= batch_size).all()
    # All batches but the last of an epoch have B samples, and a batch of b weighs each of its samples by 1 / b.
    assert (sizes != batch_size).sum() == (2 if n % batch_size else 0)
    np.testing.assert_allclose(shares, (shares > 0) / sizes[:, None], rtol=1e-6)


def test_s03_batch_size_6_is_not_6_batches(verdict):
    made = {size: len(ch01_count.batches(1, 50, size)) for size in range(1, 51)}
    assert made[6] == 9
    assert [size for size, number in made.items() if number == 6] == [9]
    # The two are the same only where size times number happens to hold all samples.
    assert [size for size, number in made.items() if size == number] == []
    verdict("S3", f"50 samples at batch size 6 are {made[6]} batches; 6 batches need batch size 9")


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s04_an_iteration_is_one_batch_and_one_update(n, batch_size, verdict):
    run, shares = ch01_count.watch(n, batch_size, num_epochs=2)
    each = -(-n // batch_size)
    # Updates counted by the optimizer itself, and by the history.
    assert len(shares) == run.iterations[-1] == 2 * each
    assert run.iterations.tolist() == [0, each, 2 * each]
    # A counter of passes, labelled "iterations", is right for the full batch only.
    assert (run.num_epochs == len(shares)) == (batch_size == n)
    if (n, batch_size) == (50, 6):
        verdict("S4", f"50 samples at batch size 6: {each} iterations an epoch, {len(shares)} updates in 2 epochs")


# ---- chapter 02 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line():
    """The straight line of the chapter: its surface, its lowest loss, and its minimum."""
    scene, minima = ch02_descend.surface("straight line")
    return scene, float(scene.losses(minima)[0]), minima


@pytest.mark.parametrize("name", ch02_descend.FACTORIES)
def test_s12_a_larger_batch_moves_the_weights_less_per_epoch(line, name, verdict):
    # At one rate, so low that no batch size arrives within the epoch: from 1 to 64 each doubling of the batch shortens
    # the displacement by 30 % or more, for SGD, momentum and Adam, with every seed.
    optimizer, sizes = ch02_descend.FACTORIES[name], (1, 2, 4, 8, 16, 32, 64)
    rate = {"SGD": 0.005, "momentum 0.9": 0.0005, "Adam": 0.02}[name]
    path, moved = zip(*[ch02_descend.distances(line[0], size, rate, optimizer) for size in sizes], strict=True)
    assert all(more.min() > 1.4 * fewer.max() for more, fewer in itertools.pairwise(moved))
    assert np.median(moved[0]) > 20 * np.median(moved[-1])
    if name == "SGD":
        # At ten times the rate batch size 1 arrives within the epoch: from there only the zigzag grows.
        path, moved = zip(*[ch02_descend.distances(line[0], size, 0.05) for size in sizes], strict=True)
        assert np.median(path[0]) > 2 * np.median(moved[0])
        assert np.median(moved[0]) < 1.1 * np.median(moved[1])
        along, across = (np.median(one[0]) / np.median(one[-1]) for one in (path, moved))
        verdict(
            "S12",
            f"at one rate an epoch of B = 1 goes ≈ {along:.0f} times as far along its path as one of B = 64, and "
            f"≈ {across:.1f} times from start to end, since it has arrived by then",
        )


def test_s12_not_if_the_rate_grows_with_the_batch(line):
    # The other side of the condition: at a rate proportional to B the displacement of an epoch is the same for every
    # batch size, within a factor 1.4, under SGD and Adam. Under momentum it is not.
    spread = {}
    for name, optimizer in ch02_descend.FACTORIES.items():
        moved = [
            np.median(ch02_descend.distances(line[0], size, 0.001 * size, optimizer)[1]) for size in (1, 4, 16, 64)
        ]
        spread[name] = max(moved) / min(moved)
    assert spread["SGD"] < 1.4
    assert spread["Adam"] < 1.4
    assert spread["momentum 0.9"] > 2


def late_excess(line, **settings):
    """How far the loss of twenty seeds lies above the lowest, mean over epochs 200 to 400: (20,)."""
    return ch02_descend.late_excess(line[0], line[2], **settings)


def test_s14_at_a_fixed_rate_sgd_settles_at_a_floor(line):
    # With every seed the floor of SGD lies 5 % of the lowest loss above it or more; GD at the same rate has no floor.
    floor = late_excess(line, batch_size=1)
    assert floor.min() > 0.05 * line[1]
    assert late_excess(line, batch_size=64).max() < 1e-4
    # The rate and the batch size make the floor: at half the rate less than half, at B = 8 less than a tenth.
    assert late_excess(line, batch_size=1, learning_rate=0.025).max() < 0.6 * floor.min()
    assert late_excess(line, batch_size=8).max() < 0.1 * floor.min()
    # Nor is it SGD's alone: under momentum and Adam the floor of B = 1 rises with the rate, too.
    for optimizer in (ch02_descend.FACTORIES["momentum 0.9"], ch02_descend.FACTORIES["Adam"]):
        low, high = (late_excess(line, batch_size=1, learning_rate=rate, optimizer=optimizer) for rate in (0.01, 0.03))
        assert high.min() > 2 * low.max()


def test_s14_a_decayed_rate_converges(line, verdict):
    # The other side of the condition: the same descent with a decaying rate comes a thousand times closer.
    decayed = late_excess(line, batch_size=1, optimizer=ch02_descend.decayed_sgd)
    fixed = late_excess(line, batch_size=1)
    assert decayed.max() < 1e-3 * fixed.min()
    floor = 100 * np.median(fixed) / line[1]
    verdict(
        "S14",
        f"at a fixed rate the loss stays ≈ {floor:.0f} % above its lowest; with a decayed rate under a thousandth of "
        "that",
    )


def test_s18_gd_ends_in_the_minimum_of_its_basin_and_not_always_in_the_nearest():
    for seed in range(5):
        scene = ch02_descend.two_bumps(seed=seed)
        minima = scene.minima()
        starts, reached = ch02_descend.basins(scene, minima)
        # Every start ends in a minimum, and it is the basin that decides: at half the rate and at five times the
        # rate all end in the same one.
        assert (reached >= 0).all()
        for factor, updates in ((0.5, 1000), (5, 500)):
            rate = factor * scene.learning_rate
            assert (ch02_descend.basins(scene, minima, rate, updates)[1] == reached).all()
        # It is not the distance: 1 to 15 % of the starts on each draw end in the minimum that is further away.
        away = ch02_descend.strays(minima, starts, reached)
        assert 0.01 < away.mean() < 0.15
        # Only starts that are twice as near to one all end there.
        apart = np.linalg.norm(starts[:, None] - minima[None], axis=-1)
        assert not away[apart.min(axis=1) < 0.5 * apart.max(axis=1)].any()
        # So many starts end in a minimum that is a good deal poorer than the other.
        assert np.mean(reached == 1) > 0.25
        assert scene.losses(minima[1]) > 1.3 * scene.losses(minima[0])


def test_s18_on_a_convex_loss_the_start_does_not_matter(line):
    scene, minima = ch02_descend.surface("straight line")
    _, reached = ch02_descend.basins(scene, minima, learning_rate=0.3, shape=(8, 6))
    assert (reached == 0).all()


def test_s19_the_rate_of_sgd_must_be_lower_to_end_near_the_minimum_and_not_to_stay_finite():
    rates = np.geomspace(0.05, 0.6, 32)
    for seed in range(3):
        scene = ch02_descend.straight_line(seed=seed)
        (sgd, near), (_, near_8), (gd, near_64) = (
            ch02_descend.highest_rates(scene, size, rates) for size in (1, 8, 64)
        )
        # To end within 10 % of the lowest loss SGD needs a rate three times lower than GD, or more; 8 lies between.
        assert 3 * near < near_64
        assert near < near_8 < near_64
        # On a line of two parameters it diverges where GD does, within a sixth: neither at a 64th of that rate (in
        # proportion to B) nor at an eighth (to its root), nor where the steepest sample alone would, 2 / curvature.
        assert sgd == pytest.approx(gd, rel=1 / 6)
        steepest = 2 * (scene.problem.x.max() ** 2 + 1)
        assert sgd > 1.7 * 2 / steepest


LINEAR = bl.Model(lambda key: jax.numpy.zeros(32), lambda params, x: (x @ params)[:, None])


@pytest.mark.parametrize("seed", range(3))
def test_s19_with_many_weights_sgd_diverges_at_a_lower_rate_than_gd(seed):
    # The other side: with 32 inputs a sample's loss is far steeper than the mean of all, in a direction of its own.
    # There SGD diverges below a quarter of GD's rate, at any noise.
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 32)).astype(np.float32)
    rates, highest = np.geomspace(0.005, 1, 24), {}
    for noise in (0.0, 0.5):
        y = (x @ rng.normal(size=(32, 1)) + noise * rng.normal(size=(64, 1))).astype(np.float32)
        problem = bl.data.Problem(x, y, x, y, name="many inputs")
        for size in (1, 64):
            settings = {"model": LINEAR, "batch_size": size, "num_epochs": 60, "seeds": 5}
            runs = [bl.fit(problem, learning_rate=rate, **settings).train_loss for rate in rates]
            highest[size] = rates[[np.mean(loss[:, -1] < 100 * loss[:, 0]) >= 0.5 for loss in runs]].max()
        assert 4 * highest[1] < highest[64]


# ---- chapter 04 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy_gradients():
    """Inner products of per-sample gradients in the chapter's runs: dataset -> five draws -> four epochs."""
    known = {}
    for name, task in ch04_noise.runs.RUNS.items():
        epochs = 0, task.num_epochs // 20, task.num_epochs // 5, task.num_epochs
        known[name] = list(ch04_noise.runs.inner_products(name, epochs))
    return known


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s13_the_direction_gets_more_accurate_with_the_batch_size(noisy_gradients, name, verdict):
    medians = []
    for inner in itertools.chain(*noisy_gradients[name]):
        n = len(inner)
        cosines = [bl.measure.cosine(inner, bl.measure.draw_batches(n, size, 500)) for size in (1, 64, n)]
        medians.append([np.median(cosine) for cosine in cosines])
        # At every epoch of every seed: 64 samples point better than one, by 0.05 or more, and all samples exactly
        # the right way. (Smaller steps can be flat where B is far below the noise scale.)
        for fewer, more in itertools.pairwise(medians[-1]):
            assert more > min(fewer + 0.05, 0.995)
        assert cosines[-1].min() > 1 - 1e-6
        # And one sample is a poor guide: its median cosine is below 0.85.
        assert medians[-1][0] < 0.85
    one, many, _ = np.median(np.reshape(medians, (5, 4, 3)), axis=0).T
    # Late in the run 64 samples point the right way only roughly.
    assert many[-1] < 0.7
    if name == "digits":
        verdict(
            "S13",
            f"median cosine with the full gradient at B = 1 and 64: ≈ {one[0]:.2f} and {many[0]:.2f} at the start, "
            f"≈ {one[-1]:.2f} and {many[-1]:.2f} late (digits, plain mini-batch descent)",
        )


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s14_at_batch_size_1_the_gradient_jumps_about(noisy_gradients, name):
    for run in noisy_gradients[name]:
        for inner in run[1:]:  # after the start
            n = len(inner)
            one = bl.measure.draw_batches(n, 1, n)
            # The error is longer than the gradient itself, more than twofold, and some steps point uphill: one in
            # forty or more.
            assert np.sqrt(bl.measure.squared_deviation(inner, one).mean() / inner.mean()) > 2
            assert np.mean(bl.measure.cosine(inner, one) < 0) > 1 / 40
            # The other side: a batch of half the samples errs less than a quarter of that.
            half = bl.measure.draw_batches(n, n // 2, 500)
            ratio = bl.measure.squared_deviation(inner, half).mean() / bl.measure.variance(inner)
            assert np.sqrt(ratio) < 1 / 4


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
@pytest.mark.parametrize("replace", [True, False])
def test_s15_variance_falls_like_the_theory_says(noisy_gradients, name, replace, verdict):
    sizes = bl.measure.spread_sizes(len(noisy_gradients[name][0][0]), 8)
    ratios = []
    for run in noisy_gradients[name]:
        for inner in (run[0], run[-1]):
            measured = bl.measure.noise_curve(inner, sizes, draws=500, replace=replace)
            theory = bl.measure.expected_deviation(inner, sizes, replace=replace)
            if not replace:  # exactly zero at B = N, and only there
                assert measured[-1] == theory[-1] == 0
                measured, theory = measured[:-1], theory[:-1]
            assert (measured > 0).all()
            ratios.append(measured / theory)
    # Each curve of 500 draws lies within 40 % of the theory; the mean over ten curves within 10 %.
    assert np.abs(np.array(ratios) - 1).max() < 0.4
    assert np.abs(np.mean(ratios, axis=0) - 1).max() < 0.1
    if name == "digits" and not replace:
        mean = np.mean(ratios)
        verdict("S15", f"variance ≈ {mean:.2f} times tr Σ/B · (N − B)/(N − 1) for B < N, and exactly zero at B = N")


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s15_no_power_of_b_holds_up_to_the_full_batch(noisy_gradients, name):
    for run in noisy_gradients[name]:
        n = len(run[0])
        small, large = np.array([1, 2, 4, 8]), n - np.array([n // 2, n // 4, n // 8])
        slopes = []
        for sizes in (small, large):
            measured = bl.measure.noise_curve(run[0], sizes, draws=500)
            slopes.append(np.polyfit(np.log(sizes), np.log(measured), 1)[0])
        # 1/B among small batches, within 0.25; beyond half of the samples steeper than 1/B squared.
        assert abs(slopes[0] + 1) < 0.25
        assert slopes[1] < -2


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s16_at_the_noise_scale_noise_equals_signal(noisy_gradients, name):
    ratios = []
    for run in noisy_gradients[name]:
        scale = bl.measure.noise_scale(run[1])
        size = max(1, round(scale))
        batches = bl.measure.draw_batches(len(run[1]), size, 1000, replace=True)
        ratios.append(bl.measure.squared_deviation(run[1], batches).mean() / run[1].mean() * size / scale)
        # Ten times as large a batch is hardly better: the direction is right within a cosine of 0.93, in the median.
        beyond = bl.measure.draw_batches(len(run[1]), 10 * size, 200, replace=True)
        assert np.median(bl.measure.cosine(run[1], beyond)) > 0.93
    assert np.abs(np.array(ratios) - 1).max() < 0.2


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s16_returns_diminish_and_early_in_the_run_the_noise_scale_tells_where(name):
    early = ch04_noise.steps_of_draws(name, ch04_noise.runs.EARLY)
    sizes, shares = (np.array([getattr(one, what) for one in early]) for what in ("batch_sizes", "shares"))
    below, above = (
        np.median(np.log(shares[:, j] / shares[:, i]) / np.log(sizes[:, j] / sizes[:, i])) for i, j in ((0, 2), (3, 4))
    )
    # As a power of B, in the median of five draws: nearly proportional up to one noise scale, and less than its fourth
    # root from 4 to 16. Neither "proportional", nor the square root of B, nor "nothing beyond" is true of both.
    assert below > 0.65
    assert 0.03 < above < 0.25
    # At one noise scale about half of what the full gradient brings, at 16 most of it, yet not all.
    middle = np.median(shares, axis=0)
    assert 0.3 < middle[2] < 0.7
    assert 0.85 < middle[4] < 0.99


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s16_late_in_the_run_the_curvature_decides_where(name):
    # The other side: at one plain noise scale a step brings well below half with every draw, and at 16 it still gains.
    late = ch04_noise.steps_of_draws(name, ch04_noise.runs.RUNS[name].num_epochs)
    assert all(one.shares[2] < 0.35 for one in late)
    assert all(one.shares[4] > 1.3 * one.shares[3] for one in late)
    # Weighted with the curvature the scale is larger, and the law holds within 0.1 at every size, in the median.
    for made in (late, ch04_noise.steps_of_draws(name, ch04_noise.runs.EARLY)):
        law = np.array([1 / (1 + one.curved / one.batch_sizes) for one in made])
        assert np.abs(np.median(np.array([one.shares for one in made]) - law, axis=0)).max() < 0.1
    assert all(one.curved > 1.8 * one.scale for one in late)


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s16_the_noise_scale_rises_along_the_run(noisy_gradients, name):
    for run in noisy_gradients[name]:
        first, last = (bl.measure.noise_scale(inner) for inner in (run[0], run[-1]))
        # At least fivefold with every seed, since the signal fades at least three times as much as the noise.
        assert last > 5 * first
        signal, noise = run[0].mean() / run[-1].mean(), bl.measure.variance(run[0]) / bl.measure.variance(run[-1])
        assert signal > 3 * noise


@pytest.mark.parametrize("name", list(ch04_noise.runs.RUNS))
def test_s16_two_batches_find_the_noise_scale(noisy_gradients, name):
    held = []
    for seed, run in enumerate(noisy_gradients[name]):
        inner, n = run[0], len(run[0])
        batches = [bl.measure.draw_batches(n, size, 2000, replace=True, seed=seed) for size in (8, n // 2)]
        lengths = [bl.measure.squared_length(inner, rows) for rows in batches]
        value, low, high = bl.measure.two_batch_noise_scale(*lengths, 8, n // 2)
        truth = bl.measure.noise_scale(inner)
        # 2,000 pairs: within 20 % of the value from all per-sample gradients.
        assert abs(value / truth - 1) < 0.2
        assert ch04_noise.two_batch(*lengths, 8, n // 2) == pytest.approx(value)
        held.append(low <= truth <= high)
    assert sum(held) >= 4  # of five 95 % intervals


# ---- chapter 05 ------------------------------------------------------------------------------------------------------


OPTIMIZERS = list(ch05_rates.OPTIMIZERS)


@pytest.fixture(scope="module")
def best_rates():
    """The chapter's best rates at equal epochs: five draws of the digits, each with its own start and shuffles."""
    return {name: ch05_rates.best_rates(name, progress=False) for name in OPTIMIZERS}


@pytest.fixture(scope="module")
def sgd_grids(best_rates):
    """The grids behind those of SGD."""
    return ch05_rates.drawn("SGD", progress=False)


def off(rule, rates):
    """The largest factor between a rule and the median of the draws."""
    return np.exp(np.abs(np.log(rule / np.median(rates, axis=0))).max())


def test_s19_in_proportion_to_the_batch_for_sgd_and_momentum_and_less_for_adam(best_rates, verdict):
    power = {name: best.power(high=64) for name, best in best_rates.items()}
    later = {
        name: ch05_rates.best_rates(name, "equal iterations", progress=False).power(high=64) for name in OPTIMIZERS
    }
    # Each is a 95 % interval over the draws. SGD: 1 and nothing near the square root; so momentum.
    # Measured 0.99 to 1.04, and 0.88 to 1.04.
    assert 0.9 < power["SGD"].low < 1.05
    assert 0.95 < power["SGD"].high < 1.1
    assert 0.8 < power["momentum"].low < 1
    assert 0.95 < power["momentum"].high < 1.15
    # Adam is not in proportion, nor exactly the square root: measured 0.55 to 0.73 at equal epochs.
    assert power["Adam"].low > 0.5
    assert power["Adam"].high < 0.85
    # And that is no law: at equal updates it is less, 0.31 to 0.46, the others stay: 0.92 to 1.01, 0.92 to 1.05.
    assert later["Adam"].value < power["Adam"].value - 0.15
    assert later["Adam"].high < 0.55
    assert min(later["SGD"].low, later["momentum"].low) > 0.8
    # The question's number, a factor of about 14 from B = 1 to 64: proportion and no growth at all count as wrong.
    assert 8 < best_rates["Adam"].times(1, 64) < 24
    # Beyond the corner SGD's rate grows no more, momentum's still does: its corner lies at a larger batch.
    beyond = {name: best.power(64, 512) for name, best in best_rates.items()}
    assert beyond["SGD"].high < 0.4
    assert beyond["SGD"].low < 0.2
    assert beyond["momentum"].low > beyond["SGD"].high
    corner, _ = best_rates["SGD"].law()
    said = ", ".join(f"{name} ≈ {e.value:.2f} (≈ {e.low:.2f} to ≈ {e.high:.2f})" for name, e in power.items())
    verdict(
        "S19",
        "from B = 1 to 64 the best rate grows like B to the power, with its 95 % interval over five draws of the data: "
        f"{said}; that of SGD in proportion up to B ≈ {corner:.0f}, then no more",
    )


def test_s19_a_sharp_corner_fits_and_neither_the_square_root_nor_the_formula(best_rates, sgd_grids):
    best = best_rates["SGD"]
    sizes, rates = best.batch_sizes, best.rates
    corner, law = best.law()
    sharp = off(law, rates)
    assert sharp < 1.6  # measured 1.3
    assert off(np.median(rates / np.sqrt(sizes)) * np.sqrt(sizes), rates) > 3  # the square root; measured 3.8
    assert off(law[0] * sizes, rates) > 4  # proportion without end; measured 7
    # The formula with the noise scale before training, or after an epoch: its corner is softer than the measured one.
    scales = []
    for draw, grid in enumerate(sgd_grids):
        run = bl.fit(grid.problem, hidden=(32,), batch_size=32, learning_rate=1.0, num_epochs=1, seed=draw)
        tables = [bl.measure.inner_products(grid.problem, run.model, run.params_at(epoch)) for epoch in (0, 1)]
        scales.append([bl.measure.noise_scale(table) for table in tables])
    before, after = np.median(scales, axis=0)
    middle = np.median(rates, axis=0)
    for scale in (before, after):
        rule = bl.measure.matched_rate(sizes, bl.measure.fitted_largest(sizes, middle, scale), scale)
        assert off(rule, rates) > 1.2 * sharp
    # Without any fit, from what is measured before the first update, it holds within a factor of 2 up to B = 8.
    for grid, measured, (scale, _) in zip(sgd_grids, rates, scales, strict=True):
        params = grid.model.init(jax.random.key(int(grid.seeds[0])))
        rule = bl.measure.matched_rate(sizes, bl.measure.largest_rate(grid.problem, grid.model, params), scale)
        assert np.abs(np.log(rule / measured))[sizes <= 8].max() < np.log(2)
    # The corner lies at two to six times the noise scale before training, and the noise scale passes it in an epoch.
    assert 2 * before < corner < 6 * before
    assert after > corner


def test_s19_the_edge_of_stability_grows_with_the_batch_too(sgd_grids):
    sizes = sgd_grids[0].batch_sizes
    small = sizes <= 32
    best = np.median([grid.best() for grid in sgd_grids], axis=0)
    edges = [np.median([grid.edge(limit=share * grid.limit) for grid in sgd_grids], axis=0) for share in (1, 0.5, 0.25)]
    # The power of B up to 32 is far from the square root, whatever counts as lost: guessing, a half or a quarter of it.
    assert all(0.7 < np.polyfit(np.log(sizes[small]), np.log(edge[small]), 1)[0] < 1.3 for edge in edges)
    # At the full batch it is at least eight times what it is for SGD, which cannot bear half the best rate there.
    assert edges[0][-1] > 8 * edges[0][0]
    assert edges[0][0] < best[-1] / 2
    # The straight line from B = 8 is beyond the edge at the full batch.
    assert best[3] * 512 / 8 > edges[0][-1]


def test_s19_warm_up_rescues_a_deep_network_at_a_high_rate_and_hardly_lowers_the_best_loss():
    def warm_up(rate):
        return optax.sgd(optax.linear_schedule(0.0, rate, transition_steps=40))

    for seed in range(2):
        problem, median = ch05_rates.digits(seed), {}
        deep = {"batch_sizes": [128], "learning_rates": [2.0, 2.83, 4.0], "num_epochs": 30, "hidden": (32,) * 4}
        for optimizer in (optax.sgd, warm_up):
            sweep = bl.measure.sweep(problem, optimizer=optimizer, seeds=10, progress=False, **deep)
            median[optimizer] = np.median(sweep.last("train_loss")[0], axis=1)
        # At a rate of 4 measured 16 and 26 times as low with 20 seeds; the lowest loss of all is 0.85 to 0.9 times.
        assert median[warm_up][2] < median[optax.sgd][2] / 5
        assert median[warm_up].min() > 0.6 * median[optax.sgd].min()


def test_s19_growing_the_batch_does_what_lowering_the_rate_does():
    for problem_seed in range(3):
        noisy = bl.data.digits(n=512, label_noise=0.2, n_val=256, seed=problem_seed)
        plans = {
            "nothing": [(8, 1.0, 20)],
            "decays": [(8, 1.0, 8), (8, 1 / 4, 6), (8, 1 / 16, 6)],
            "grows": [(8, 1.0, 8), (32, 1.0, 6), (128, 1.0, 6)],
        }
        runs = {name: [ch05_rates.descend(noisy, plan, seed) for seed in range(3)] for name, plan in plans.items()}
        median = {name: np.median([losses for _, losses in done], axis=0) for name, done in runs.items()}
        # At equal epochs the two curves differ by less than a tenth everywhere, with about half the updates.
        assert np.abs(np.log(median["grows"] / median["decays"])).max() < 0.1
        assert runs["grows"][0][0][-1] < 0.55 * runs["decays"][0][0][-1]
        # The other side: without either the loss stays more than twice as high.
        assert median["nothing"][-1] > 2 * median["grows"][-1]


def test_s19_a_high_rate_is_dangerous_early_and_warm_up_only_moves_the_jump():
    for problem_seed in range(3):
        problem = bl.data.digits(n=512, label_noise=0, n_val=256, seed=problem_seed)
        wild = bl.fit(problem, hidden=(32,), batch_size=512, learning_rate=16.0, num_epochs=20)
        calm = bl.fit(problem, hidden=(32,), batch_size=512, learning_rate=2.0, num_epochs=20)
        guess = bl.measure.guessing_loss(problem)
        # At once: above guessing in the first ten epochs, and below a quarter of it in the next ten.
        assert wild.train_loss[1:11].max() > 1.5 * guess
        assert wild.train_loss[11:].max() < guess / 4
        # Since the loss flattens: the stable rate rises at least fivefold on the way, that of a calm run hardly in
        # ten epochs, where it is still below half of the rate.
        first, last = (bl.measure.stable_rate(problem, wild.model, wild.params_at(epoch)) for epoch in (0, 20))
        assert first < 16 / 4
        assert last > 5 * first
        assert bl.measure.stable_rate(problem, calm.model, calm.params_at(10)) < 16 / 2
        # So after ten calm epochs the high rate throws the run above guessing just the same.
        losses = ch05_rates.descend(problem, [(512, 2.0, 10), (512, 16.0, 10)], 0)[1]
        assert losses[1:11].max() < guess / 2
        assert losses[11:].max() > 1.5 * guess
        assert losses[-1] > wild.train_loss[-1]


def test_s19_a_ramp_tames_the_jump_where_there_are_updates_for_it_and_a_step_does_not():
    plans = {
        "once": [(16.0, 20)],
        "step": [(2.0, 10), (16.0, 10)],
        "ramp": [*((2.0 + 1.4 * epoch, 1) for epoch in range(10)), (16.0, 10)],
    }
    for problem_seed in range(3):
        problem = bl.data.digits(n=512, label_noise=0, n_val=256, seed=problem_seed)
        highest = {}
        for size in (128, 512):
            for name, plan in plans.items():
                runs = [ch05_rates.descend(problem, [(size, *part) for part in plan], seed)[1] for seed in range(5)]
                highest[size, name] = np.median([losses[1:].max() for losses in runs])
        # Batches of 128: measured 0.12 to 0.38 of the jump at once after a ramp, 0.86 to 1.1 after a step.
        assert highest[128, "ramp"] < 0.5 * highest[128, "once"]
        assert highest[128, "step"] > 0.7 * highest[128, "once"]
        # The full batch makes a single update an epoch: 0.8 to 1.1 after a ramp, more than all after a step.
        assert highest[512, "ramp"] > 0.6 * highest[512, "once"]
        assert highest[512, "step"] > highest[512, "once"]


def test_s20_as_the_gradient_becomes_accurate_the_rate_must_be_raised(sgd_grids):
    def loss(size, rate, budget):
        return np.median([grid.loss_at(size, rate, budget) for grid in sgd_grids])

    # At equal epochs and one rate, the full batch ends forty times as high as batches of 8; at its own best rate less
    # than a tenth of that.
    assert loss(512, 0.25, "equal epochs") > 40 * loss(8, 0.25, "equal epochs")
    assert loss(512, None, "equal epochs") < 0.1 * loss(512, 0.25, "equal epochs")
    # The other side: at equal updates and one rate nothing depends on the batch size beyond 32, within 5 %.
    assert abs(loss(512, 0.25, "equal iterations") / loss(32, 0.25, "equal iterations") - 1) < 0.05


# ---- chapter 06 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def races():
    """The chapter's races: six draws of the data, six batch sizes, four seeds each, at the best rates and at 0.16."""
    return ch06_targets.races(progress=False)


def of_all(races, name):
    """The epochs of all draws: (b, draws * seeds)."""
    return np.concatenate([getattr(race, name) for race in races], axis=1)


def test_s07_the_target_is_chosen_by_the_rule_that_the_chapter_states():
    # With every seed on every draw full-batch descent reaches 95 %, and not 96 %; the target is a point below that.
    settings = {"batch_sizes": [1000], "learning_rates": [2.56], "num_epochs": 200, "seeds": 4, "progress": False}
    most = []
    for draw in range(6):
        done = bl.measure.sweep(ch06_targets.digits(draw), seed=draw, hidden=(32,), **settings)
        most += [done.curve("val_accuracy", 1000, 2.56, seed)[1].max() for seed in done.seeds.tolist()]
    assert 0.95 <= min(most) < 0.96
    assert ch06_targets.digits_sweep().target == {"val_accuracy": 0.94}


def test_s07_the_ranking_of_batch_sizes_changes_with_the_axis(races, verdict):
    ratios = []
    for race in races:
        cost = np.median(race.best, axis=1)
        # On every draw, with the best rates: a batch of 64 or fewer needs the fewest epochs, one of 256 or more the
        # fewest iterations; from end to end the price rises fivefold on one axis and falls fiftyfold on the other.
        assert race.sizes[np.argmin(cost)] <= 64
        assert race.sizes[np.argmin(race.steps)] >= 256
        assert cost[-1] > 5 * cost[0]
        assert race.steps[0] > 50 * race.steps[-1]
        # So it is with each seed for itself: threefold and twentyfold.
        assert (race.best[-1] > 3 * race.best[0]).all()
        assert (race.best[0] * race.updates[0] > 20 * race.best[-1]).all()
        ratios.append((cost[-1] / cost[0], race.steps[0] / race.steps[-1]))
        # How well: at one epoch batch size 4 is ahead of the full batch by 0.08 or more, at four iterations it is
        # behind by 0.3 or more, in the mean over the seeds.
        longer = race.longer()
        at = {}
        for size, updates in ((4, 250), (1000, 1)):
            rate = longer.learning_rates[longer.batch_sizes.tolist().index(size), 0]
            curves = [longer.curve("val_accuracy", size, rate, seed) for seed in longer.seeds.tolist()]
            at[size] = [np.mean([np.interp(budget, *curve) for curve in curves]) for budget in (1, 4 / updates)]
        assert at[4][0] > at[1000][0] + 0.08
        assert at[4][1] < at[1000][1] - 0.3
    (fewest, most), (least, highest) = ((min(column), max(column)) for column in zip(*ratios, strict=True))
    verdict(
        "S7",
        f"to the same accuracy the full batch needs ≈ {fewest:.0f} to {most:.0f} times the epochs of batch size 1, and "
        f"batch size 1 ≈ {least:.0f} to {highest:.0f} times the iterations of the full batch (six draws of the data)",
    )


@pytest.mark.parametrize("name", list(ch06_targets.OPTIMIZERS))
def test_s12_at_one_rate_a_larger_batch_moves_the_weights_of_a_network_less(name):
    # With every doubling or more of the batch both the path and the straight distance of the first epoch are shorter,
    # with every seed; from 8 samples to 1,000 the distance by a factor 10 or more. For SGD the path tells three times
    # as much of it as the distance, the rest is zigzag.
    path, straight = ch06_targets.travel(ch06_targets.OPTIMIZERS[name])
    assert (np.diff(path, axis=1) < 0).all()
    assert (np.diff(straight, axis=1) < 0).all()
    assert (straight[:, 0] > 10 * straight[:, -1]).all()
    if name == "SGD":
        assert (path[:, 0] / path[:, -1] > 3 * straight[:, 0] / straight[:, -1]).all()


def test_s16_beyond_the_noise_scale_more_samples_save_hardly_an_iteration(races, verdict):
    saved, fitted, ratios = [], [], []
    for race in races:
        steps, law = race.steps, race.law
        # From 1 to 16 samples the iterations fall to a sixteenth within a factor 1.4, from 256 on by less than half.
        assert abs(np.log(steps[0] / steps[2] / 16)) < np.log(1.4)
        saved.append(1 - steps[5] / steps[4])
        assert saved[-1] < 0.5
        # The law of two parameters holds for the six batch sizes within a third, a power of B alone does not; nor does
        # the usual distractor, that twice the batch halves the iterations as long as there are samples.
        assert np.abs(steps / law.iterations(race.sizes) - 1).max() < 0.34
        slope, height = np.polyfit(np.log(race.sizes), np.log(steps), 1)
        assert np.abs(steps / np.exp(slope * np.log(race.sizes) + height) - 1).max() > 0.4
        assert steps[5] > 5 * steps[0] / 1000
        value, low, high = law.noise_scale
        assert low <= value <= high < 3 * low
        fitted.append(value)
        # The noise scale of the gradients, mean over a full-batch run to the target, is within a factor 4 of the
        # fitted one, whether the run goes at its best rate or gently: an order of magnitude, on single draws no more.
        ratios.append([race.noise_scales(best).mean() / value for best in (True, False)])
        assert 0.25 < min(ratios[-1]) <= max(ratios[-1]) < 4
    # Over the draws, in the median, within a factor 2.
    assert (np.abs(np.log(np.median(ratios, axis=0))) < np.log(2)).all()
    assert np.median(saved) < 0.3
    verdict(
        "S16",
        f"iterations to a target follow 1 + B_noise/B, B_noise ≈ {min(fitted):.0f} to {max(fitted):.0f} on six draws; "
        f"the gradients alone give ≈ {np.min(ratios):.1f} to {np.max(ratios):.1f} times that; from 256 to 1,000 "
        f"samples ≈ {100 * np.median(saved):.0f} % are saved (from {100 * min(saved):.0f} to {100 * max(saved):.0f})",
    )


def test_s17_at_a_fixed_rate_a_larger_batch_needs_more_epochs(races):
    # The median of all runs: from 4 samples on each larger batch needs more, and from 16 on four times the batch takes
    # three to five times the epochs. At batch size 1 the rate is too high: most runs do not arrive.
    fixed = of_all(races, "fixed")
    medians = np.median(fixed, axis=1)
    assert np.isinf(medians[0])
    assert (np.diff(medians[1:]) > 0).all()
    rises = medians[3:] / medians[2:-1]
    assert ((rises > 3) & (rises < 5)).all()
    for race in races:
        # On every draw: 16 samples against 256.
        assert np.median(race.fixed[4]) > 10 * np.median(race.fixed[2])
        # For the iterations are as many, within a factor 1.5.
        made = np.median(race.fixed, axis=1)[2:] * race.updates[2:]
        assert made.max() < 1.5 * made.min()


def test_s17_with_the_best_rate_only_beyond_the_noise_scale(races, verdict):
    # The other side of the condition, on every draw: from 1 to 64 samples the epochs stay within a factor 1.6, and from
    # 64 to 1,000 they rise more than fourfold; with each seed more than twofold.
    for race in races:
        cost = np.median(race.best, axis=1)
        assert cost[:4].max() < 1.6 * cost[:4].min()
        assert cost[5] > 4 * cost[3]
        assert (race.best[5] > 2 * race.best[3]).all()
        # The best rate is inside the grid for every batch size: the rates beside it are worse or as good.
        rates = race.sweep.learning_rates[np.arange(6), race.places]
        assert (rates > race.sweep.learning_rates[:, 0]).all()
        assert (rates < race.sweep.learning_rates[:, -1]).all()
    best, fixed = (np.median(of_all(races, name), axis=1) for name in ("best", "fixed"))
    verdict(
        "S17",
        f"SGD: from B = 4 to 1,000 the epochs rise ≈ {fixed[5] / fixed[1]:.0f}-fold at a fixed rate; with the best "
        f"rates ≈ {best[3] / best[0]:.1f}-fold from 1 to 64, and ≈ {best[5] / best[3]:.0f}-fold from 64 to 1,000 "
        "(medians of six draws of the data)",
    )


@pytest.mark.parametrize(
    ("optimizer", "rates", "steeper"),
    [
        (functools.partial(optax.sgd, momentum=0.9), (0.016, 0.032, 0.064, 0.256, 0.512), 8),
        (optax.adam, (0.008, 0.016, 0.032, 0.064, 0.128), 5),
    ],
    ids=["momentum", "Adam"],
)
def test_s17_for_momentum_and_adam_too(optimizer, rates, steeper):
    # At a fixed rate, the first, 16 times the batch takes at least so many times the epochs; with the best rates fewer
    # times, and still more: 256 samples are beyond the corner.
    race = bl.measure.sweep(
        ch06_targets.digits(), optimizer=optimizer, batch_sizes=[16, 256], learning_rates=rates, num_epochs=[8, 60],
        seeds=4, target={"val_accuracy": 0.94}, checks=16, hidden=(32,), progress=False,
    )  # fmt: skip
    epochs = np.median(race.epochs_to_target, axis=2)
    fixed, best = epochs[1, 0] / epochs[0, 0], epochs[1].min() / epochs[0].min()
    assert fixed > steeper
    assert 2 < best < 0.6 * fixed


# ---- chapter 07 ------------------------------------------------------------------------------------------------------

STEPS = {  # model, kind, columns of x and y: the chapter's perceptron, and one of another shape
    "64-128-10": ch07_devices.lab.STEP,
    "1-32-32-1": (bl.models.mlp((1, 32, 32, 1)), "regression", 1, 1),
}
BUDGET = 10**9  # bytes


def total(step, batch_size, micro_batch=None):
    return bl.measure.step_bytes(*step, batch_size, micro_batch).total


def parameter_bytes(step):
    return 4 * sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(step[0].init, jax.random.key(0))))


@pytest.mark.parametrize("name", list(STEPS))
def test_s08_memory_is_linear_in_b_above_a_constant(name, verdict):
    step = STEPS[name]
    reports = {size: total(step, size) for size in (1024, 1_000_000)}
    constant, each = bl.measure.byte_law(reports)
    # Two reports predict others, which the law has not seen, within 2 % (where this was
    # written: exactly for the first, within one for the second).
    for size in (1500, 123_457, 20_000_000):
        assert bl.measure.bytes_at(reports, size) == pytest.approx(total(step, size), rel=0.02)
    # A sample takes its own numbers and at least the activations of one hidden layer, all in four bytes.
    assert each >= 4 * (step[2] + step[3] + 32)
    # Smaller batches are arranged in other ways, but never beyond the line by more than a tenth, and always growing.
    sizes = [1, 8, 64, 512, 1024]
    small = [total(step, size) for size in sizes]
    assert all(value <= 1.1 * (max(constant, 2 * parameter_bytes(step)) + each * size) + 1000
               for value, size in zip(small, sizes, strict=True))  # fmt: skip
    assert all(more > fewer for fewer, more in itertools.pairwise(small))
    # A small memory wants a small batch: half the memory holds half the samples, within 1 %, where both are many.
    fits = [bl.measure.largest_batch(reports, budget) for budget in (BUDGET, BUDGET // 2)]
    assert fits[0] / fits[1] == pytest.approx(2, rel=0.01)
    # The other side: at B = 1 the parameters, old and new, are most of it, so that no smaller batch would help.
    assert 2 < total(step, 1) / parameter_bytes(step) < 3
    if name == "64-128-10":
        share = total(step, 256) / total(step, 1)
        # The optimizer's state makes the constant larger and the slope not: momentum keeps one number for each
        # parameter, Adam two, old and new.
        laws = {kind: ch07_devices.plans.law(made, step) for kind, made in ch07_devices.OPTIMIZERS.items()}
        for kind, copies in (("SGD", 2), ("momentum", 4), ("Adam", 6)):
            assert laws[kind][0] == pytest.approx(copies * parameter_bytes(step), rel=0.02)
            assert laws[kind][1] == pytest.approx(each, rel=0.001)
        law = f"≈ {each:,.0f} bytes a sample above a constant of ≈ {constant / 1e3:.0f} kB"
        more = f"with Adam ≈ {laws['Adam'][0] / 1e3:.0f} kB"
        verdict(
            "S8", f"as a CPU's compiler plans it, a step takes {law} ({more}); B = 256 takes ≈ {share:.1f} times B = 1"
        )


@pytest.mark.parametrize("name", list(STEPS))
def test_s10_full_batch_fits_until_the_budget_and_micro_batches_always(name, verdict):
    step = STEPS[name]
    reports = {size: total(step, size) for size in (1024, 1_000_000)}
    most = bl.measure.largest_batch(reports, BUDGET)
    # Predicted: up to `most` samples fit. Reported: 2 % fewer do, 2 % more do not.
    assert total(step, int(0.98 * most)) <= BUDGET < total(step, int(1.02 * most))
    # A small dataset is fine, a large one is not, by far.
    assert total(step, 1000) < BUDGET / 100
    assert total(step, 50_000_000) > 10 * BUDGET
    # In micro-batches the memory does not grow with the batch, and stays within one and a half times what a batch of
    # that size takes at once, and the sum of the gradients before and after.
    for size in (64, 256):
        pieces = [total(step, n, size) for n in (1000, 1_000_000, 50_000_000)]
        assert len(set(pieces)) == 1
        assert pieces[0] <= 1.5 * total(step, size) + 2 * parameter_bytes(step)
        assert pieces[0] < BUDGET / 100
    if name == "64-128-10":
        fits, large = f"≈ {most / 1e3:.0f} thousand samples", f"≈ {total(step, 50_000_000) / 1e9:.0f} GB"
        verdict(
            "S10",
            f"as a CPU's compiler plans it, full batch fits into 1 GB up to {fits}; 50 million take {large}, in "
            "micro-batches of 64 < 1 MB",
        )


@pytest.mark.parametrize("seed", range(3))
def test_s10_micro_batches_give_the_same_gradient(seed):
    problem, model = bl.data.digits(n=500, seed=seed), ch07_devices.lab.STEP[0]
    params = model.init(jax.random.key(seed))
    whole = bl.measure.batch_gradient(problem, model, params)

    def gradient(x, y):
        part = dataclasses.replace(problem, x=x, y=y)
        return bl.measure.batch_gradient(part, model, params)

    for micro_batch in (250, 240):  # dividing 500 and not
        pieces = ch07_devices.accumulate(gradient, problem.x, problem.y, micro_batch)
        # To 1e-5 of its length: the sum is taken in another order.
        assert np.linalg.norm(pieces - whole) < 1e-5 * np.linalg.norm(whole)
    # The other side: without the weights of the pieces it is another gradient, off by more than a thousandth.
    parts = [gradient(problem.x[at : at + 240], problem.y[at : at + 240]) for at in range(0, 500, 240)]
    assert np.linalg.norm(np.mean(parts, axis=0) - whole) > 1e-3 * np.linalg.norm(whole)


def test_s11_larger_batches_use_the_hardware_better_until_saturation(verdict):
    sizes = [1, 16, 256, 1024, 4096]
    for _attempt in range(3):  # a machine that is busy with something else can spoil one
        seconds = bl.measure.throughput(*ch07_devices.lab.STEP, sizes, repeats=15)
        rate = dict(zip(sizes, sizes / seconds, strict=True))
        # On an idle machine 256 make some 25 to 50 times the samples a second of 1, and 4,096 at most 1.5 those of
        # 1,024: the margins are wide on both sides.
        gain, rest = rate[256] / rate[1], rate[4096] / rate[1024]
        if gain > 4 and rest < 2:
            break
    assert gain > 4
    assert rest < 2
    # The knee of the fitted law lies between: above one sample, below a thousand.
    assert 1 < bl.measure.fit_saturation(sizes, seconds).knee < 1000
    more = "B = 256 makes more than 4 times the samples a second of B = 1"
    verdict("S11", f"{more}; from B = 1,024 to 4,096 they do not even double")


# ---- chapter 08 ------------------------------------------------------------------------------------------------------


def last_ten(problem, optimizer, rates):
    """Training loss of ten starts at batch size 1, before training and in the last ten of 50 epochs: (10,), (10,).

    At the best of the rates, by the median.
    """
    settings = {"hidden": (8,), "batch_size": 1, "num_epochs": 50, "seeds": 10, "optimizer": optimizer}
    losses = [bl.fit(problem, learning_rate=rate, **settings).train_loss for rate in rates]
    late = min((np.median(loss[:, -10:], axis=1) for loss in losses), key=np.median)
    return losses[0][:, 0], late


def test_s09_full_gradients_differ_in_size_by_decades():
    digits, model = bl.data.digits(n=400), bl.models.mlp((64, 32, 32, 10))
    run = bl.fit(digits, hidden=(32, 32), batch_size=400, num_epochs=20, learning_rate=0.1, seeds=5)
    for epoch, seed in itertools.product((0, 20), range(5)):
        params = [(weight[seed], bias[seed]) for weight, bias in run.params_at(epoch)]
        gradient = bl.measure.batch_gradient(digits, model, params)
        # With every start, before and after training: nine weights in ten within 1.5 decades or more, all within 3.5.
        assert bl.measure.decades(gradient) > 1.5
        assert bl.measure.decades(gradient, middle=1.0) > 3.5


def test_s09_it_is_curvature_and_not_the_size_of_gradients_that_makes_one_rate_hard_to_choose():
    bowls, rates = ch08_rprop.bowls(draws=20), np.geomspace(0.01, 1.96, 12)
    gd = {name: [ch08_rprop.left_by(optax.sgd(rate), *bowl) for rate in rates] for name, bowl in bowls.items()}
    # Gradients a thousandfold apart, one curvature: any rate in a tenfold range leaves less than a millionth.
    wide = np.max(gd["gradients differ"], axis=1) < 1e-6
    assert rates[wide].max() / rates[wide].min() > 10
    # All gradients of one size, curvatures a thousandfold apart: with each draw every rate leaves a fifth or more.
    assert np.min(gd["curvatures differ"]) > 0.2
    # Rprop, with one first step, is at the bottom of both.
    for bowl in bowls.values():
        assert ch08_rprop.left_by(ch08_rprop.rprop(0.01), *bowl).max() < 1e-6


def test_s09_rprop_where_units_differ_and_gd_where_they_do_not(verdict):
    epochs = {}
    for name, problems in ch08_rprop.views.units(draws=3).items():
        for rule, (optimizer, rates) in ch08_rprop.views.TUNED.items():
            epochs[name, rule] = np.concatenate(
                [ch08_rprop.epochs_to(problem, optimizer, rates) for problem in problems]
            )
    unequal = ["one in ten, units differ 100-fold", "one in ten, units differ 1,000-fold", "wine, in its own units"]
    for name in unequal:
        # Full batches to a loss of 0.1, GD at the best of seven rates: never within 600 epochs.
        assert not np.isfinite(epochs[name, "GD"]).any()
        # Rprop, untuned, within 200 with every start; at 1,000-fold with three in four (two of 15 never arrive).
        arrived = np.mean(epochs[name, "Rprop"] < 200)
        assert arrived == 1 or (name == unequal[1] and arrived > 0.75)
        # So does Adam at its best rate, within 600 and with half of the starts or more.
        assert np.median(epochs[name, "Adam"]) < 600
    # The other side: with standardised inputs GD takes less than four times as long on the one dataset, and less than
    # half as long on the other.
    alike = epochs["one in ten, standardised", "GD"], epochs["one in ten, standardised", "Rprop"]
    assert 1 < np.median(alike[0]) / np.median(alike[1]) < 4
    wine = epochs["wine, standardised", "GD"], epochs["wine, standardised", "Rprop"]
    assert 2 * wine[0].max() < wine[1].min()
    # Units hardly matter to Rprop: a factor of 1,000 costs less than a factor of 3.
    assert np.median(epochs["one in ten, units differ 1,000-fold", "Rprop"]) < 3 * np.median(alike[1])
    # At batch size 1, Rprop ends far above where it began.
    start, late = last_ten(ch08_rprop.one_in_ten(), ch08_rprop.rprop, [0.01])
    gd, signs = (np.median(epochs["one in ten, standardised", rule]) for rule in ("GD", "Rprop"))
    verdict(
        "S9",
        f"full batch, inputs in units 100-fold apart: Rprop reaches a loss of 0.1 in "
        f"≈ {np.median(epochs[unequal[0], 'Rprop']):.0f} epochs, GD at the best of 7 rates not in 600; standardised: "
        f"≈ {signs:.0f} against ≈ {gd:.0f} on one dataset, ≈ {np.median(wine[1]):.0f} against "
        f"≈ {np.median(wine[0]):.1f} on another; batch size 1: its loss rises from "
        f"≈ {np.median(start):.2f} to ≈ {np.median(late):.1f}",
    )


def test_s09_nine_and_one_cancel_under_sgd_and_not_under_rprop():
    cycles, follow = ch08_rprop.NINE_AND_ONE * 5, ch08_rprop.follow
    # SGD is back after every cycle, to float32. The large gradient comes last.
    assert np.abs(follow(optax.sgd(0.01), cycles)[9::10]).max() < 1e-8
    # With a first step of 0.01 every Rprop drifts; the -0.2 and -1.1 that are often quoted are of the one that goes on
    # with the halved step.
    for change, ends in {"go": [-0.19, -1.08], "wait": [-0.21, -8.13], "back": [-0.16, -6.45]}.items():
        np.testing.assert_allclose(follow(ch08_rprop.rprop(0.01, change=change), cycles)[[9, 49]], ends, atol=0.006)
        # In any order: 200 shuffles of each cycle, all but a few drift the same way.
        shuffles = np.random.default_rng(0).permuted(np.tile(ch08_rprop.NINE_AND_ONE, (5, 200, 1)), axis=2)
        ends = follow(ch08_rprop.rprop(0.01, change=change), shuffles.transpose(0, 2, 1).reshape(50, 200))[-1]
        assert np.mean(ends < -0.1) > 0.95
    # RMSprop keeps a little of it: after the first cycle less than 0.02 in each.
    drift = follow(optax.rmsprop(0.01), cycles)[[9, 49]]
    assert abs(drift[1] - drift[0]) / 4 < 0.02


def test_s09_rprop_drifts_away_on_single_samples_of_a_network():
    for seed in range(3):
        problem = ch08_rprop.one_in_ten(seed=seed)
        for rule in (ch08_rprop.rprop, optax.rprop):
            start, late = last_ten(problem, rule, [0.01])
            # With every start the loss ends above 3 times what it was before training.
            assert (late > 3 * start).all()
        # SGD and RMSprop, on the same batches and tuned for them, come down to less than 0.4 of it, with every start.
        for rule, rates in ((optax.sgd, (0.01, 0.03, 0.1)), (optax.rmsprop, (0.003, 0.01, 0.03))):
            start, late = last_ten(problem, rule, rates)
            assert late.max() < 0.4 * np.median(start)


def test_s09_where_signs_are_evenly_mixed_rprop_freezes():
    for seed in range(3):
        start, late = last_ten(ch08_rprop.one_in_ten(share=0.5, seed=seed), ch08_rprop.rprop, [0.01])
        # Neither away nor down: in the median within 15 % of the start, where a tuned SGD comes below 0.75 of it.
        assert abs(np.median(late / start) - 1) < 0.15
        start, late = last_ten(ch08_rprop.one_in_ten(share=0.5, seed=seed), optax.sgd, (0.01, 0.03, 0.1))
        assert np.median(late / start) < 0.75


# ---- chapter 09 ------------------------------------------------------------------------------------------------------


def test_s18_gd_ends_in_the_minimum_of_its_own_basin_which_need_not_be_the_nearest(verdict):
    starts, near = np.linspace(-0.5, 6.5, 113), []
    for seed in range(5):
        scene = ch09_escape.wheel(seed)
        # Not on a top itself, which is known to the step of a grid, and where rounding decides.
        off = np.abs(starts[:, None] - scene.tops).min(axis=1) > 0.01
        own = scene.basin(starts)
        calm, higher, wild = ch09_escape.ends(scene, starts, np.array([0.02, 0.035, 0.25]), updates=600)
        # Below 1 / largest curvature (0.038 or more here) every start of every wheel ends in its own basin, whatever
        # the rate is; those that have not settled after 600 updates are at most 3 of 113.
        assert scene.curvature(scene.grid).max() < 1 / 0.035
        for ended in (calm, higher):
            assert (ended == own)[(ended >= 0) & off].all()
            assert np.sum(ended == -1) <= 3
        # By distance the nearest minimum is the right one for most, and never for all: the share itself is bounded.
        near.append(ch09_escape.nearest_share(scene, starts))
        assert 0.8 < near[-1] < 0.95
        # The other side of the condition: far above 2 / curvature a third of the starts or more settle nowhere.
        assert np.mean(wild == -1) > 0.33
    verdict(
        "S18",
        "on five wheels every start ends in its own basin at a low rate; only for "
        f"≈ {100 * np.mean(near):.0f} % is that the nearest minimum",
    )


def test_s18_slow_on_much_data():
    for seed in range(3):
        epochs = {}
        for n, batch_size in ((64, 64), (640, 640), (640, 64)):
            scene = ch09_escape.wheel(seed, n)
            run = scene.fit(2.6, seeds=1, batch_size=batch_size, learning_rate=0.01, num_epochs=40)
            places = np.array([run.params_at(epoch)[0, 0] for epoch in range(41)])
            there = np.abs(places - scene.minima[scene.good]) < 0.1
            assert there[-1]
            epochs[n, batch_size] = there.argmax()
        # Ten times the data, as many epochs (within a half), so about ten times the gradients; batches of 64 take a
        # third of the epochs or fewer.
        assert 0.5 < epochs[640, 640] / epochs[64, 64] < 1.5
        assert 3 * epochs[640, 64] <= epochs[640, 640]


@pytest.fixture(scope="module")
def escapes():
    """How many of 200 descents from 1 turn a second end in the best basin: 512 updates, rate 0.02, three wheels."""
    return [ch09_escape.escapes(ch09_escape.wheel(seed), (1, 2, 4, 64)) for seed in range(3)]


def test_s20_noise_leaves_the_poor_minimum_wherever_it_comes_from(escapes, verdict):
    for found in escapes:
        # 200 descents each. Batches of 1: over half end in the best basin, and so with noise of the same variance;
        # the full batch: none, in as many updates. The intervals lie far apart.
        assert found["batches", 1].low > 0.5
        assert found["gaussian", 1].low > 0.5
        assert found["batches", 64].high < 0.02
        # The shares fall with B: batches of 2 still bring a quarter or more, batches of 4 hardly any.
        assert found["batches", 2].low > 0.2
        assert found["batches", 4].high < 0.1
    told = {
        key: f"≈ {100 * min(found[key].value for found in escapes):.0f} to "
        f"≈ {100 * max(found[key].value for found in escapes):.0f} %"
        for key in escapes[0]
    }
    verdict(
        "S20",
        f"of 200 descents on each of three wheels {told['batches', 1]} reach the best minimum with batches of 1, "
        f"{told['batches', 2]} with batches of 2, at most a tenth with batches of 4, none with the full batch alone; "
        f"with the full batch and Gaussian noise {told['gaussian', 1]} and {told['gaussian', 2]}; on eight draws of "
        "the digits no batch size gains or loses a point of accuracy on average",
    )


def test_s20_the_variance_is_not_the_whole_story(escapes):
    disjoint = [
        max(found["batches", size].low, found["gaussian", size].low)
        > min(found["batches", size].high, found["gaussian", size].high)
        for found, size in itertools.product(escapes, (1, 2, 4))
    ]
    # "As many, but for chance" is refuted: of nine pairs of 95 % intervals at least five do not overlap, among them
    # that of batches of 1 on the first wheel, of which the chapter asks.
    assert sum(disjoint) >= 5
    assert disjoint[0]
    # Noise with the shape of a batch's error, too, lies closer to the batches than Gaussian noise: a mean distance of
    # at most two thirds (measured 6 against 16 points).
    distance = {
        noise: np.mean([abs(found[noise, size].value - found["batches", size].value)
                        for found, size in itertools.product(escapes, (1, 2, 4))])
        for noise in ch09_escape.NOISES
    }  # fmt: skip
    assert distance["redrawn"] < 0.67 * distance["gaussian"]
    # Where the batches bring fewer than half, Gaussian noise brings more, on every wheel; where more, fewer.
    for found, size in itertools.product(escapes, (1, 2, 4)):
        batches, gaussian = found["batches", size].value, found["gaussian", size].value
        assert (gaussian > batches) == (batches < 0.5)


def test_s20_gaussian_noise_leads_out_of_the_best_minimum_more_often_than_batches_of_one_do():
    stay = []
    for seed in range(4):
        scene = ch09_escape.wheel(seed)
        bottom = scene.minima[scene.good]
        run = scene.fit(bottom, seeds=200, batch_size=1, learning_rate=0.02, num_epochs=8)
        noisy = ch09_escape.descend(scene, np.full(200, bottom), 0.02, batch_size=1)
        stay.append([scene.share(places).value for places in (run.params_at(8)[:, 0], noisy[:, -1])])
    # Measured 0.99, 0.89, 0.995, 0.97 with batches, and 0.86, 0.845, 0.84, 0.94 with Gaussian noise.
    batches, gaussian = np.transpose(stay)
    assert (batches > gaussian).all()
    assert batches.mean() > gaussian.mean() + 0.05


@pytest.mark.parametrize("seed", range(3))
def test_s20_the_rate_must_be_raised_with_the_batch(seed):
    scene = ch09_escape.wheel(seed)
    share = {
        (size, factor): scene.share(scene.places([(size, 0.014 * factor, 16)]))
        for size, factor in ((1, 1), (2, 1), (4, 1), (2, 2**0.5), (2, 2), (4, 2), (4, 4), (16, 16))
    }
    # At equal epochs and the same rate a batch of 2 loses over 40 points of the share, one of 4 all but 5 %. With the
    # rate raised in proportion a batch of 2 is within 15 points, and one of 4 within 35.
    assert share[2, 1].value < share[1, 1].value - 0.4
    assert share[4, 1].value < 0.05
    assert abs(share[2, 2].value - share[1, 1].value) < 0.15
    assert share[4, 4].value > share[1, 1].value - 0.35
    # The usual other rule, the root of B, does not bring it back: at B = 4 its interval lies below that of B = 1.
    assert share[4, 2].high < share[1, 1].low
    # The other side of the condition: beyond 2 / curvature the rule fails, by over 35 points at B = 16.
    assert 16 * 0.014 * scene.curvature(scene.minima[scene.good]) > 2
    assert share[16, 16].value < share[1, 1].value - 0.35


@pytest.mark.parametrize("label_noise", ch09_escape.accuracy.LOSSES)
def test_s20_on_the_digits_batch_size_makes_no_difference_that_eight_draws_could_tell(label_noise):
    found = ch09_escape.accuracies(label_noise, range(8), progress=False)
    assert np.isfinite(found).all()  # both training losses are reached, the minimum too
    mean, half = ch09_escape.differences(found)
    # The distractor, "small batches read at least two in a hundred more", or fewer: refuted by every interval.
    assert (np.abs(mean) < 1).all()
    assert (np.abs(mean) + half < 2).all()
    # What does matter: with wrong labels the minimum is over ten points worse than the early stop; with right ones not.
    lost = found[..., 0].mean() - found[..., 1].mean()
    assert lost > 10 if label_noise else abs(lost) < 2


def test_s20_seeds_on_one_draw_of_the_data_can_seem_to_prove_what_other_draws_do_not_show():
    one, half = ch09_escape.differences(ch09_escape.accuracies(0.3, range(1), seeds=8, progress=False))
    many, wide = ch09_escape.differences(ch09_escape.accuracies(0.3, range(8), progress=False))
    # At the higher rates, early: -1.3 +- 0.8 and -1.0 +- 0.9 points on one draw; over eight draws 0 is inside.
    assert (one[:, 1, 0] + half[:, 1, 0] < 0).all()
    assert (np.abs(many[:, 1, 0]) < wide[:, 1, 0]).all()
