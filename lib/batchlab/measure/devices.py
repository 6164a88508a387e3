"""The device that answers sooner: where there are several kinds, a few updates are timed on one of each.

A picture that follows a slider trains small models, and a reader waits longest at batch size 1. There a GPU launches
several kernels for each update and waits for each, whatever the size of the model, so that the smaller model is quicker
on a CPU and the larger one on the GPU. Where they cross depends on the machine: it is measured, once in a process for a
model and its shapes. `fit` itself takes no notice: it trains where the samples were placed, or on `jax.default_device`.
"""

import contextlib
import functools

import jax
import numpy as np

from ..arguments import check_model
from ..data import Problem
from ..pieces import device_of
from .targets import seconds_per_epoch

SAMPLES = 64  # updates that are timed, at batch size 1


@functools.cache
def kinds_of_device():
    """One device of each kind that this process can use: {"CPU": device, ...}."""
    found = {}
    for platform in ("cpu", "gpu", "tpu"):
        with contextlib.suppress(RuntimeError):  # there is none of this kind
            found[platform.upper()] = jax.local_devices(backend=platform)[0]
    return found


def seconds_of_updates(problem, device, **settings):
    """Seconds of an epoch at batch size 1 on a device, its losses included."""
    with jax.default_device(device):
        return seconds_per_epoch(problem, 1, learning_rate=1e-6, **settings)


@functools.lru_cache(maxsize=64)
def update_times(model, kind, n_inputs, n_outputs, optimizer, seeds=None):
    """{kind of device: seconds of SAMPLES updates at batch size 1}, timed once in a process."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(SAMPLES, width)).astype(np.float32) for width in (n_inputs, n_outputs))
    y = np.eye(n_outputs, dtype=np.float32)[y.argmax(axis=1)] if kind == "classification" else y
    problem, settings = Problem(x, y, x, y, kind=kind), {"model": model, "optimizer": optimizer, "seeds": seeds}
    return {name: seconds_of_updates(problem, device, **settings) for name, device in kinds_of_device().items()}


def quickest(problem, *, hidden=(32, 32), model=None, optimizer, seeds=None):
    """The kind of device that answers sooner for a model, and the times that say so: ("CPU", {"CPU": seconds, ...}).

    Where the samples were placed on a device, a default is set, or there is one kind only, nothing is timed, and the
    times are empty.

    Args:
        problem: a `Problem`; only its shapes count, and where it was placed.
        hidden: as for `fit`, as are the others.
        model: in its place.
        optimizer: an optax factory of a learning rate.
        seeds: how many runs side by side.

    >>> from batchlab import data
    >>> import optax
    >>> with jax.default_device(jax.devices("cpu")[0]):
    ...     quickest(data.noisy_sine(), optimizer=optax.sgd)
    ('CPU', {})
    """
    told = getattr(problem.x, "committed", False) or jax.config.jax_default_device is not None
    if told or len(kinds_of_device()) == 1:
        return device_of(problem).platform.upper(), {}
    model = check_model(None, hidden, problem) if model is None else model
    times = update_times(model, problem.kind, problem.x.shape[1], problem.y.shape[1], optimizer, seeds)
    return min(times, key=times.get), times
