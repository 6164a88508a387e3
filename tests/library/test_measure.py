"""The noise of gradients against NumPy: derivatives by hand, batches averaged one by one, formulas written out."""

import jax
import numpy as np
import pytest

import batchlab as bl
from batchlab import measure

from .numpy_descent import double, gradient

CASES = {
    "noisy sine": (lambda: bl.data.noisy_sine(n=30), (8, 8)),
    "two moons": (lambda: bl.data.two_moons(n=25), (6,)),
    "digits": (lambda: bl.data.digits(n=40), (16,)),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """A problem, its run, parameters after three epochs, and the per-sample gradients by hand."""
    make, hidden = CASES[request.param]
    problem = make()
    run = bl.fit(problem, hidden=hidden, batch_size=5, num_epochs=3)
    params = run.params_at(3)
    x, y = problem.x.astype(np.float64), problem.y.astype(np.float64)
    rows = [gradient(double(params), x[[i]], y[[i]], problem.kind) for i in range(len(x))]
    by_hand = np.array([np.concatenate([part.ravel() for pair in row for part in pair]) for row in rows])
    return problem, run.model, params, by_hand


def close(found, expected, rtol=1e-4):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-5 * np.max(np.abs(expected)))


def test_per_sample_gradients(case):
    problem, model, params, by_hand = case
    close(measure.per_sample_gradients(problem, model, params), by_hand)


def test_batch_gradients_are_means(case):
    problem, model, params, by_hand = case
    close(measure.batch_gradient(problem, model, params), by_hand.mean(axis=0))
    for rows in ([0], [3, 1, 7], [2, 2, 5]):
        close(measure.batch_gradient(problem, model, params, rows), by_hand[rows].mean(axis=0))


@pytest.mark.parametrize("budget", ["one piece", "pieces of 7", "sample by sample"])
def test_inner_products_in_pieces(case, monkeypatch, budget):
    problem, model, params, by_hand = case
    rows = {"one piece": 1000, "pieces of 7": 7, "sample by sample": 0}[budget]
    monkeypatch.setattr(measure.gradients, "PIECE_BYTES", 4 * by_hand.shape[1] * rows)
    inner = measure.inner_products(problem, model, params)
    assert inner.dtype == np.float64
    assert (inner == inner.T).all()
    close(inner, by_hand @ by_hand.T)


def test_memory_of_the_inner_products_is_bounded(monkeypatch):
    monkeypatch.setattr(measure.gradients, "PIECE_BYTES", 2**20)
    problem = bl.data.digits(n=1700)
    model = bl.models.mlp((64, 128, 10))
    params = model.init(jax.random.key(0))
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    rows = measure.gradients.PIECE_BYTES // (4 * size)
    x, y = (np.zeros((-(-1700 // rows), rows, array.shape[1]), np.float32) for array in (problem.x, problem.y))
    used = measure.gradient_programs(model, problem.kind)[2].lower(params, x, y).compile().memory_analysis()
    table = 4 * 1700**2
    # Two pieces and what it takes to make them; all per-sample gradients at once would be 65 MB.
    assert used.temp_size_in_bytes < 2 * table + 8 * 2**20
    assert 4 * 1700 * size > 60e6


@pytest.mark.parametrize("replace", [False, True])
def test_batches_one_by_one(case, replace):
    by_hand = case[3]
    inner, full, n = by_hand @ by_hand.T, by_hand.mean(axis=0), len(by_hand)
    for size in (1, 4, n):
        weights = measure.draw_batches(n, size, 20, replace=replace, seed=3)
        assert weights.shape == (20, n)
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        if not replace:
            assert set(np.unique(weights)) <= {0, 1 / size}
        batches = weights @ by_hand
        lengths = np.linalg.norm(batches, axis=1)
        np.testing.assert_allclose(measure.squared_length(inner, weights), lengths**2, rtol=1e-9)
        deviation = ((batches - full) ** 2).sum(axis=1)
        np.testing.assert_allclose(measure.squared_deviation(inner, weights), deviation, atol=1e-12 * inner.max())
        cosine = batches @ full / (lengths * np.linalg.norm(full))
        np.testing.assert_allclose(measure.cosine(inner, weights), cosine, atol=1e-9)
        assert measure.noise_curve(inner, [size], 20, replace=replace, seed=3)[0] == pytest.approx(
            deviation.mean(), rel=1e-3, abs=1e-6 * inner.max()
        )


def test_shuffles_are_nested():
    small, large = (measure.draw_batches(20, size, 50, seed=1) for size in (3, 9))
    assert (large[small > 0] > 0).all()


def test_variance_and_noise_scale(case):
    by_hand = case[3]
    inner, full = by_hand @ by_hand.T, by_hand.mean(axis=0)
    trace = np.trace(np.cov(by_hand.T, bias=True))
    assert measure.variance(inner) == pytest.approx(trace)
    assert measure.noise_scale(inner) == pytest.approx(trace / (full @ full))


def test_expected_deviation_is_the_mean_over_all_batches():
    """Over every batch that there is, not over draws: three of five samples, with and without replacement."""
    rng = np.random.default_rng(0)
    grads = rng.normal(size=(5, 3))
    inner, n, size = grads @ grads.T, 5, 3
    every = np.array(np.meshgrid(*[range(n)] * size)).reshape(size, -1).T
    deviation = ((grads[every].mean(axis=1) - grads.mean(axis=0)) ** 2).sum(axis=1)
    distinct = np.array([len(set(rows)) == size for rows in every.tolist()])
    assert measure.expected_deviation(inner, size, replace=True) == pytest.approx(deviation.mean())
    assert measure.expected_deviation(inner, size) == pytest.approx(deviation[distinct].mean())
    assert measure.expected_deviation(inner, n) == 0


def test_plane_is_the_full_gradient_and_the_principal_direction_across(case):
    by_hand = case[3]
    plane, full = measure.plane(by_hand @ by_hand.T), by_hand.mean(axis=0)
    length = np.linalg.norm(full)
    np.testing.assert_allclose(plane[:, 0], by_hand @ full / length**2, rtol=1e-6)
    np.testing.assert_allclose(plane.mean(axis=0), [1, 0], atol=1e-6)
    across = by_hand - np.outer(by_hand @ full, full) / length**2
    singular = np.linalg.svd(across, compute_uv=False)
    assert np.linalg.norm(plane[:, 1]) * length == pytest.approx(singular[0], rel=0.01)


def test_jackknife_written_out(case):
    grads = case[3]

    def ratio(grads):
        n, mean = len(grads), grads.mean(axis=0)
        spread = ((grads - mean) ** 2).sum() / (n - 1)
        return (mean @ mean - spread / n) / spread

    n, at = len(grads), ratio(grads)
    others = np.array([ratio(np.delete(grads, i, axis=0)) for i in range(n)])
    half = 1.96 * np.sqrt((n - 1) / n * ((others - others.mean()) ** 2).sum())
    expected = [1 / bound if bound > 0 else np.inf for bound in (at, at + half, at - half)]
    np.testing.assert_allclose(measure.estimate_noise_scale(grads @ grads.T), expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_the_truth_as_often_as_they_say(seed):
    """Gradients from a normal distribution of known noise scale, 200 times: 95 % intervals, at least 88 % of them."""
    rng, truth, held = np.random.default_rng(seed), 20.0, {"samples": 0, "two batches": 0}
    signal = np.zeros(40)
    signal[0] = np.sqrt(40 / truth)  # each of 40 directions has variance 1
    for _ in range(200):
        grads = signal + rng.normal(size=(100, 40))
        _, low, high = measure.estimate_noise_scale(grads @ grads.T)
        held["samples"] += low <= truth <= high
        lengths = [((signal + rng.normal(size=(60, 40)) / np.sqrt(b)) ** 2).sum(axis=1) for b in (4, 64)]
        _, low, high = measure.two_batch_noise_scale(*lengths, 4, 64)
        held["two batches"] += low <= truth <= high
    assert min(held.values()) >= 176


def test_two_batches_solve_two_equations():
    signal, trace = 0.7, 12.0
    lengths = [np.full(20, signal + trace / size) for size in (8, 128)]
    np.testing.assert_allclose(measure.two_batch_noise_scale(*lengths, 8, 128), trace / signal)
    value, low, high = measure.two_batch_noise_scale(lengths[0][:2], lengths[1][:2], 8, 128)
    assert (value, low, high) == (pytest.approx(trace / signal), 0, np.inf)


def test_without_a_signal_the_noise_scale_is_infinite():
    assert measure.two_batch_noise_scale([8.0, 9.0], [0.10, 0.12], 1, 64).value == np.inf


def test_spread_sizes():
    for n in (1, 2, 5, 50, 300, 400, 1787):
        sizes = measure.spread_sizes(n, 20)
        assert sizes[0] == 1
        assert sizes[-1] == n
        assert len(sizes) == min(n, 20)
        assert (np.diff(sizes) > 0).all()


@pytest.mark.parametrize("size", [0, 41, 2.0])
def test_batches_that_cannot_be_drawn(size):
    with pytest.raises((ValueError, TypeError), match="batch_size is"):
        measure.draw_batches(40, size, 3)


def test_nothing_compiles_for_other_parameters_or_batches():
    problem = bl.data.noisy_sine(n=30)
    run = bl.fit(problem, hidden=(8,), num_epochs=3)
    inner = measure.gradient_programs(run.model, problem.kind)[2]
    sizes = set()  # other tests may have left programs for data of other shapes
    for epoch in range(4):
        measure.inner_products(problem, run.model, run.params_at(epoch))
        sizes.add(inner._cache_size())
    assert len(sizes) == 1
