"""A sweep: every combination of batch sizes, learning rates and seeds, trained until it has answered what was asked.

A learner who compares batch sizes at one learning rate and one seed compares accidents. A sweep trains them all. Its
runs share data, starts and shuffles, so that two of them differ in nothing but the setting that is compared.

Runs of one batch size lie side by side in LANES of the device (`jax.vmap`), each with a rate, a seed and an epoch of
its own. A run that has reached its target, has diverged, or has had its epochs leaves its lane to the next one that
waits, so finished runs cost nothing more. Batch sizes are taken in turn. What is finished is kept in a small file: a
sweep that was stopped goes on where it was, and one that was done is not done again.
"""

import functools
import hashlib
import os
import pathlib
import time
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import optax
import platformdirs
from tqdm.auto import tqdm

from . import pieces
from .checks import check_integer, check_number
from .data import check_problem
from .descent import train_epoch
from .models import LOSSES, accuracy, check_model, check_optimizer
from .shuffling import SHUFFLES, shuffles

# A change of these makes kept runs worthless.
SOURCES = ("shuffling.py", "data.py", "models.py", "pieces.py", "descent.py", "sweeps.py")
LANES = {"cpu": 8, "gpu": 256}  # runs at once: on a CPU the parameters of all lanes should fit into its cache
SLICE_SECONDS, MOST_PARTS = 0.02, 16  # of training in one call; at most so many parts of an epoch
LOST = 10.0  # a run whose loss exceeds this many times that of its start counts as diverged
CACHE_BYTES = 50e6  # of kept sweeps; beyond it the oldest goes
METRICS = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


@functools.lru_cache(maxsize=16)
def programs(model, kind, optimizer, platform):
    """What a sweep compiles: `start`, which puts new runs into lanes, and `advance` for each width of a batch."""

    def loss(params, x, y):
        return LOSSES[kind](model.predict(params, x), y)

    def metrics(params, data):
        outputs = [model.predict(params, x) for x in data[::2]]
        pairs = list(zip(outputs, data[1::2], strict=True))
        losses = [LOSSES[kind](*pair).mean() for pair in pairs]
        right = [accuracy(*pair) if kind == "classification" else jnp.nan for pair in pairs]
        return jnp.stack([*losses, *right])

    def start(state, new, seeds, learning_rates, data):
        def one(old, new, seed, learning_rate):
            fresh = _beginning(model, optimizer)(jax.random.key(seed), learning_rate)
            return jax.tree.map(lambda fresh, old: jnp.where(new, fresh, old), fresh, old)

        state = jax.vmap(one)(state, new, seeds, learning_rates)
        return state, jax.vmap(metrics, in_axes=(0, None))(state[0], data)

    def advance(state, data, orders, updates, batch_size, learning_rate, count, width, several):
        def part(i, carry):
            state, values = carry
            made = optimizer(learning_rate)
            taken = orders[i], batch_size, width, several
            state = train_epoch(loss, made, state, *data[:2], *taken, updates=tuple(updates[i]))
            return state, values.at[i].set(metrics(state[0], data))

        return jax.lax.fori_loop(0, count, part, (state, jnp.zeros((len(orders), len(METRICS)))))

    options = pieces.options(platform)
    lanes = {
        most: jax.jit(
            jax.vmap(functools.partial(advance, width=width, several=several), in_axes=(0, None, 0, 0, None, 0, None)),
            compiler_options=options,
            donate_argnums=0,
        )
        for most, (width, several) in pieces.ladder(platform).items()
    }
    return jax.jit(start, compiler_options=options), lanes


class Sweep:
    """Runs of every batch size, learning rate and seed, with the arguments of `measure.sweep`; see there.

    Attributes:
        batch_sizes: (b,) int; learning_rates: (b, r); seeds: (s,) int; num_epochs: (b,) int, the most of each.
        target: {metric: value} or None.
        checks: (b,) int, how many parts an epoch has; the METRICS are measured after each.
        curves: {(batch_size, learning_rate, seed): (parts + 1, 4) float32}, the METRICS of every finished run after
            each part of its epochs; `epochs` tells when that was.
    """

    def __init__(
        self,
        problem,
        *,
        batch_sizes,
        learning_rates,
        seeds=8,
        num_epochs=50,
        target=None,
        checks=1,
        hidden=(32,),
        model=None,
        optimizer=optax.sgd,
        seed=0,
        keep=True,
    ):
        n = len(check_problem(problem).x)
        self.problem, self.seed = problem, check_integer("seed", seed, 0, 2**31 - 1)
        remedy = f"The {n} samples together are full-batch gradient descent."
        sizes = [
            check_integer("a batch size of batch_sizes", size, 1, n, remedy) for size in np.ravel(batch_sizes).tolist()
        ]
        if not sizes or len(set(sizes)) < len(sizes):
            raise ValueError(f"batch_sizes is {sizes}; it must hold one or more batch sizes, each once.")
        rates = np.asarray(learning_rates, np.float64)
        rates = np.tile(rates, (len(sizes), 1)) if rates.ndim < 2 else rates
        if rates.ndim != 2 or len(rates) != len(sizes) or not rates.size:
            raise ValueError(
                f"learning_rates has shape {np.shape(learning_rates)}; it must be (rates,), or (batch sizes, rates) "
                f"with a row for each of the {len(sizes)} batch sizes."
            )
        for rate in rates.ravel().tolist():
            check_number("a rate of learning_rates", rate, 0, low_allowed=False)
        seeds = check_integer("seeds", seeds, 1)
        epochs = np.ravel(num_epochs).tolist()
        epochs = epochs * len(sizes) if len(epochs) == 1 else epochs
        if len(epochs) != len(sizes):
            raise ValueError(f"num_epochs has {len(epochs)} entries; it must have 1, or one for each batch size.")
        self.batch_sizes, self.learning_rates = np.array(sizes), rates
        self.seeds = np.arange(self.seed, self.seed + seeds)
        self.num_epochs = np.array([check_integer("num_epochs", count, 1) for count in epochs])
        self._updates = -(-n // self.batch_sizes)  # in an epoch
        self._asked = check_integer("checks", checks, 1)
        self.checks = np.minimum(self._asked, self._updates)
        self.target = self._checked(target)
        self.model, self.optimizer = check_model(model, hidden, problem), check_optimizer(optimizer)
        self.curves, self._kept = {}, {}
        self._file = _file(self._identity()) if keep else None
        if self._file is not None:
            self._load()

    def _checked(self, target):
        if target is None:
            return None
        if not isinstance(target, dict) or len(target) != 1 or next(iter(target)) not in METRICS:
            raise ValueError(f"target is {target!r}; it must be like {{'val_accuracy': 0.9}}, with one of {METRICS}.")
        ((metric, value),) = target.items()
        if metric.endswith("accuracy") and self.problem.kind != "classification":
            raise ValueError(f"target is {target!r}, but {self.problem.name!r} is a regression; choose a loss.")
        high = 1.0 if metric.endswith("accuracy") else np.inf
        return {metric: check_number(f"the target {metric}", value, 0, high, low_allowed=False)}

    # ---- training ----

    def run(self, progress=True):
        """Train whatever is not finished yet, with a progress bar if that takes longer than a second.

        It can be stopped (the kernel's stop button): what is finished is kept, and the next call goes on.
        """
        silent = not progress or "TQDM_DISABLE" in os.environ
        with tqdm(total=self.total, initial=self.finished, unit=" runs", delay=1, leave=False, disable=silent) as bar:
            for _ in self.work():
                bar.update(self.finished - bar.n)
        return self

    @property
    def total(self):
        """How many runs were asked for."""
        return self.learning_rates.size * len(self.seeds)

    @property
    def finished(self):
        """How many of them are finished."""
        return sum(run in self.curves for run in self._runs())

    def _runs(self, at=None):
        """(batch size, rate, seed) of every run, or of those of one batch size."""
        places = range(len(self.batch_sizes)) if at is None else [at]
        for b in places:
            for rate in self.learning_rates[b].tolist():
                for seed in self.seeds.tolist():
                    yield int(self.batch_sizes[b]), rate, seed

    def work(self):
        """A generator that trains what is not finished and yields after each slice of some 20 ms."""
        try:
            for at in range(len(self.batch_sizes)):
                if waiting := [run for run in self._runs(at) if run not in self.curves]:
                    yield from self._train(at, waiting[::-1])
                    self._save()
        finally:
            self._save()

    def _train(self, at, waiting):
        """Train the waiting runs of one batch size, as many at once as there are lanes."""
        device = pieces.device_of(self.problem)
        start, advances = programs(self.model, self.problem.kind, self.optimizer, device.platform)
        n, size, lanes = len(self.problem.x), int(self.batch_sizes[at]), LANES.get(device.platform, LANES["gpu"])
        advance = advances[next((most for most in advances if most >= size), max(advances))]
        data = self.problem.x, self.problem.y, self.problem.x_val, self.problem.y_val
        data = jax.device_put(tuple(map(np.array, data)), device)
        runs, curves = [None] * lanes, [None] * lanes
        seeds, rates = np.zeros(lanes, np.int32), np.full(lanes, waiting[0][1], np.float32)
        shapes = jax.eval_shape(_beginning(self.model, self.optimizer), jax.random.key(0), 0.1)
        state = jax.device_put(jax.tree.map(lambda leaf: np.zeros((lanes, *leaf.shape), leaf.dtype), shapes), device)
        orders = np.tile(np.arange(n, dtype=np.int32), (lanes, MOST_PARTS, 1))
        updates = np.zeros((lanes, MOST_PARTS, 2), np.int32)
        pace = np.inf  # seconds of a part, not yet measured
        while waiting or any(runs):
            free = [lane for lane, run in enumerate(runs) if run is None][: len(waiting)]
            if free:
                for lane in free:
                    runs[lane] = waiting.pop()
                    rates[lane], seeds[lane] = runs[lane][1:]
                state, values = start(state, np.isin(np.arange(lanes), free), seeds, rates, data)
                for lane in free:
                    curves[lane] = np.asarray(values)[lane, None]
            count = int(np.clip(SLICE_SECONDS / pace, 1, MOST_PARTS))
            updates[:] = 0  # a lane without a run does nothing
            for lane, run in enumerate(runs):
                if run:
                    self._plan(at, run[2], len(curves[lane]) - 1, orders[lane, :count], updates[lane, :count])
            began = time.perf_counter()
            state, values = advance(state, data, orders, updates, np.int32(size), rates, np.int32(count))
            values = np.asarray(values)
            pace = (time.perf_counter() - began) / count
            for lane, run in enumerate(runs):
                if run:
                    curves[lane] = np.concatenate([curves[lane], values[lane, :count]])
                    end = self._end(curves[lane], at)
                    if end is not None:
                        self.curves[run], runs[lane] = curves[lane][: end + 1], None
            yield

    def _plan(self, at, seed, first, orders, updates):
        """Fill in the shuffles and the (first, last) updates of the parts after the `first`."""
        n, checks = len(self.problem.x), int(self.checks[at])
        for i, place in enumerate(range(first, first + len(orders))):
            epoch, part = divmod(place, checks)
            updates[i] = np.array([part, part + 1]) * self._updates[at] // checks
            if self.batch_sizes[at] < n:  # the full batch takes no shuffle
                block, row = divmod(epoch, SHUFFLES)
                orders[i] = shuffles(seed, block, n)[row]

    def _end(self, curve, at):
        """The part of a run after which it has nothing more to say, or None."""
        over = self._lost(curve) | (np.arange(len(curve)) >= self.num_epochs[at] * self.checks[at])
        if self.target:
            over |= self._reached(curve)
        return int(np.argmax(over)) if over.any() else None

    def _lost(self, curve):
        """Whether a run counts as diverged after each of its epochs."""
        return ~np.isfinite(curve[:, :2]).all(axis=1) | (curve[:, 0] > LOST * curve[0, 0])

    def _reached(self, curve):
        ((metric, value),) = self.target.items()
        values = curve[:, METRICS.index(metric)]
        return values >= value if metric.endswith("accuracy") else values <= value

    # ---- answers ----

    def last(self, metric):
        """The metric at the end of each run: (batch sizes, rates, seeds); NaN where none has been run.

        Where a run has diverged, it is the worst there is: an infinite loss, an accuracy of zero.
        """
        column = METRICS.index(metric)
        worst = 0.0 if metric.endswith("accuracy") else np.inf
        return self._each(lambda _, curve: worst if self._lost(curve)[-1] else curve[-1, column])

    @property
    def diverged(self):
        """Whether each run diverged: (batch sizes, rates, seeds)."""
        return self._each(lambda _, curve: float(self._lost(curve)[-1])) == 1

    @property
    def epochs_to_target(self):
        """Epochs until the target was reached: (batch sizes, rates, seeds); infinite where it was not, NaN if not run.

        Between the last measurement before and the first one after, the metric is taken for a straight line.
        """
        if self.target is None:
            raise ValueError("the sweep has no target; make it with target={'val_accuracy': 0.9}, for example.")
        return self._each(self._crossing)

    @property
    def iterations_to_target(self):
        """Updates until the target was reached, `epochs_to_target` times ceil(N / B)."""
        return self.epochs_to_target * self._updates[:, None, None]

    def epochs(self, batch_size, count):
        """When the first `count` entries of a run of this batch size were measured, in epochs: (count,)."""
        at = self.batch_sizes.tolist().index(batch_size)
        epoch, part = np.divmod(np.arange(count), self.checks[at])
        return epoch + part * self._updates[at] // self.checks[at] / self._updates[at]

    def curve(self, metric, batch_size, learning_rate, seed=None):
        """One run: the epochs at which it was measured, and the metric there."""
        run = batch_size, learning_rate, self.seed if seed is None else seed
        if run not in self.curves:
            raise ValueError(f"there is no finished run of batch size, learning rate, seed = {run} in this sweep.")
        values = self.curves[run][:, METRICS.index(metric)]
        return self.epochs(batch_size, len(values)), values

    def _each(self, value):
        values = [value(run, self.curves[run]) if run in self.curves else np.nan for run in self._runs()]
        return np.reshape(values, (*self.learning_rates.shape, len(self.seeds)))

    def _crossing(self, run, curve):
        reached = self._reached(curve) & ~self._lost(curve)
        if not reached.any():
            return np.inf
        ((metric, value),) = self.target.items()
        after = int(np.argmax(reached))
        epochs, values = self.epochs(run[0], after + 1), curve[:, METRICS.index(metric)].astype(float)
        if after == 0:
            return 0.0
        share = (value - values[after - 1]) / (values[after] - values[after - 1])
        return epochs[after - 1] + share * (epochs[after] - epochs[after - 1])

    # ---- what is kept ----

    def _identity(self):
        """A name for everything that the numbers of a run depend on, apart from batch size, rate and seed."""
        params, state = _beginning(self.model, self.optimizer)(jax.random.key(0), 0.1)

        def update(params, state, rate, x, y):
            grads = jax.grad(lambda params: LOSSES[self.problem.kind](self.model.predict(params, x), y).mean())(params)
            return self.optimizer(rate).update(grads, state, params)

        traced = jax.make_jaxpr(update)(params, state, 0.1, self.problem.x[:1], self.problem.y[:1])
        parts = [
            jax.__version__,
            pieces.device_of(self.problem).device_kind,
            str(traced),
            self.problem.kind,
            str(self._asked),
        ]
        parts += [(pathlib.Path(__file__).parent / name).read_text("utf-8") for name in SOURCES]
        arrays = [self.problem.x, self.problem.y, self.problem.x_val, self.problem.y_val]
        arrays += [*traced.consts, *jax.tree.leaves((params, state))]
        name = hashlib.sha256("".join(parts).encode())
        for array in arrays:
            name.update(f"{np.shape(array)}".encode() + np.asarray(array).tobytes())
        return name.hexdigest()[:32]

    def _load(self):
        """Take from the file what answers the present question; a file that cannot be read counts as none."""
        try:
            with open(self._file, "rb") as file, np.load(file) as kept:
                runs, ends, values = kept["runs"], kept["ends"], kept["values"]
            names = [(int(size), float(rate), int(seed)) for size, rate, seed in runs]
            self._kept = dict(zip(names, np.split(values, ends[:-1]), strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return
        for at in range(len(self.batch_sizes)):
            for run in self._runs(at):
                if run in self._kept and (end := self._end(self._kept[run], at)) is not None:
                    self.curves[run] = self._kept[run][: end + 1]

    def _save(self):
        """Write all runs known of this problem and model, in one move, so that no half file is ever read."""
        longer = {run: curve for run, curve in self.curves.items() if len(curve) > len(self._kept.get(run, ()))}
        if self._file is None or not longer:
            return
        self._kept |= longer
        curves = list(self._kept.values())
        ends = np.cumsum([len(curve) for curve in curves])
        beside = self._file.with_suffix(f".{os.getpid()}")
        try:
            with open(beside, "wb") as file:
                np.savez_compressed(file, runs=np.array(list(self._kept)), ends=ends, values=np.concatenate(curves))
            beside.replace(self._file)
            _forget(self._file.parent)
        except OSError:  # a full disk, a folder that cannot be written to: it will be computed again
            beside.unlink(missing_ok=True)


def _beginning(model, optimizer):
    """A function that makes the state with which a run begins."""

    def begin(key, learning_rate):
        params = model.init(key)
        return params, optimizer(learning_rate).init(params)

    return begin


def _file(name):
    """Where the runs of this name are kept, or None where nothing can be.

    The folder is the user's own cache folder, or that of the variable BATCHLAB_CACHE; BATCHLAB_CACHE=off keeps nothing.
    """
    folder = os.environ.get("BATCHLAB_CACHE") or platformdirs.user_cache_dir("batchlab", appauthor=False)
    if folder == "off":
        return None
    folder = pathlib.Path(folder) / "sweeps"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / f"{name}.npz"


def _forget(folder):
    """Remove the oldest sweeps until what is kept is within CACHE_BYTES."""
    files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime, reverse=True)
    sizes = np.cumsum([file.stat().st_size for file in files])
    for file, so_far in zip(files[1:], sizes[1:], strict=True):
        if so_far > CACHE_BYTES:
            file.unlink(missing_ok=True)


def sweep(problem, *, progress=True, **settings):  # noqa: D417, the arguments are those of `Sweep`
    """Train every combination of batch sizes, learning rates and seeds, each until it has answered what is asked.

    Args:
        problem: a `Problem` of N training samples.
        batch_sizes: the batch sizes, from 1 to N.
        learning_rates: the rates of every batch size (r,), or its own rates for each (b, r).
        seeds: this many starts with their shuffles, from `seed` on; the same for every setting.
        num_epochs: epochs after which a run is given up; one number, or one for each batch size.
        target: a run ends where it reaches this, such as {"val_accuracy": 0.9} or {"train_loss": 0.1}; None trains
            every run to the end.
        checks: how often an epoch is measured, as far as it has so many updates; the target can be reached in between.
        hidden: widths of the hidden layers of a tanh perceptron; ignored if `model` is given.
        model: a `Model` of your own.
        optimizer: an optax factory that takes a learning rate.
        seed: the first seed.
        keep: whether finished runs are kept in a file in the user's cache folder, and taken from there.
        progress: show a progress bar when it takes longer than a second.

    Returns:
        A finished `Sweep`. A run is what `fit` makes of the same arguments, up to rounding. It counts as diverged, and
        ends, where a loss is not finite or the training loss exceeds ten times that of its start.

    Raises:
        ValueError, TypeError: a setting out of its range; nothing has been computed.

    >>> from batchlab import data
    >>> done = sweep(data.noisy_sine(n=16), batch_sizes=[1, 16], learning_rates=[0.01, 0.1], seeds=2, num_epochs=3)
    >>> done.last("train_loss").shape
    (2, 2, 2)
    """
    return Sweep(problem, **settings).run(progress)
