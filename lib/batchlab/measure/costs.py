"""What a step takes in bytes, as the compiler reports it, and in seconds, as the clock does."""

import functools
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..checks import check_integer
from ..models import loss_of
from ..pieces import device_of


class Bytes(NamedTuple):
    """Bytes of a compiled step: what it is given, what it holds meanwhile, what it returns."""

    arguments: int
    temporaries: int
    outputs: int

    @property
    def total(self):
        """All three together: none of them can be given up while the step runs."""
        return sum(self)


class Saturation(NamedTuple):
    """Seconds of a step as t(B) = start * (1 + B / knee)."""

    start: float
    knee: float

    def seconds(self, batch_size):
        """Seconds of one step."""
        return self.start * (1 + np.asarray(batch_size) / self.knee)

    def samples_per_second(self, batch_size):
        """Samples a second: B / t(B), at most knee / start, and half of that at the knee."""
        return np.asarray(batch_size) / self.seconds(batch_size)


def steps(model, kind):
    """Two ways to take a batch, as functions to compile.

    `update(params, x, y, learning_rate)` takes it whole: one step of gradient descent on the mean loss. `add(total,
    params, x, y, weights)` takes a piece of it and adds its part of the gradient to the total; weights are 1 / B each.
    """
    loss = loss_of(model, kind)

    def update(params, x, y, learning_rate):
        grads = jax.grad(lambda params: loss(params, x, y).mean())(params)
        return jax.tree.map(lambda leaf, grad: leaf - learning_rate * grad, params, grads)

    def add(total, params, x, y, weights):
        grads = jax.grad(lambda params: weights @ loss(params, x, y))(params)
        return jax.tree.map(jnp.add, total, grads)

    return update, add


@functools.lru_cache(maxsize=64)
def compiled_step(model, kind, n_inputs, n_outputs, batch_size, micro_batch=None, device=None):
    """The program of one step for a device, compiled from shapes alone: no batch has to exist.

    With a micro-batch smaller than the batch it is the program that takes one piece, `steps(model, kind)[1]`.
    """
    whole = micro_batch is None or micro_batch >= batch_size
    place = None if device is None else jax.sharding.SingleDeviceSharding(device)

    def shape(*sizes):
        return jax.ShapeDtypeStruct(sizes, jnp.float32, sharding=place)

    params = jax.tree.map(lambda leaf: shape(*leaf.shape), jax.eval_shape(model.init, jax.random.key(0)))
    rows = batch_size if whole else micro_batch
    x, y = shape(rows, n_inputs), shape(rows, n_outputs)
    update, add = steps(model, kind)
    if whole:
        return jax.jit(update).lower(params, x, y, shape()).compile()
    return jax.jit(add).lower(params, params, x, y, shape(rows)).compile()


def step_bytes(model, kind, n_inputs, n_outputs, batch_size, micro_batch=None, device=None):
    """The memory of one step, as the compiler plans it before anything is run: `Bytes`.

    Temporaries are mostly what the forward pass leaves for the backward pass, for each sample of the batch. Source:
    `jax.stages.Compiled.memory_analysis`.

    Args:
        model: what is trained.
        kind: "regression" or "classification".
        n_inputs: columns of x.
        n_outputs: columns of y.
        batch_size: samples in the batch; no data are needed, so it can be larger than any memory.
        micro_batch: take the batch in pieces of this many samples, one after the other; the bytes are those of a piece.
        device: compile for this one; None is JAX's default.

    >>> from batchlab import models
    >>> one, many = (step_bytes(models.mlp((64, 32, 10)), "classification", 64, 10, size) for size in (1, 10**9))
    >>> many.arguments - one.arguments == (10**9 - 1) * (64 + 10) * 4  # the samples themselves, in float32
    True
    """
    batch_size = check_integer("batch_size", batch_size, 1)
    micro_batch = None if micro_batch is None else check_integer("micro_batch", micro_batch, 1)
    device = device or device_of()
    plan = compiled_step(model, kind, n_inputs, n_outputs, batch_size, micro_batch, device).memory_analysis()
    return Bytes(plan.argument_size_in_bytes, plan.temp_size_in_bytes, plan.output_size_in_bytes)


def byte_law(reports):
    """Constant and bytes a sample of the straight line through the two largest sizes of {batch size: bytes}.

    >>> byte_law({1: 110, 10: 300, 20: 500})
    (100.0, 20.0)
    """
    small, large = sorted(reports)[-2:]
    each = (reports[large] - reports[small]) / (large - small)
    return reports[small] - each * small, each


def bytes_at(reports, batch_size):
    """Bytes at any batch size, from {batch size: bytes}: straight between neighbours, and by the law beyond them all.

    >>> float(bytes_at({1: 110, 10: 300, 20: 500}, 15)), float(bytes_at({1: 110, 10: 300, 20: 500}, 100))
    (400.0, 2100.0)
    """
    sizes, (constant, each) = sorted(reports), byte_law(reports)
    inside = np.interp(batch_size, sizes, [reports[size] for size in sizes])
    return np.where(np.asarray(batch_size) > sizes[-1], constant + each * np.asarray(batch_size), inside)


def largest_batch(reports, budget):
    """The largest batch size whose bytes are within the budget, by {batch size: bytes}; 0 if there is none.

    >>> largest_batch({1: 110, 10: 300, 20: 500}, 2100), largest_batch({1: 110, 10: 300, 20: 500}, 100)
    (100, 0)
    """
    sizes, (constant, each) = sorted(reports), byte_law(reports)
    if budget < reports[sizes[0]]:
        return 0
    if budget > reports[sizes[-1]]:
        return int((budget - constant) / each)
    return int(np.interp(budget, [reports[size] for size in sizes], sizes) + 1e-6)


def device_peak(device=None):
    """The most bytes that the device itself has counted in use at one time, or None: a CPU does not count."""
    stats = (device or device_of()).memory_stats()
    return None if stats is None else stats["peak_bytes_in_use"]


@functools.lru_cache(maxsize=64)
def _ready_step(model, kind, n_inputs, n_outputs, batch_size, device):
    """A compiled step that has run once, with what to run it on: parameters, a batch, a learning rate."""
    program = compiled_step(model, kind, n_inputs, n_outputs, batch_size, None, device)
    x = np.random.default_rng(0).normal(size=(batch_size, n_inputs)).astype(np.float32)
    y = np.eye(n_outputs, dtype=np.float32)[np.arange(batch_size) % n_outputs]
    given = jax.device_put((model.init(jax.random.key(0)), x, y, np.float32(0.01)), device)
    jax.block_until_ready(program(*given))
    return program, *given


def time_step(model, kind, n_inputs, n_outputs, batch_size, device=None):
    """Seconds of one step, the mean of a few in a row on the same batch; it has been compiled and run before."""
    program, params, *rest = _ready_step(model, kind, n_inputs, n_outputs, batch_size, device or device_of())
    count = max(1, min(20, 2048 // batch_size))
    began = time.perf_counter()
    for _ in range(count):
        params = program(params, *rest)
    jax.block_until_ready(params)
    return (time.perf_counter() - began) / count


def throughput(model, kind, n_inputs, n_outputs, batch_sizes, repeats=9, device=None):
    """Seconds of one step at each batch size: (len(batch_sizes),), the median of several times.

    The sizes take turns, so that a machine that is busy for a while is so for all of them.
    """
    times = [
        [time_step(model, kind, n_inputs, n_outputs, size, device) for size in batch_sizes] for _ in range(repeats)
    ]
    return np.median(times, axis=0)


def fit_saturation(batch_sizes, seconds):
    """Fit t(B) = t0 (1 + B / B_sat) to the seconds of a step: a `Saturation`.

    t0 is what a step costs before its first sample, and t0 / B_sat what each sample adds. Least squares on relative
    errors, since the times span decades.

    >>> fit = fit_saturation([1, 10, 100], [2.1, 3.0, 12.0])  # 2 + B / 10
    >>> round(fit.start, 6), round(fit.knee, 6), round(float(fit.samples_per_second(20)), 6)
    (2.0, 20.0, 5.0)
    """
    sizes, seconds = np.asarray(batch_sizes, np.float64), np.asarray(seconds, np.float64)
    rows = np.stack([1 / seconds, sizes / seconds], axis=1)
    start, each = np.linalg.lstsq(rows, np.ones(len(sizes)))[0]
    start = max(start, 1e-3 * seconds.min())  # times that fall with B, on a busy machine, have no start of their own
    return Saturation(float(start), float(start / max(each, 1e-6 * seconds.max() / sizes.max())))
