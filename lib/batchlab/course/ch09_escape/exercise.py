"""Chapter 9, escape a poor minimum: what it asks, and its exercise, a plan that is put to the test."""

import numpy as np

from .. import quiz
from .bumps import N, wheel

quiz.read(__file__)

EPOCHS, NEAR, ENOUGH, SEED = 16, 0.05, 0.8, 1000  # the check's descents are not those that the reader has seen


def outcome(stages):
    """Of 200 new descents through the stages: the shares in the best basin, within 0.05 of its minimum, and beyond."""
    scene = wheel()
    places = scene.places(stages, seed=SEED)
    inside = np.mean(scene.basin(places) == scene.good)
    return inside, np.mean(np.abs(places - scene.minima[scene.good]) < NEAR), np.mean(~(np.abs(places - 3) < 5))


@quiz.register("09.settle")
def check_settle(stages):
    """Check `stages`, a list of (batch size, learning rate, epochs): 200 new descents go through them."""
    rows = [tuple(map(float, quiz.filled_in(tuple(row)))) for row in quiz.filled_in(stages)]
    for row in rows:
        if len(row) != 3 or not (1 <= row[0] <= N and row[1] > 0 and row[2] >= 0 and row[0] % 1 == row[2] % 1 == 0):
            raise quiz.Wrong(
                f"{row} is no stage. Write (batch size, learning rate, epochs), such as (4, 0.02, 3): a batch size "
                f"from 1 to {N}, a rate above 0, whole epochs."
            )
    used = sum(row[2] for row in rows)
    if not 0 < used <= EPOCHS:
        raise quiz.Wrong(f"your stages take {used:g} epochs in all; at least 1 and at most {EPOCHS} are allowed.")
    inside, near, beyond = outcome([(int(size), rate, int(epochs)) for size, rate, epochs in rows])
    said = f"of 200 new descents {inside:.0%} end in the best basin, {near:.0%} within {NEAR} of its minimum"
    if near >= ENOUGH:
        return
    if beyond > 0.1:
        raise quiz.Wrong(f"{said}; {beyond:.0%} have left the picture. Some rate is too high for its batch size.")
    if inside < 0.05:
        raise quiz.Wrong(f"{said}: they do not get there. What carries a descent over a hill?")
    if inside < ENOUGH:
        raise quiz.Wrong(f"{said}: too few get there, or too many leave again. Change the stage with the most noise.")
    raise quiz.Wrong(f"{said}: they get there, and do not settle. What must become of the noise at the end?")
