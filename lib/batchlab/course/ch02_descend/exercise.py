"""Chapter 2, descend three ways: what it asks, and its exercise."""

import numpy as np

from .. import quiz
from ..answers import rates
from .surfaces import surface

quiz.read(__file__)

ASKED = (1, 8, 64)  # batch sizes
NEAR = 1.6  # times the lowest excess: an answer that is as good as the best


def excess(batch_size, learning_rate):
    """How far the loss lies above the lowest after five epochs, the median of 20 seeds; infinite where it diverged."""
    scene, minima = surface("straight line")
    run = scene.fit(batch_size=batch_size, learning_rate=learning_rate, num_epochs=5, seeds=20)
    above = float(np.median(run.train_loss[:, -1] - scene.losses(minima[0])))
    return above if above < np.median(run.train_loss[:, 0]) else np.inf


@quiz.register(
    "02.own_rate",
    solution="""
# Try rates that double, for each batch size, and keep the one whose median excess is lowest:
for batch_size in (1, 8, 64):
    for rate in 0.00625 * 2.0 ** np.arange(6):
        run = surface.fit(batch_size=batch_size, learning_rate=rate, num_epochs=5, seeds=20)
        print(batch_size, rate, np.median(run.train_loss[:, -1]) - surface.losses(minima[0]))
# From 1 to 8 the best rate grows like the batch size. At 64 that would be 0.8, where GD diverges.
my_rates = {1: 0.0125, 8: 0.1, 64: 0.2}
""",
)
def check_own_rate(answer):
    """Check {batch size: rate}: after five epochs each must end nearly as low as at the best rate."""
    for size, rate in zip(ASKED, rates(answer, ASKED), strict=True):
        mine, half, double = (excess(size, rate * factor) for factor in (1, 0.5, 2))
        case = {"size": size, "rate": rate, "excess": mine}
        if not np.isfinite(mine):
            raise quiz.wrong("02.own_rate", "diverges", **case)
        if half * NEAR < mine:
            raise quiz.wrong("02.own_rate", "floor", **case)
        if double * NEAR < mine:
            raise quiz.wrong("02.own_rate", "on its way", **case)
