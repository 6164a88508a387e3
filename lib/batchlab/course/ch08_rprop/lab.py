"""The live picture of going by the sign: SGD, Rprop and RMSprop at any batch size, and what signs are worth."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from ... import measure, process
from ...descent import fit
from ...live import Live, Menu, Number, Whole, columns, running_loop
from ...models import Model, mlp
from . import views
from .rules import EPOCHS, RULES, one_in_ten, rprop

RATE = 0.01  # the first step of Rprop and the rate of RMSprop in the picture, at every batch size
HIDDEN, DRAWS, SIZES = 8, 200, 8
KEPT = 30  # runs, a few hundred kilobytes each
DATA = {
    "one in ten": {},
    "one in ten, standardised": {"scales": (1.0, 1.0, 1.0, 1.0)},
    "one in two": {"share": 0.5},
}


@functools.lru_cache(maxsize=8)
def _with_a_rule(model):
    """The model with the number of the rule that trains it among its parameters, where it has no gradient.

    Its weights are one long vector, which compiles in two thirds of the time; the function that takes it apart comes
    with it.
    """
    apart = ravel_pytree(model.init(jax.random.key(0)))[1]

    def init(key):
        return {"rule": jnp.zeros(()), "weights": ravel_pytree(model.init(key))[0]}

    return Model(init, lambda params, x: model.predict(apart(params["weights"]), x)), apart


def _any_rule(learning_rate):
    """SGD of this rate, Rprop or RMSprop, as the parameters say: one program for three, compiled once."""
    rules = optax.sgd(learning_rate), rprop(RATE), optax.rmsprop(RATE)

    def update(grads, states, params):
        made = [rule.update(grads, state) for rule, state in zip(rules, states, strict=True)]
        which = params["rule"]
        updates = jax.tree.map(
            lambda *choice: jnp.where(which == 0, choice[0], jnp.where(which == 1, choice[1], choice[2])),
            *[updates for updates, _ in made],
        )
        return updates, tuple(state for _, state in made)

    return optax.GradientTransformation(lambda params: tuple(rule.init(params) for rule in rules), update)


# ---- the live picture ------------------------------------------------------------------------------------------------


class SignLab(Live):
    """SGD, Rprop and RMSprop from the same start on the same batches, at any batch size; what signs are worth.

    On the left each weight of the network is a dot: how large its full gradient is, and how many of 200 random batches
    agree with its sign.

    Args:
        data: a key of `DATA`.
        batch_size, learning_rate, epoch: where it starts; the rate is that of SGD.
        locked: begin with the controls off and the losses hidden, for a prediction to unlock.

    >>> lab = SignLab()
    >>> lab.batch_size = 100
    >>> lab.words()[:26]
    'batch size 100, epoch 200:'
    """

    size, narrow_height, recorded = (9.0, 3.7), 10.0, (("rule", 3), ("batch_size", 8), ("epoch", 20))
    batch_size = Whole(
        "batch size",
        1,
        lambda lab: lab.n,
        1,
        log=True,
        hint=lambda lab: f"1: SGD, {lab.n}: full-batch GD",
        remedy=lambda lab: f"{lab.n} are all samples: the full gradient itself.",
    )
    learning_rate = Number("rate of SGD", 0.001, 10, 0.03, log=True)
    epoch = Whole("epoch", 0, EPOCHS, EPOCHS, log=True, remedy="The runs are no longer.")
    data = Menu("data", DATA)
    rule = Menu("gradients of", RULES, "Rprop")

    def __init__(self, data="one in ten", *, batch_size=1, learning_rate=0.03, epoch=EPOCHS, locked=False):
        process.keep_programs()
        self.problems = {name: one_in_ten(**settings) for name, settings in DATA.items()}
        self.n = len(self.problems["one in ten"].x)  # of all three
        self.sizes, self._first_epoch = measure.spread_sizes(self.n, SIZES), epoch
        self.network = mlp((4, HIDDEN, 2))
        self._model, self._apart = _with_a_rule(self.network)
        self._runs, self._ends, self._shown, self._start = {}, {}, None, None
        self._fills = running_loop() is None  # else the first picture does not wait for the other batch sizes
        settings = {"batch_size": batch_size, "learning_rate": learning_rate, "epoch": epoch}
        super().__init__(locked=locked, data=data, **settings)

    def first_frame(self):
        """The first picture does not wait for the other batch sizes."""
        self.wait()
        self._fills = True
        self.do(self._fill())

    # ---- work --------------------------------------------------------------------------------------------------------

    def begin(self, changed):
        """Before the prediction the network can be seen as it is at the start, and no further."""
        if "locked" in changed:
            self.epoch = 0 if self.locked else self._first_epoch
            self.redraw()

    def work(self):
        """Train the three rules at this batch size; then, while nothing else is asked, at the others.

        The three runs are one slice, some 30 ms: were it cut, a slider that is dragged would move no curve.
        """
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")
        size, rate, epoch = self.batch_size, self.learning_rate, self.epoch
        runs = {rule: self._trained(self.data, rule, size, rate) for rule in RULES}
        layers = self._apart(runs[self.rule].params_at(epoch)["weights"])
        per_sample = measure.per_sample_gradients(self.problems[self.data], self.network, layers)
        self.gradient_sizes = np.abs(per_sample.mean(axis=0, dtype=np.float64))
        self.agreement = measure.sign_agreement(per_sample, measure.draw_batches(len(per_sample), size, DRAWS))
        self._shown = self.data, size, rate, epoch, self.rule, runs
        yield
        if self._fills:
            yield from self._fill()

    def _fill(self):
        """Train at the batch sizes of the right panel, too."""
        for size in [] if self.locked else self.sizes.tolist():
            for rule in RULES:
                if self._key(self.data, rule, size, self.learning_rate) not in self._ends:
                    self._trained(self.data, rule, size, self.learning_rate)
                    yield

    def _key(self, data, rule, size, rate):
        return data, rule, size, rate if rule == "SGD" else RATE

    def _trained(self, data, rule, size, rate):
        """The run of a rule; those that were asked for last are kept."""
        key, problem = self._key(data, rule, size, rate), self.problems[data]
        settings = {"model": self._model, "optimizer": _any_rule, "batch_size": size, "learning_rate": rate}
        if self._start is None:
            self._start = fit(problem, num_epochs=0, **settings).params_at(0)
        run = self._runs.pop(key, None)
        if run is None:
            params = self._start | {"rule": np.float32(list(RULES).index(rule))}
            run = fit(problem, num_epochs=EPOCHS, params=params, **settings)
        self._runs[key], self._ends[key] = run, float(run.train_loss[-1])
        while len(self._runs) > KEPT:
            self._runs.pop(next(iter(self._runs)))
        return run

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """The weights on the left; before the prediction neither losses nor their ends can be seen."""
        axes = columns(figure, (1.1, 1.25, 1), left=0.72, right=0.18, top=0.58, bottom=0.52)
        self._weights, self._losses = views.signs_of_weights(axes[0]), views.losses(axes[1])
        self._last = views.last_losses(axes[2], self.n)
        for hidden in axes[1:] if self.locked else ():
            views.predict_first(hidden)
        return [self._weights, self._losses, self._last]

    def show(self):
        """Bring the views up to date."""
        data, size, rate, epoch, rule, runs = self._shown
        self._weights.update(self.gradient_sizes, self.agreement, rule, epoch, size)
        self._losses.update([runs[name].train_loss for name in RULES], epoch, size)
        keys = [[self._key(data, name, other, rate) for other in self.sizes.tolist()] for name in RULES]
        ends = [[self._ends.get(key, np.nan) for key in row] for row in keys]
        self._last.update(self.sizes, ends, size, [run.train_loss[-1] for run in runs.values()])

    def facts(self):
        """What is counted, and what the rules begin with."""
        return [
            f"N = {self.n} training samples",
            f"{len(self.agreement)} weights",
            f"rate of SGD {self._shown[2]:.3g} at every batch size",
            f"first step of Rprop {RATE}",
            f"rate of RMSprop {RATE}",
            "same start, same shuffles",
        ]

    def words(self):
        """What the picture shows, in words."""
        data, size, _, epoch, rule, runs = self._shown
        where = f"batch size {size}, epoch {epoch}: "
        seen = self.agreement[np.isfinite(self.agreement)]
        text = f"on the weights of {rule} the full gradient differs in size between weights by "
        text += f"{measure.decades(self.gradient_sizes):.1f} decades (nine weights in ten)"
        agree = f"; a batch has its sign in {100 * np.median(seen):.0f} % of cases, in the median of the weights."
        text += agree if len(seen) else "."
        if self.locked:
            return where + text
        at = [float(run.train_loss[epoch]) for run in runs.values()]
        said = [f"{name} {loss:.3g}" if np.isfinite(loss) else f"{name} diverged, no number is left"
                for name, loss in zip(RULES, at, strict=True)]  # fmt: skip
        shares = [f"{name} {100 * self.rare_share(name):.1f} %" for name in RULES]
        truth = 100 * self.problems[data].y[:, 1].mean()
        which = "rare" if truth < 50 else "second"
        text = text[0].upper() + text[1:]
        return (
            f"{where}training loss {', '.join(said)}. Predicted share of the {which} class, {truth:.0f} % in truth: "
            + (f"{', '.join(shares)}. {text}")
        )

    def rare_share(self, rule):
        """The mean probability that a rule's network gives to the rare class, over the training samples."""
        data, _, _, epoch, _, runs = self._shown
        layers = self._apart(runs[rule].params_at(epoch)["weights"])
        (first, shift), (second, end) = [[np.asarray(part, np.float64) for part in layer] for layer in layers]
        logits = np.tanh(self.problems[data].x @ first + shift) @ second + end
        with np.errstate(over="ignore"):
            return float(np.mean(1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))))

    def __repr__(self):
        return f"SignLab: {self.data}"
