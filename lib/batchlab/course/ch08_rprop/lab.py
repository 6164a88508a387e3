"""The live picture of going by the sign: SGD at its best rate and Rprop, at any of some batch sizes."""

import itertools

import numpy as np
import optax

from ... import measure
from ...live import Live, Menu, Steps, Tick, View, columns, running_loop
from . import views
from .rules import one_in_ten, rprop

N, EPOCHS, SEEDS = 100, 100, 3
SIZES = (1, 2, 5, 10, 20, 50, N)
OPTIMIZERS = {  # a rule, and the rates of which it takes the best; the "rate" of Rprop is its first step
    "SGD": (optax.sgd, np.geomspace(0.01, 3.16, 6)),
    "Rprop": (rprop, [0.01]),
    "RMSprop": (optax.rmsprop, [0.003, 0.01, 0.03]),
}
DATA = {
    "one in ten": {},
    "one in ten, standardised": {"scales": (1.0, 1.0, 1.0, 1.0)},
    "one in two": {"share": 0.5},
}


class SignLab(Live):
    """SGD, at the best of six rates for each batch size, and Rprop, from the same starts on the same batches.

    Args:
        data: a key of `DATA`.
        batch_size: where it starts, one of SIZES.
        locked: begin with the controls off and this batch size alone, for a prediction to unlock.

    >>> lab = SignLab(batch_size=100)
    >>> lab.words()[:24]
    'batch size 100, epoch 10'
    """

    recorded = (("rmsprop", 2), ("batch_size", 7))
    size, narrow_height = (9.0, 3.7), 7.4
    batch_size = Steps("batch size", lambda lab: SIZES, N, hint=f"1: SGD, {N}: full-batch GD")
    data = Menu("data", DATA)
    rmsprop = Tick("RMSprop, too")

    def __init__(self, data="one in ten", **settings):
        self.problems = {name: one_in_ten(N, **settings) for name, settings in DATA.items()}
        self._ends = {}  # (data, rule, batch size) -> training losses (rates, seeds, epochs + 1)
        self._fills = running_loop() is None  # else the first picture does not wait for the other batch sizes
        super().__init__(data=data, **settings)

    def first_frame(self):
        """The first picture does not wait for the other batch sizes."""
        self.wait()
        self._fills = True
        self.do(self._trained(self.data, self.rules, () if self.locked else SIZES))

    # ---- work --------------------------------------------------------------------------------------------------------

    @property
    def rules(self):
        """The rules that are asked for."""
        return [name for name in OPTIMIZERS if self.rmsprop or name != "RMSprop"]

    def work(self):
        """Train what is asked for at this batch size; then, while nothing else is asked, at the others."""
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")
        data, size, rules = self.data, self.batch_size, self.rules
        yield from self._trained(data, rules, [size])
        self._shown = data, size, rules
        yield
        if self._fills:
            yield from self._trained(data, rules, () if self.locked else SIZES)

    def _trained(self, data, rules, sizes):
        """Train by these rules at these batch sizes, where that has not been done."""
        for size, rule in itertools.product(sizes, rules):
            if (data, rule, size) not in self._ends:
                optimizer, rates = OPTIMIZERS[rule]
                settings = {"batch_sizes": [size], "learning_rates": rates, "seeds": SEEDS, "num_epochs": EPOCHS}
                sweep = measure.Sweep(self.problems[data], hidden=(8,), optimizer=optimizer, **settings)
                yield from sweep.work()
                self._ends[data, rule, size] = _losses(sweep)
                yield

    def best(self, rule, size):
        """The number of the best rate of a rule at a batch size, by the median loss at the end."""
        return int(np.argmin(np.median(self._ends[self._shown[0], rule, size][:, :, -1], axis=1)))

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The losses along the epochs, and where they end."""
        left, right = columns(figure, (1.1, 1), left=0.72, right=0.2, top=0.4, bottom=0.55)
        self._curves, self._last = views.losses(left, EPOCHS), views.last_losses(right, N, EPOCHS)
        return [View([*self._curves.artists, *self._last.artists], None)]  # one, since both can be seen while locked

    def show(self):
        """Bring the views up to date."""
        data, size, rules = self._shown
        medians = {rule: np.median(self._ends[data, rule, size], axis=1) for rule in rules}
        self._curves.update(medians, {rule: self.best(rule, size) for rule in rules}, size)
        ends = {}
        for rule in rules:
            sizes = [one for one in SIZES if (data, rule, one) in self._ends]
            last = [self._ends[data, rule, one][self.best(rule, one), :, -1] for one in sizes]
            ends[rule] = np.array(sizes), np.array(last)
        self._last.update(ends, size)

    def facts(self):
        """What is counted, and how the rules are tuned."""
        return [
            f"N = {N} training samples",
            f"SGD: {len(OPTIMIZERS['SGD'][1])} rates (thin), for each batch size the best (thick)",
            "Rprop: first step 0.01",
            f"medians of {SEEDS} starts",
        ]

    def words(self):
        """What the picture shows, in words."""
        data, size, rules = self._shown
        said = []
        for rule in rules:
            best = self.best(rule, size)
            loss = np.median(self._ends[data, rule, size][best, :, -1])
            rate = f" at its best rate, {OPTIMIZERS[rule][1][best]:.2g}" if rule != "Rprop" else ""
            said.append(f"{rule}{rate}: {loss:.3g}" if loss < np.inf else f"{rule}{rate}: diverged")
        start = self._ends[data, "Rprop", size][0, :, 0]
        return (
            f"batch size {size}, epoch {EPOCHS}: training loss {'; '.join(said)}. "
            f"Before training it was {np.median(start):.2g}."
        )

    def __repr__(self):
        return f"SignLab: {self.data}"


def _losses(sweep):
    """The training loss of each run of one batch size after each epoch: (rates, seeds, epochs + 1), inf once lost."""
    runs = [[sweep.curve("train_loss", int(sweep.batch_sizes[0]), rate, seed)[1] for seed in sweep.seeds.tolist()]
            for rate in sweep.learning_rates[0].tolist()]  # fmt: skip
    lost = np.full(EPOCHS + 1, np.inf)
    return np.nan_to_num([[[*run, *lost[len(run) :]] for run in row] for row in runs], nan=np.inf, posinf=np.inf)
