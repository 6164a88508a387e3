"""The statements of the course, each tested over several seeds with the margin written down.

One test a statement, named by it, on the code paths that its chapter uses.
"""

import itertools

import jax
import numpy as np
import pytest

import batchlab as bl

# ---- chapter 03 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def default_runs():
    """Every dataset's default run under ten seeds, which change data, start and shuffles together."""
    return {
        name: [bl.fit(bl.data.load(name, seed=seed), seed=seed, **bl.data.DEFAULTS[name]) for seed in range(10)]
        for name in bl.data.DATASETS
    }


@pytest.mark.parametrize("name", list(bl.data.DATASETS))
def test_s05_with_more_epochs_from_underfitting_to_overfitting(default_runs, name):
    runs = default_runs[name]
    lowest = np.array([run.val_loss.min() for run in runs])
    # Underfitting: after one epoch the validation loss is above its lowest value, in the median by a tenth.
    assert np.median([run.val_loss[1] for run in runs] / lowest) > 1.1
    # Overfitting: at the end it is at least 1.5 times that value again, in the median.
    assert np.median([run.val_loss[-1] for run in runs] / lowest) >= 1.5
    # The turn lies neither at the start nor at the end: in the median between 2 % and 80 % of the epochs.
    share = np.median([run.best_epoch / run.num_epochs for run in runs])
    assert 0.02 < share < 0.8
    # Meanwhile the training loss has gone on falling, in the median to less than 0.8 of what it was at the turn.
    assert np.median([run.train_loss[-1] / run.train_loss[run.best_epoch] for run in runs]) < 0.8


def test_s05_not_with_plenty_of_data():
    # The other side of the condition: 256 samples of the same sine leave little to overfit. The chapter's run.
    run = bl.fit(
        bl.data.noisy_sine(n=256), seeds=5, hidden=(32, 32), batch_size=64, learning_rate=0.05, num_epochs=3000
    )
    assert np.median(run.val_loss[:, -1] / run.val_loss.min(axis=1)) < 1.2


def test_s06_no_number_of_epochs_is_right_for_every_dataset(default_runs):
    best = {name: np.array([run.best_epoch for run in runs]) for name, runs in default_runs.items()}
    medians = sorted(np.median(epochs) for epochs in best.values())
    # Three datasets, one of them real: neighbouring medians differ at least by half.
    assert all(later > 1.5 * sooner for sooner, later in itertools.pairwise(medians))
    # And it matters: stopping the sine where the digits are best leaves it far from its best.
    digits = int(np.median(best["digits"]))
    cost = [run.val_loss[digits] / run.val_loss.min() for run in default_runs["noisy sine"]]
    assert np.median(cost) > 1.15


# ---- chapter 01 ------------------------------------------------------------------------------------------------------

COUNTED = [(50, 1), (50, 6), (50, 7), (50, 10), (50, 50), (150, 64), (150, 75), (150, 149)]  # dividing N and not


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s01_an_epoch_uses_every_sample_once(n, batch_size):
    for seed in range(3):
        run, shares = bl.counting.watch(n, batch_size, num_epochs=2, seed=seed)
        epochs = np.split(shares > 0, run.num_epochs)
        # Observed inside the run: in each epoch each sample was in exactly one update.
        assert all((epoch.sum(axis=0) == 1).all() for epoch in epochs)
        # The other side: without the ragged last batch, n mod B samples would be in none.
        for epoch in epochs:
            whole = epoch[epoch.sum(axis=1) == batch_size]
            assert (whole.sum(axis=0) == 0).sum() == n % batch_size


def test_s01_also_beyond_the_first_block_of_shuffles():
    run, shares = bl.counting.watch(n=7, batch_size=3, num_epochs=130)
    assert all(((epoch > 0).sum(axis=0) == 1).all() for epoch in np.split(shares, run.num_epochs))


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s02_the_dataset_is_cut_into_batches_after_a_fresh_shuffle(n, batch_size):
    for seed in range(3):
        run, shares = bl.counting.watch(n, batch_size, num_epochs=2, seed=seed)
        orders = []
        for epoch, updates in enumerate(np.split(shares, run.num_epochs), start=1):
            cut = bl.counting.batches(epoch, n, batch_size, seed)
            # The run took just the batches that the picture shows, in this order; they overlap nowhere.
            assert [set(np.flatnonzero(update)) for update in updates] == [set(batch.tolist()) for batch in cut]
            orders.append(np.concatenate(cut).tolist())
            assert sorted(orders[-1]) == list(range(n))
            # And they are the chapter's exercise, done on the epoch's order.
            loop = bl.chapters.ch01.epoch_batches(orders[-1], batch_size)
            assert [batch.tolist() for batch in cut] == list(loop)
        # Shuffled afresh, but for the full batch, where there is nothing to shuffle.
        assert (orders[0] != orders[1]) == (batch_size < n)


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s03_batch_size_is_the_number_of_samples_in_a_step(n, batch_size):
    _, shares = bl.counting.watch(n, batch_size, num_epochs=2)
    sizes = (shares > 0).sum(axis=1)
    assert (sizes[:-1] <= batch_size).all()
    # All batches but the last of an epoch have B samples, and a batch of b weighs each of its samples by 1 / b.
    assert (sizes != batch_size).sum() == (2 if n % batch_size else 0)
    np.testing.assert_allclose(shares, (shares > 0) / sizes[:, None], rtol=1e-6)


def test_s03_batch_size_6_is_not_6_batches():
    made = {size: len(bl.counting.batches(1, 50, size)) for size in range(1, 51)}
    assert made[6] == 9
    assert [size for size, number in made.items() if number == 6] == [9]
    # The two are the same only where size times number happens to hold all samples.
    assert [size for size, number in made.items() if size == number] == []


@pytest.mark.parametrize(("n", "batch_size"), COUNTED)
def test_s04_an_iteration_is_one_batch_and_one_update(n, batch_size):
    run, shares = bl.counting.watch(n, batch_size, num_epochs=2)
    each = -(-n // batch_size)
    # Updates counted by the optimizer itself, by the history, and by the chapter's exercise.
    assert len(shares) == run.iterations[-1] == bl.chapters.ch01.count_updates(n, batch_size, 2) == 2 * each
    assert run.iterations.tolist() == [0, each, 2 * each]
    # A counter of passes, labelled "iterations", is right for the full batch only.
    assert (run.num_epochs == len(shares)) == (batch_size == n)


# ---- chapter 02 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line():
    """The straight line of the chapter: its surface, and its lowest loss."""
    scene, minima = bl.descending.surface("straight line")
    return scene, float(scene.losses(minima)[0])


def distances(scene, batch_size, learning_rate):
    """How far twenty seeds travel in one epoch: along the path, and from its start to its end."""
    run = scene.fit(batch_size=batch_size, learning_rate=learning_rate, num_epochs=1, seeds=20)
    path = bl.descending.path(run)
    return np.linalg.norm(np.diff(path, axis=1), axis=-1).sum(axis=1), np.linalg.norm(path[:, -1] - path[:, 0], axis=-1)


def test_s12_a_larger_batch_moves_the_weights_less_per_epoch(line):
    sizes = [1, 2, 4, 8, 16, 32, 64]
    travelled, moved = zip(*[distances(line[0], size, 0.05) for size in sizes], strict=True)
    # With every doubling of the batch the path of an epoch is shorter by at least 15 %; from 1 to 64 by a factor 8.
    assert all(np.median(fewer) > 1.15 * np.median(more) for fewer, more in itertools.pairwise(travelled))
    assert np.median(travelled[0]) > 8 * np.median(travelled[-1])
    # Nor does a larger batch come further from the start as the crow flies.
    assert all(np.median(fewer) > np.median(more) for fewer, more in itertools.pairwise(moved))


def test_s12_not_if_the_rate_grows_with_the_batch(line):
    # The other side of the condition: at rate 0.002 B an epoch is as long for every batch size, within a factor 1.4.
    travelled = [np.median(distances(line[0], size, 0.002 * size)[0]) for size in (1, 2, 4, 8, 16, 32, 64)]
    assert max(travelled) < 1.4 * min(travelled)


def late_excess(line, **settings):
    """How far the loss of twenty seeds lies above the lowest, mean over epochs 200 to 400: (20,)."""
    run = line[0].fit(num_epochs=400, seeds=20, **settings)
    return run.train_loss[:, 200:].mean(axis=1) - line[1]


def test_s14_at_a_fixed_rate_sgd_settles_at_a_floor(line):
    # With every seed the floor of SGD lies 5 % of the lowest loss above it or more; GD at the same rate has no floor.
    floor = late_excess(line, batch_size=1)
    assert floor.min() > 0.05 * line[1]
    assert late_excess(line, batch_size=64).max() < 1e-4
    # The floor is made by the rate: half the rate, hardly more than half the floor.
    assert np.median(late_excess(line, batch_size=1, learning_rate=0.025)) < 0.6 * np.median(floor)


def test_s14_a_decayed_rate_converges(line):
    # The other side of the condition: the same descent with a decaying rate comes a thousand times closer.
    decayed = late_excess(line, batch_size=1, optimizer=bl.descending.decayed_sgd)
    assert decayed.max() < 1e-3 * late_excess(line, batch_size=1).min()


@pytest.mark.parametrize("seed", range(5))
def test_s18_gd_ends_in_the_minimum_nearest_its_start(seed):
    scene = bl.descending.two_bumps(seed=seed)
    minima = scene.minima()
    starts, reached = bl.descending.basins(scene, minima, shape=(12, 6))
    apart = np.linalg.norm(starts[:, None] - minima[None], axis=-1)
    # Every start ends in a minimum: most in the nearest, and all that are twice as far from the other one.
    assert (reached >= 0).all()
    nearest = apart.argmin(axis=1)
    assert np.mean(reached == nearest) > 0.85
    clear = apart.min(axis=1) < 0.5 * apart.max(axis=1)
    assert (reached == nearest)[clear].all()
    # So many starts end in a minimum that is a good deal poorer than the other.
    assert np.mean(reached == 1) > 0.25
    assert scene.losses(minima[1]) > 1.3 * scene.losses(minima[0])


def test_s18_on_a_convex_loss_the_start_does_not_matter(line):
    scene, minima = bl.descending.surface("straight line")
    _, reached = bl.descending.basins(scene, minima, learning_rate=0.3, shape=(8, 6))
    assert (reached == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_s19_the_rate_of_sgd_must_be_lower(seed):
    scene = bl.descending.straight_line(seed=seed)
    lowest = scene.losses(scene.minima())[0]
    rates, stable, close = np.geomspace(0.02, 1, 35), {}, {}
    for batch_size in (1, 64):
        settings = {"batch_size": batch_size, "num_epochs": 60, "seeds": 10}
        losses = [scene.fit(learning_rate=rate, **settings).train_loss for rate in rates]
        stable[batch_size] = max(r for r, loss in zip(rates, losses, strict=True) if (loss[:, -1] < loss[:, 0]).all())
        near = [np.median(loss[:, -20:]) < 1.1 * lowest for loss in losses]
        close[batch_size] = max(rates[near])
    # The largest rate at which all ten seeds come down at all, and the largest that comes within 10 % of the lowest.
    assert stable[1] < 0.8 * stable[64]
    assert close[1] < 0.4 * close[64]


# ---- chapter 04 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy_gradients():
    """Inner products of per-sample gradients in the chapter's runs: dataset -> five seeds -> four epochs."""
    known = {}
    for name, (_, settings, num_epochs) in bl.noise.RUNS.items():
        n = len(bl.noise.RUNS[name][0]().x)
        known[name] = []
        for seed in range(5):
            problem = bl.data.load(name, n=n, seed=seed)
            run = bl.fit(problem, seed=seed, num_epochs=num_epochs, **settings)
            epochs = [0, num_epochs // 20, num_epochs // 5, num_epochs]
            inner = [bl.measure.inner_products(problem, run.model, run.params_at(epoch)) for epoch in epochs]
            known[name].append(inner)
    return known


@pytest.mark.parametrize("name", list(bl.noise.RUNS))
def test_s13_the_direction_gets_more_accurate_with_the_batch_size(noisy_gradients, name):
    for inner in itertools.chain(*noisy_gradients[name]):
        n = len(inner)
        cosines = [bl.measure.cosine(inner, bl.measure.draw_batches(n, size, 500)) for size in (1, 64, n)]
        medians = [np.median(cosine) for cosine in cosines]
        # At every epoch of every seed: 64 samples point better than one, by 0.05 or more, and all samples exactly
        # the right way. (Smaller steps can be flat where B is far below the noise scale.)
        for fewer, more in itertools.pairwise(medians):
            assert more > min(fewer + 0.05, 0.995)
        assert cosines[-1].min() > 1 - 1e-6
        # And one sample is a poor guide: its median cosine is below 0.85.
        assert medians[0] < 0.85


@pytest.mark.parametrize("name", list(bl.noise.RUNS))
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


@pytest.mark.parametrize("name", list(bl.noise.RUNS))
@pytest.mark.parametrize("replace", [True, False])
def test_s15_variance_falls_like_the_theory_says(noisy_gradients, name, replace):
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


@pytest.mark.parametrize("name", list(bl.noise.RUNS))
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


@pytest.mark.parametrize("name", list(bl.noise.RUNS))
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


@pytest.mark.parametrize("name", list(bl.noise.RUNS))
def test_s16_the_noise_scale_rises_along_the_run(noisy_gradients, name):
    for run in noisy_gradients[name]:
        first, last = (bl.measure.noise_scale(inner) for inner in (run[0], run[-1]))
        # At least fivefold with every seed, since the signal fades at least three times as much as the noise.
        assert last > 5 * first
        signal, noise = run[0].mean() / run[-1].mean(), bl.measure.variance(run[0]) / bl.measure.variance(run[-1])
        assert signal > 3 * noise


@pytest.mark.parametrize("name", list(bl.noise.RUNS))
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
        assert bl.chapters.ch04.two_batch(*lengths, 8, n // 2) == pytest.approx(value)
        held.append(low <= truth <= high)
    assert sum(held) >= 4  # of five 95 % intervals


# ---- chapter 05 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rate_grids():
    """The chapter's grid for three sets of digits, three starts and shuffles each."""
    problems = [bl.data.digits(n=512, label_noise=0, n_val=256, seed=seed) for seed in range(3)]
    return [bl.grids.RateGrid(problem).run(progress=False) for problem in problems]


def descend(problem, plan, seed):
    """The chapter's chain of runs: updates and training losses after every epoch of (batch size, rate, epochs)."""
    params, losses, updates = None, [], [0]
    for part, (batch_size, rate, epochs) in enumerate(plan):
        settings = {"batch_size": batch_size, "learning_rate": rate, "num_epochs": epochs}
        run = bl.fit(problem, hidden=(32,), params=params, seed=seed + 1000 * part, **settings)
        losses += run.train_loss[1:].tolist() if losses else run.train_loss.tolist()
        updates += (updates[-1] + run.iterations[1:]).tolist()
        params = run.params_at(epochs)
    return np.array(updates), np.array(losses)


def test_s19_the_rate_grows_with_the_batch_and_then_no_more(rate_grids, verdict):
    slopes, edge_slopes, flat = [], [], []
    for grid in rate_grids:
        best, edge = grid.best(), grid.edge()
        slopes.append(grid.slope(best))
        edge_slopes.append(grid.slope(edge))
        flat.append(best[-1] / best[-4])
        # In proportion up to B = 32: the power lies between 0.7 and 1.3, of the best rate and of the edge, and of the
        # edge also if a half or a quarter of the loss of guessing counts as lost.
        edges = [grid.edge(limit=share * grid.limit) for share in (0.5, 0.25)]
        assert all(0.7 < grid.slope(rates) < 1.3 for rates in (best, edge, *edges))
        # From 64 to 512, eightfold, the best rate grows less than threefold.
        assert flat[-1] < 3
        # The edge: at the full batch at least eight times what it is for SGD, which cannot even bear the best rate of
        # the full batch, nor half of it.
        assert edge[-1] > 8 * edge[0]
        assert edge[0] < best[-1] / 2
        # The linear rule from B = 8 is beyond the edge at the full batch.
        assert best[3] * 512 / 8 > edge[-1]
    verdict(
        "S19",
        f"up to B = 32 the best rate grows like B to the power ≈ {np.median(slopes):.2f}, the largest stable rate like "
        f"B to the power ≈ {np.median(edge_slopes):.2f}; from B = 64 to 512 the best rate grows ≈ "
        f"{np.median(flat):.1f}-fold",
    )


def test_s19_the_noise_scale_tells_where(rate_grids):
    for grid in rate_grids:
        params = grid.model.init(jax.random.key(0))
        scale = bl.measure.noise_scale(bl.measure.inner_products(grid.problem, grid.model, params))
        largest, best, sizes = bl.measure.largest_rate(grid.problem, grid.model, params), grid.best(), grid.batch_sizes
        # The bend lies between one and eight times the noise scale before training: a line through the small batches
        # still holds within a factor of 2 at the first, and is too high by more than a factor of 3 beyond.
        line = np.median((best / sizes)[:4]) * sizes
        assert (line[sizes <= scale] / best[sizes <= scale] < 2.1).all()
        assert line[-1] / best[-1] > 3
        # With one number fitted, eta_max, the rule holds within a factor of 4; with three times that noise scale, as
        # it is an epoch later, within 3.
        for times, within in ((1, 4), (3, 3)):
            rule = bl.measure.matched_rate(sizes, bl.measure.fitted_largest(sizes, best, times * scale), times * scale)
            assert np.abs(np.log(rule / best)).max() < np.log(within)
        # Without any fit, from what is measured before the first update, it holds within a factor of 2 up to B = 8.
        rule = bl.measure.matched_rate(sizes, largest, scale)
        assert np.abs(np.log(rule / best))[sizes <= 8].max() < np.log(2)


def test_s19_growing_the_batch_does_what_lowering_the_rate_does():
    for problem_seed in range(3):
        noisy = bl.data.digits(n=512, label_noise=0.2, n_val=256, seed=problem_seed)
        plans = {
            "nothing": [(8, 1.0, 20)],
            "decays": [(8, 1.0, 8), (8, 1 / 4, 6), (8, 1 / 16, 6)],
            "grows": [(8, 1.0, 8), (32, 1.0, 6), (128, 1.0, 6)],
        }
        runs = {name: [descend(noisy, plan, seed) for seed in range(3)] for name, plan in plans.items()}
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
        losses = descend(problem, [(512, 2.0, 10), (512, 16.0, 10)], 0)[1]
        assert losses[1:11].max() < guess / 2
        assert losses[11:].max() > 1.5 * guess
        assert losses[-1] > wild.train_loss[-1]


def test_s20_as_the_gradient_becomes_accurate_the_rate_must_be_raised(rate_grids):
    for grid in rate_grids:
        at = {
            budget: [dict(zip(*grid.losses(size, budget), strict=True))[0.25] for size in (8, 32, 512)]
            for budget in bl.grids.BUDGETS
        }
        # At equal epochs and one rate, the full batch ends forty times as high as batches of 8; at its own best rate
        # less than a tenth of that.
        assert at["equal epochs"][2] > 40 * at["equal epochs"][0]
        assert min(grid.losses(512, "equal epochs")[1]) < 0.1 * at["equal epochs"][2]
        # The other side: at equal updates and one rate nothing depends on the batch size beyond 32, within 5 %.
        assert abs(at["equal iterations"][2] / at["equal iterations"][1] - 1) < 0.05
