"""Chapter 9, escape a poor minimum: what it asks, and its exercise, a plan that is put to the test."""

import numpy as np

from .. import quiz
from .bumps import REACH, N, wheel

quiz.read(__file__)

EPOCHS, NEAR, ENOUGH, SEED = 16, 0.05, 0.8, 1000  # the check's descents are not those that the reader has seen


def _parts(value):
    return tuple(value) if np.iterable(value) else (value,)


@quiz.register("09.settle")
def check_settle(stages):
    """Check `stages`, a list of (batch size, learning rate, epochs): 200 new descents go through them."""
    rows = [tuple(map(float, quiz.filled_in(_parts(row)))) for row in quiz.filled_in(_parts(stages))]
    for row in rows:
        if len(row) != 3 or not (1 <= row[0] <= N and row[1] > 0 and row[2] >= 0 and row[0] % 1 == row[2] % 1 == 0):
            raise quiz.Wrong(
                f"{row} is no stage. Write a list of (batch size, learning rate, epochs), such as [(4, 0.02, 3)]: a "
                f"batch size from 1 to {N}, a rate above 0, whole epochs."
            )
    used = sum(row[2] for row in rows)
    if not 0 < used <= EPOCHS:
        raise quiz.Wrong(f"your stages take {used:g} epochs in all; at least 1 and at most {EPOCHS} are allowed.")
    scene = wheel()
    places = scene.places([(int(size), rate, int(epochs)) for size, rate, epochs in rows], seed=SEED)
    inside = np.mean(scene.basin(places) == scene.good)
    near = np.mean(np.abs(places - scene.minima[scene.good]) < NEAR)
    beyond = np.mean(~((REACH[0] < places) & (places < REACH[1])))
    said = f"of 200 new descents {inside:.0%} end in the best basin, {near:.0%} within {NEAR} of its minimum"
    if near >= ENOUGH:
        return
    if beyond > 0.1:
        raise quiz.Wrong(
            f"{said}; {beyond:.0%} have left the picture far behind. Some rate is too high for its batch size."
        )
    if inside < 0.05:
        raise quiz.Wrong(f"{said}: they do not get there. What carries a descent over a hill?")
    if inside < ENOUGH:
        raise quiz.Wrong(f"{said}: too few get there, or too many leave again. Change the stage with the most noise.")
    raise quiz.Wrong(f"{said}: they get there, and do not settle. What must become of the noise at the end?")
