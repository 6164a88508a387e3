"""Losses of short runs, kept in `stored_losses.npz`: what `fit` made of these settings when they were stored.

`python -m tests.library.stored_losses` stores them anew. They are those of one processor and one version of JAX;
elsewhere sums may be taken in another order, and the last digits differ.
"""

import functools
import pathlib
import platform

import jax
import numpy as np
import optax

import batchlab as bl

FILE = pathlib.Path(__file__).with_suffix(".npz")
OPTIMIZERS = {"sgd": optax.sgd, "momentum": functools.partial(optax.sgd, momentum=0.9), "adam": optax.adam}


def here():
    """A name for what the last digits depend on."""
    return f"jax {jax.__version__}, {bl.process.processor()}, {platform.machine()}"


def runs():
    """Name and losses, (epochs + 1, 4) or (seeds, epochs + 1, 4), of each run."""
    problems = {
        "sine": (bl.data.noisy_sine(n=100), (16, 16)),
        "moons": (bl.data.two_moons(n=70, n_val=60), (8,)),
        "digits": (bl.data.digits(n=130, n_val=120), (24,)),
    }
    for name, (problem, hidden) in problems.items():
        for batch_size in (1, 3, 7, 16, 17, 33, 64, len(problem.x)):
            for rule, optimizer in OPTIMIZERS.items():
                for seeds in (None, 3) if rule == "sgd" else (None,):
                    settings = {"batch_size": batch_size, "learning_rate": 0.003, "seed": 5, "seeds": seeds}
                    run = bl.fit(problem, hidden=hidden, optimizer=optimizer, num_epochs=0, **settings).train(4)
                    losses = run.train_loss, run.val_loss, run.train_accuracy, run.val_accuracy
                    yield f"{name}, B = {batch_size}, {rule}, seeds = {seeds}", np.stack(losses, axis=-1)


if __name__ == "__main__":
    np.savez_compressed(FILE, where=here(), **dict(runs()))
