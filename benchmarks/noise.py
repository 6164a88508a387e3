"""Seconds for the noise of a gradient: per-sample gradients, and the variance against the batch size."""

import statistics
import time

import jax
import numpy as np

import batchlab as bl

from .tables import heading, progress, table, verdict

ROUNDS, DRAWS, TARGET = 3, 200, 3
OURS = "batchlab"


def torch_peers(problem, params):
    """What a user of PyTorch would write with `torch.func`: name -> (per-sample gradients, noise curve)."""
    import torch
    from torch.func import grad, vmap

    weights = [tuple(torch.tensor(np.array(part)) for part in pair) for pair in params]
    x, y = torch.tensor(problem.x), torch.tensor(problem.y.argmax(axis=1))

    def loss(weights, x, y):
        for weight, bias in weights[:-1]:
            x = torch.tanh(x @ weight + bias)
        weight, bias = weights[-1]
        return torch.nn.functional.cross_entropy((x @ weight + bias)[None], y[None])

    def samples():
        grads = vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)
        return torch.cat([part.reshape(len(x), -1) for pair in grads for part in pair], dim=1)

    def indexing(sizes):
        grads = samples()
        full = grads.mean(0)
        curve = []
        for size in sizes:
            draws = [torch.randperm(len(x))[:size] for _ in range(DRAWS)]
            curve.append(torch.stack([((grads[rows].mean(0) - full) ** 2).sum() for rows in draws]).mean())
        return np.array(curve)

    def product(sizes):
        grads = samples()
        full = grads.mean(0)
        curve = []
        for size in sizes:
            batches = (torch.rand(DRAWS, len(x)).argsort(1).argsort(1) < size).float() / size
            curve.append(((batches @ grads - full) ** 2).sum(1).mean())
        return np.array(curve)

    return {"PyTorch, indexing": (samples, indexing), "PyTorch, matrix product": (samples, product)}


def times(contestants):
    """Seconds in each round; rounds take all contestants in turn, after one that warms up."""
    spent = {name: [] for name in contestants}
    for warm in range(ROUNDS + 1):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            if warm:
                spent[name].append(time.perf_counter() - began)
    return spent


def report():
    problem, model = bl.data.digits(n=400), bl.models.mlp((64, 128, 10))
    params = model.init(jax.random.key(0))
    sizes = bl.measure.spread_sizes(400, 20)
    seeds = iter(range(10**6))  # never the same batches twice, so that none are at hand from an earlier round

    def curve(_sizes):
        inner = bl.measure.inner_products(problem, model, params)
        return bl.measure.noise_curve(inner, _sizes, DRAWS, seed=next(seeds))

    contestants = {OURS: (lambda: bl.measure.per_sample_gradients(problem, model, params), curve)}
    try:
        contestants |= torch_peers(problem, params)
    except ImportError:
        contestants["PyTorch"] = None
    heading(
        "Gradient noise",
        f"Digits 64-128-10, N = 400: per-sample gradients, and the variance at {len(sizes)} batch sizes with {DRAWS} "
        f"batches each, gradients included. Median of {ROUNDS} rounds without compilation, and in brackets how many "
        "times as fast batchlab is.",
    )
    progress("noise")
    present = {name: both for name, both in contestants.items() if both is not None}
    expected = bl.measure.expected_deviation(bl.measure.inner_products(problem, model, params), sizes)
    for name, (samples, measured) in present.items():
        assert np.shape(samples()) == (400, 9610), name
        np.testing.assert_allclose(measured(sizes), expected, rtol=0.3, atol=1e-6, err_msg=name)
    each = times({name: both[0] for name, both in present.items()})
    curves = times({name: lambda both=both: both[1](sizes) for name, both in present.items()})
    rows = []
    for name, both in contestants.items():
        if both is None:
            rows.append([name, "not installed", "not installed", ""])
            continue
        medians = [statistics.median(spent[name]) for spent in (each, curves)]
        ratios = [
            median / statistics.median(spent[OURS]) for median, spent in zip(medians, (each, curves), strict=True)
        ]
        cells = [f"{1e3 * median:,.0f} ms ({ratio:.3g}x)" for median, ratio in zip(medians, ratios, strict=True)]
        target = (
            f"under 2 s: {verdict(medians[1] < 2)}" if name == OURS else f"{TARGET}x: {verdict(ratios[1] >= TARGET)}"
        )
        rows.append([name, *cells, target])
    table(["", "per-sample gradients", "noise against B", "target for the curve"], rows)
