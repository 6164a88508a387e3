"""Every chapter's live picture, with settings that keep it quick: the one list for tests that go through them all."""

import batchlab as bl
from batchlab.course import (
    ch01_count,
    ch02_descend,
    ch04_noise,
    ch05_rates,
    ch06_targets,
    ch07_devices,
    ch08_rprop,
    ch09_escape,
    ch10_choose,
)


def rate_map(**settings):
    problem = bl.data.digits(n=24, label_noise=0, n_val=20)
    return ch05_rates.RateMap(ch05_rates.RateGrid(problem, hidden=(), seeds=1, keep=False), batch_size=8, **settings)


def target_lab(**settings):
    sweep = {"batch_sizes": (200, 1000), "learning_rates": (0.32, 1.28), "num_epochs": [4, 20], "seeds": 2, "checks": 4}
    return ch06_targets.TargetLab(ch06_targets.digits_sweep(**sweep, target={"val_accuracy": 0.8}), **settings)


# The name of each is its chapter's number; a picture takes `locked` and `controls`, and its own settings.
LABS = {
    "01": lambda **settings: ch01_count.Counting(**{"iteration": 11, **settings}),
    "01 update": ch01_count.Update,
    "02": ch02_descend.Descents,
    "03": lambda **settings: bl.Lab(epochs=40, **settings),
    "04": lambda **settings: ch04_noise.NoiseLab("noisy sine", **settings),
    "04 run": lambda **settings: ch04_noise.RunLab("noisy sine", **settings),
    "05": rate_map,
    "06": target_lab,
    "07": ch07_devices.StepLab,
    "08": ch08_rprop.SignLab,
    "09": lambda **settings: ch09_escape.EscapeLab(batch_size=2, **settings),
    "10": lambda **settings: ch10_choose.Choice(bl.data.two_moons(n=60, n_val=60, seed=3), **settings),
}
