"""A batch of any size in one of a few programs: it is padded to the next of some WIDTHS, or added up from pieces.

Array widths must be fixed when a program is compiled, batch sizes need not be. A batch larger than the largest width is
added up from pieces of that width, "micro-batches", which also bounds the memory of a step. And on a CPU a batch of 2
to 4 is added up from single samples: products of a matrix and a vector, which the compiler turns into one function
without a call in it (see `process.inline_small_loops`); that is two to four times as quick as padding for a network of
a thousand parameters, and no slower for one of ten thousand.
"""

import functools

import jax
import jax.numpy as jnp

from . import sharding

WIDTHS = (1, 4, 16, 32, 64)  # samples in one piece of work; a finer ladder compiles longer and gains little
SINGLY = 4  # up to this width a CPU takes one sample after the other


def ladder(platform, devices=1):
    """{most samples of a batch: (samples in one of its pieces, whether there are several)} of a kind of device.

    >>> ladder("cpu")
    {1: (1, False), 4: (1, True), 16: (16, False), 32: (32, False), 64: (64, True)}
    >>> ladder("gpu")[4]
    (4, False)
    """
    singly, rungs = SINGLY if platform == "cpu" and devices == 1 else 1, {}
    for width in WIDTHS:
        piece = 1 if width <= singly else width
        rungs[devices * width] = devices * piece, piece < width or width == WIDTHS[-1]
    return rungs


def rung(mosts, batch_size):
    """The rung of a `ladder` for a batch size: the first that holds it, or the largest, of which it takes several."""
    return next((most for most in mosts if most >= batch_size), max(mosts))


def lay_out(x, y, order, width):
    """Put the samples in the order of an epoch; a function of `at` takes those at..at+width, for `batch_gradient`.

    It returns where in the epoch they stand, and their rows of x and y. `sharding.deal` does it on several devices.
    """
    x, y = x[order], y[order]

    def take(at):
        return at + jnp.arange(width), [jax.lax.dynamic_slice_in_dim(array, at, width) for array in (x, y)]

    return take


def batch_gradient(loss, params, take, start, stop, width, several):
    """Gradient of the mean loss over the samples start..stop: (1/B) sum_i grad loss_i.

    Args:
        loss: `loss(params, x, y)` of each sample, (n,).
        params: pytree.
        take: `take(at)` gives the places in the epoch, (width,), and the rows of x and y, from place `at` on.
        start: the first place of the batch; traced.
        stop: the first place behind it; traced.
        width: samples in a piece.
        several: whether the batch may need several pieces.
    """

    def piece(at):
        places, rows = take(at)
        weights = jnp.where(places < stop, 1.0, 0.0) / (stop - start)
        return jax.grad(lambda params: jnp.sum(weights * loss(params, *rows)))(params)

    if not several:
        return piece(start)
    count = -((start - stop) // width)
    zero = jax.tree.map(jnp.zeros_like, params)
    return jax.lax.fori_loop(0, count, lambda i, total: jax.tree.map(jnp.add, total, piece(start + i * width)), zero)


def options(platform):
    """How XLA compiles for a kind of device: `compiler_options` of `jax.jit`, which jax 0.7.2 and 0.10.2 accept.

    On the CPU, level 1 compiles in two thirds of the time, and small loops run a fifth quicker. With the analysis of
    regions a loop carries its parameters without copying them: at batch size 1 an update is a seventh quicker. Vectors
    of 512 bits, where the processor has them, measure a loss a tenth to a third quicker.
    """
    if platform != "cpu":
        return None
    return {
        "xla_backend_optimization_level": 1,
        "xla_cpu_copy_insertion_use_region_analysis": True,
        "xla_cpu_prefer_vector_width": 512,
    }


def device_of(problem=None):
    """The device on which a problem is trained: where its samples were placed, or JAX's default.

    Of several it is the first of this process. The default is what `jax.default_device` says, as a context or a
    configuration, and else the first device.

    >>> device_of() == jax.devices()[0]
    True
    """
    x = getattr(problem, "x", None)
    if getattr(x, "committed", False):
        return min(x.sharding.addressable_devices, key=lambda device: device.id)
    default = jax.config.jax_default_device
    if default is None or isinstance(default, str):
        return jax.local_devices(backend=default)[0]
    return default


class Programs:
    """What a run compiles: its start, its measurement, and its training for each width.

    Args:
        start: `start(seed, learning_rate, params)`.
        measure: `measure(states, data, count)`.
        train: `train(state, data, orders, batch_size, learning_rate, num_epochs, width, several, devices)`.
        many: runs lie along a first axis of seeds, states and orders.
        platform: the kind of device.
        devices: several of them, over which the samples are spread; each takes a piece of one of the widths.

    Attributes:
        start, measure: the functions that were given, compiled.
        train: {most samples of a batch: program}.
        known: which of them have been compiled for which data, noted by who runs them.
    """

    def __init__(self, start, measure, train, *, many=False, platform="cpu", devices=()):
        if many:
            start, measure = (jax.vmap(one, in_axes=(0, None, None)) for one in (start, measure))
        jit = functools.partial(jax.jit, compiler_options=options(platform))
        self.start, self.measure, self.train, self.known = jit(start), jit(measure), {}, set()
        count = max(len(devices), 1)
        for most, (width, several) in ladder(platform, count).items():
            program = functools.partial(train, width=width, several=several, devices=count)
            if many:
                program = jax.vmap(program, in_axes=(0, None, 0, None, None, None))
            self.train[most] = jit(sharding.over(program, devices) if devices else program)
