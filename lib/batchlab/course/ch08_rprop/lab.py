"""The live picture of going by the sign: SGD, Rprop and RMSprop at any batch size, and what signs are worth."""

import functools

import ipywidgets as widgets
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from ... import measure
from ...checks import check_integer, check_number
from ...descent import fit
from ...models import Model, mlp
from .. import plots
from ..stage import LogIntegerControl, NumberControl, Picture, Stage, facts, in_words
from .rules import RULES, STYLES, one_in_ten, rprop

RATE = 0.01  # the first step of Rprop and the rate of RMSprop in the picture, at every batch size
HIDDEN, EPOCHS, DRAWS, SIZES = 8, 200, 200, 8
DATA = {
    "one in ten": {},
    "one in ten, standardised": {"scales": (1.0, 1.0, 1.0, 1.0)},
    "one in two": {"share": 0.5},
}
LOW, HIGH = 0.001, 100.0  # what the axes of the loss show


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


class SignLab(Stage):
    """SGD, Rprop and RMSprop from the same start on the same batches, at any batch size; what signs are worth.

    On the left each weight of the network is a dot: how large its full gradient is, and how many of 200 random batches
    agree with its sign.

    Args:
        data: a key of `DATA`.
        batch_size, learning_rate: where it starts; the rate is that of SGD.
        locked: begin with the controls off and the losses hidden, for a prediction to unlock.

    >>> lab = SignLab()
    >>> lab.batch_size.value = 100
    >>> lab.words()[:26]
    'batch size 100, epoch 200:'
    """

    def __init__(self, data="one in ten", *, batch_size=1, learning_rate=0.03, locked=False):
        if data not in DATA:
            raise ValueError(f"there is no data {data!r}; choose one of {', '.join(DATA)}.")
        self._ends, self._runs, self._shown, self._quiet = {}, {}, None, True
        self.problems = {name: one_in_ten(**settings) for name, settings in DATA.items()}
        self.network = mlp((4, HIDDEN, 2))
        self._model, self._apart = _with_a_rule(self.network)
        super().__init__(self._controls(data), Picture(width=9.0, height=3.2))
        n = len(self.problems[data].x)
        self.batch_size.set_range(n, check_integer("batch_size", batch_size, 1, n))
        self.learning_rate.value = self._check_rate(learning_rate)
        self.epoch.value, self._quiet = EPOCHS, False
        self.sizes = measure.spread_sizes(n, SIZES)
        self._draw(n)
        first = fit(self.problems[data], model=self._model, optimizer=_any_rule, num_epochs=1)
        self._start = first.params_at(0)  # whatever is trained next is compiled by now
        self.wait_for(self._pursue())
        self._static = self.picture.png, self.words()
        self.observe(self._lock, "locked")
        self.locked = locked

    # ---- controls ----------------------------------------------------------------------------------------------------

    def _controls(self, data):
        style, wide = {"description_width": "7.5em"}, widgets.Layout(width="22em")
        look = {"readout": False, "style": style, "layout": wide}
        menu = {"style": style, "layout": widgets.Layout(width="26em")}
        self.data = widgets.Dropdown(options=list(DATA), value=data, description="data", **menu)
        self.rule = widgets.Dropdown(options=list(RULES), value="Rprop", description="gradients of", **menu)
        self.batch_size = LogIntegerControl("batch size", self._check_batch_size, self.fail, **look)
        self.batch_size.hint.value = "1: SGD, 100: full-batch GD"
        slider = widgets.FloatLogSlider(description="rate of SGD", value=0.03, min=-3, max=1, step=0.05, **look)
        self.learning_rate = NumberControl(slider, self._check_rate, self.fail)
        self.epoch = NumberControl(
            widgets.IntSlider(description="epoch", max=EPOCHS, **look),
            lambda value: check_integer("epoch", value, 0, EPOCHS, "The runs are no longer."),
            self.fail,
        )
        for control in (self.data, self.rule, self.batch_size, self.learning_rate, self.epoch):
            control.observe(self._moved, "value")
        wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
        sliders = widgets.VBox([self.batch_size, self.learning_rate, self.epoch])
        return [widgets.HBox([sliders, widgets.VBox([self.data, self.rule])], layout=wrap)]

    def _check_batch_size(self, value):
        n = self.batch_size.high
        return check_integer("batch size", value, 1, n, f"{n} are all samples: the full gradient itself.")

    def _check_rate(self, value):
        return check_number("rate of SGD", value, 0.001, 10)

    @in_words
    def _moved(self, _change):
        if not self._quiet:
            self.start(self._pursue())

    @in_words
    def _lock(self, _change):
        for control in (self.batch_size, self.learning_rate, self.epoch):
            control.disable(self.locked)
        self.data.disabled = self.rule.disabled = self.locked
        self._quiet, self.epoch.value, self._quiet = True, 0 if self.locked else EPOCHS, False
        self._hide()
        self.start(self._pursue())

    # ---- work --------------------------------------------------------------------------------------------------------

    def _pursue(self):
        """Train the three rules at this batch size; then, while nothing else is asked, at others."""
        self.say("Make your prediction above, or skip it: then the controls unlock." if self.locked else "")
        data, size, rate = self.data.value, self.batch_size.value, self.learning_rate.value
        runs = {}
        for rule in RULES:
            runs[rule] = yield from self._train(data, rule, size, rate)
        epoch = self.epoch.value
        layers = self._apart(runs[self.rule.value].params_at(epoch)["weights"])
        per_sample = measure.per_sample_gradients(self.problems[data], self.network, layers)
        batches = measure.draw_batches(len(per_sample), size, DRAWS)
        self.sizes_of_gradients = np.abs(per_sample.mean(axis=0, dtype=np.float64))
        self.agreement = measure.sign_agreement(per_sample, batches)
        self._shown = data, size, rate, epoch, self.rule.value, runs
        yield
        for other in [] if self.locked else self.sizes:
            for rule in RULES:
                if self._key(data, rule, other, rate) not in self._ends:
                    yield from self._train(data, rule, int(other), rate)
                    yield

    def _key(self, data, rule, size, rate):
        return data, rule, int(size), rate if rule == "SGD" else RATE

    def _train(self, data, rule, size, rate):
        """The run of a rule, trained slice by slice, or known already."""
        key = self._key(data, rule, size, rate)
        if key not in self._runs:
            params = self._start | {"rule": np.float32(list(RULES).index(rule))}
            settings = {"model": self._model, "optimizer": _any_rule, "params": params}
            run = fit(self.problems[data], batch_size=size, learning_rate=rate, num_epochs=0, **settings)
            while run.num_epochs < EPOCHS:
                run.train(50)
                yield
            while len(self._runs) > 30:  # a few hundred kilobytes each
                self._runs.pop(next(iter(self._runs)))
            self._runs[key], self._ends[key] = run, float(run.train_loss[-1])
        return self._runs[key]

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def _draw(self, n):
        figure = self.picture.figure
        axes = figure.subplots(1, 3, width_ratios=(1.1, 1.2, 1))
        figure.subplots_adjust(left=0.085, right=0.985, top=0.84, bottom=0.15, wspace=0.37)
        self._views = [signs_of_weights(axes[0]), losses(axes[1]), ends(axes[2], n)]
        self.picture.artists = [artist for view in self._views for artist in view.artists]

    def _hide(self):
        """Before the prediction only the gradients at the start can be seen."""
        for view in self._views[1:]:
            for artist in view.artists:
                artist.set_visible(not self.locked)

    def show(self):
        """Bring picture and words up to date."""
        if self._shown is None:
            return
        data, size, rate, epoch, rule, runs = self._shown
        self._views[0].update(self.sizes_of_gradients, self.agreement, rule, epoch, size)
        self._views[1].update([runs[name].train_loss for name in RULES], epoch, size)
        keys = [[self._key(data, name, other, rate) for other in self.sizes] for name in RULES]
        self._views[2].update(
            self.sizes, [[self._ends.get(key, np.nan) for key in row] for row in keys],
            size, [run.train_loss[-1] for run in runs.values()],
        )  # fmt: skip
        self.picture.show()
        self.speak()
        self.counters.value = facts((
            f"N = {len(self.problems[data].x)} training samples", f"{len(self.agreement)} weights",
            f"rate of SGD {rate:.3g} at every batch size", f"first step of Rprop {RATE}", f"rate of RMSprop {RATE}",
            "same start, same shuffles",
        ))  # fmt: skip

    def words(self):
        """What the picture shows, in words."""
        data, size, _, epoch, rule, runs = self._shown
        where = f"batch size {size}, epoch {epoch}: "
        seen = self.agreement[np.isfinite(self.agreement)]
        text = f"on the weights of {rule} the full gradient differs in size between weights by "
        text += f"{measure.decades(self.sizes_of_gradients):.1f} decades (nine weights in ten)"
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
        return f"SignLab: {self.data.value}"


# ---- views -----------------------------------------------------------------------------------------------------------


def signs_of_weights(axes):
    """Size of each weight's gradient and worth of its sign; `update(sizes, agreement, rule, epoch, batch_size)`."""
    low, high = 1e-6, 1e1
    axes.axhline(0.5, color="0.6", linewidth=1)
    axes.text(low * 1.5, 0.51, "a coin", fontsize=8, color="0.3", va="bottom")
    (dots,) = axes.plot([], [], "o", color=plots.NOW, markersize=4, **plots.CRISP)
    heading = axes.text(0.0, 1.02, "", transform=axes.transAxes, fontsize=10, va="bottom")
    silent = axes.text(0.03, 0.97, "", transform=axes.transAxes, fontsize=8, va="top")
    axes.set(xscale="log", xlim=(low, high), ylim=(-0.03, 1.03), xlabel="|full gradient|, one dot a weight")
    axes.set_ylabel("batches with its sign", labelpad=1)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.set_xticks([1e-6, 1e-4, 1e-2, 1], ["≤ $10^{-6}$", "$10^{-4}$", "0.01", "1"])
    axes.minorticks_off()

    def update(sizes, agreement, rule, epoch, batch_size):
        dots.set_data(np.clip(sizes, low, high), agreement)
        heading.set_text(f"are the signs of a batch right?\n{rule}, epoch {epoch}, B = {batch_size}")
        none = int(np.isnan(agreement).sum())
        silent.set_text(f"{none} weights have no gradient" if none else "")

    return plots.View([dots, heading, silent], update)


def _of_loss(axes):
    axes.set(yscale="log", ylim=(0.8 * LOW, 1.2 * HIGH))
    axes.set_yticks([0.001, 0.01, 0.1, 1, 10, 100], ["≤ 0.001", "0.01", "0.1", "1", "10", "≥ 100"])
    axes.minorticks_off()
    axes.grid(axis="y", color="0.93", linewidth=0.8)
    axes.set_axisbelow(True)


def losses(axes):
    """Training loss of each rule along the epochs; `update(losses, epoch, batch_size)`."""
    lines = [axes.plot([], [], color=color, linewidth=1.8, linestyle=style, label=name)[0]
             for (name, color), style in zip(RULES.items(), STYLES, strict=True)]  # fmt: skip
    now = axes.axvline(0, color=plots.NOW, linewidth=1, linestyle=":", antialiased=False)
    heading = axes.text(0.0, 1.02, "", transform=axes.transAxes, fontsize=10, va="bottom")
    _of_loss(axes)
    axes.set(xlim=(0, EPOCHS), xlabel="epoch")
    axes.legend(loc="upper right", fontsize=8, ncols=3, handlelength=2, columnspacing=0.8, handletextpad=0.3,
                borderaxespad=0.2, frameon=False)  # fmt: skip

    def update(losses, epoch, batch_size):
        for line, loss in zip(lines, losses, strict=True):
            loss = np.clip(loss, LOW, HIGH)
            line.set_data(*plots.thinned(np.arange(len(loss)), loss, 40))
            rises = np.diff(np.log(loss)).clip(0)  # a curve that jumps about costs many bytes with soft edges
            line.set_antialiased(bool(rises.sum() < 10))
        now.set_xdata([epoch, epoch])
        heading.set_text(f"training loss, nats\nbatch size {batch_size}")

    return plots.View([*lines, now, heading], update)


def ends(axes, n):
    """Last loss of each rule against the batch size; `update(sizes, losses, batch_size, losses_here)`."""
    lines = [axes.plot([], [], marker, color=color, markersize=4, linewidth=1, linestyle=style)[0]
             for (color, style, marker) in zip(RULES.values(), STYLES, "os^", strict=True)]  # fmt: skip
    here = axes.plot([], [], "D", color=plots.NOW, markersize=5)[0]
    now = axes.axvline(1, color=plots.NOW, linewidth=1, linestyle=":", antialiased=False)
    _of_loss(axes)
    axes.set(xscale="log", xlim=(0.9, 1.1 * n), xlabel="batch size B")
    axes.set_xticks([1, 10, n], ["1", "10", str(n)])
    axes.minorticks_off()
    heading = axes.set_title(f"the same\nafter {EPOCHS} epochs", loc="left", fontsize=10)

    def update(sizes, losses, batch_size, losses_here):
        for line, loss in zip(lines, losses, strict=True):
            line.set_data(sizes, np.clip(loss, LOW, HIGH))
        here.set_data([batch_size] * len(losses_here), np.clip(losses_here, LOW, HIGH))
        now.set_xdata([batch_size, batch_size])

    return plots.View([now, *lines, here, heading], update)
