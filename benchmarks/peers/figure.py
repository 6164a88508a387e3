"""The lab's picture in plain Matplotlib, for the peers: the fit, and both losses over the epochs.

The peers do not train: what they show was computed before, so that only their drawing and sending is timed.
"""

import numpy as np

import batchlab as bl

SETTINGS = {"hidden": (32, 32), "learning_rate": 0.05, "num_epochs": 2000}
SIZE = (9.4, 3.9)


def runs(problem, count=8):
    """Fitted curve, training and validation losses of runs that differ in their batch size."""
    grid = np.linspace(problem.x_val.min(), problem.x_val.max(), 400, dtype=np.float32)[:, None]
    results = []
    for batch_size in range(4, 4 + count):
        history = bl.fit(problem, batch_size=batch_size, **SETTINGS)
        curve = bl.models.mlp((1, *SETTINGS["hidden"], 1)).predict(history.params_at(history.num_epochs), grid)
        results.append((grid[:, 0], np.asarray(curve)[:, 0], history.train_loss, history.val_loss))
    return results


def draw(axes, problem, run):
    """Draw a run; return the lines that the next one moves."""
    grid, curve, train_loss, val_loss = run
    left, right = axes
    left.plot(problem.x_val, problem.y_val, ".", alpha=0.25, label="validation sample")
    left.plot(problem.x, problem.y, "o", label="training sample")
    (fit,) = left.plot(grid, curve, "k", label="fit")
    left.set(xlabel="x", ylabel="y", title="the fit")
    left.legend(loc="lower left", fontsize=8)
    (train,) = right.plot(train_loss, label="training loss")
    (val,) = right.plot(val_loss, "--", label="validation loss")
    best = right.axvline(np.argmin(val_loss), color="g")
    right.set(xlabel="epochs", ylabel="loss", yscale="log", ylim=(0.02, 3))
    right.grid(alpha=0.25)
    right.legend()
    return fit, train, val, best


def move(artists, run):
    """Show another run with the artists that are there."""
    fit, train, val, best = artists
    _, curve, train_loss, val_loss = run
    fit.set_ydata(curve)
    train.set_ydata(train_loss)
    val.set_ydata(val_loss)
    best.set_xdata([np.argmin(val_loss)] * 2)
