"""Samples spread over several devices: each holds its share, computes its part of a batch, and they add up.

Every device keeps the parameters and N / D of the samples. Of a batch each is dealt an equal part, wherever these
samples lie; each adds up the gradient of its part, and one sum over the devices (an all-reduce) gives all of them the
gradient of the batch. So the update is that of one device, up to the order of a sum. The devices can be several GPUs of
one machine, or of several after `jax.distributed.initialize()`, or a CPU that poses as several. It
has run on CPUs only.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

AXIS = "batch"


def spread(problem, devices=None):
    """The same problem with its training samples placed on several devices, N / D on each; `fit` then uses them all.

    Args:
        problem: a `Problem` of N training samples.
        devices: the D devices; None takes all that `jax.devices()` lists.

    Returns:
        A `Problem` whose x and y are `jax.Array`s; validation samples that D does not divide are copied to each device.

    Raises:
        ValueError: D does not divide N.

    >>> from batchlab import data
    >>> spread(data.noisy_sine(n=12), jax.devices()[:1]).x.shape
    (12, 1)
    """
    devices = tuple(jax.devices() if devices is None else devices)
    n, mesh = len(problem.x), Mesh(np.array(devices), (AXIS,))
    if n % len(devices):
        fewer = n - n % len(devices)
        raise ValueError(
            f"{n} training samples cannot be spread evenly over {len(devices)} devices; take {fewer or len(devices)} "
            "samples, or a number of devices that divides them."
        )

    def put(array):
        return jax.device_put(array, NamedSharding(mesh, P() if len(array) % len(devices) else P(AXIS)))

    fields = ("x", "y", "x_val", "y_val")
    return dataclasses.replace(problem, **{field: put(getattr(problem, field)) for field in fields})


def devices_of(problem):
    """The devices over which the training samples are spread; none if they lie on one, or in NumPy arrays."""
    sharding = getattr(problem.x, "sharding", None)
    mesh = getattr(sharding, "mesh", None)  # in its own order, if it has one
    devices = (
        mesh.devices.ravel() if mesh else sorted(getattr(sharding, "device_set", ()), key=lambda device: device.id)
    )
    return tuple(devices) if len(devices) > 1 else ()


def over(train, devices):
    """Let `train(state, (x, y), ...)` run on all devices: each sees its share of x and y, and all of the rest."""
    mesh = Mesh(np.array(devices), (AXIS,))

    def on_all(state, data, *settings):
        specs = P(), P(AXIS), *(P() for _ in settings)
        # No check that what is returned is the same everywhere: it comes from sums over all devices.
        shared = jax.shard_map(train, mesh=mesh, in_specs=specs, out_specs=P(), check_vma=False)
        return shared(state, data[:2], *settings)

    return on_all


def deal(x, y, order, width):
    """How a device takes its part of the samples at..at+width of the shuffled epoch: a function of `at`.

    It returns where in the epoch they stand, and their rows of x and y. For use inside `over`, with width a multiple of
    the number of devices.
    """
    here, count = jax.lax.axis_index(AXIS), jax.lax.axis_size(AXIS)
    each = width // count

    def take(at):
        local = jax.lax.dynamic_slice_in_dim(order, at, width) - here * len(x)
        mine = (local >= 0) & (local < len(x))
        # Each device lays out the rows that it holds, zeros for the others, and the sum of all is dealt in equal parts.
        held = [jnp.where(mine[:, None], array[jnp.clip(local, 0, len(x) - 1)], 0) for array in (x, y)]
        rows = [jax.lax.psum_scatter(array, AXIS, tiled=True) for array in held]
        return at + here * each + jnp.arange(each), rows

    return take


def add_up(tree):
    """The sum over all devices, on each: the all-reduce of a batch. For use inside `over`."""
    return jax.lax.psum(tree, AXIS)
