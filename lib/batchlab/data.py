"""Problems to learn from: training and validation samples, synthetic, real, or the reader's own.

Every maker returns a `Problem`. The split into training and validation is made before anything is fitted; inputs are
standardised with the mean and deviation of the training part alone. Labels of classes are one-hot rows.
"""

import dataclasses
import functools
import importlib.util
import pathlib
import string
from collections.abc import Callable

import numpy as np

from .checks import check_integer, check_number
from .shuffling import SHUFFLES, shuffles  # noqa: F401, reached as data.shuffles


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Training and validation samples of one task.

    Attributes:
        x: (N, d) training inputs, float32; NumPy, or a `jax.Array` that stays where `jax.device_put` placed it, or
            `sharding.spread` on several devices.
        y: (N, k) training targets, float32; one-hot rows for classification.
        x_val: (M, d) validation inputs.
        y_val: (M, k) validation targets.
        name: what to call it in titles and menus.
        kind: "regression" or "classification".
        classes: names of the k classes; empty for regression.
        image_shape: (height, width) if each input is an image, else empty.
        x_mean: (d,) mean that was taken off the inputs, zero if none was.
        x_scale: (d,) deviation that the inputs were divided by, one if none was.
        truth: the function without the noise, of inputs in original units, where it is known.

    Raises:
        ValueError: an array that is empty, not finite or of a shape that does not fit the others. The message names the
            array and the shape wanted.
    """

    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    name: str = "your data"
    kind: str = "regression"
    classes: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    x_mean: np.ndarray | float = 0.0
    x_scale: np.ndarray | float = 1.0
    truth: Callable | None = None

    def __post_init__(self):
        if self.kind not in ("regression", "classification"):
            raise ValueError(f"kind is {self.kind!r}; it must be 'regression' or 'classification'.")
        for field in ("x", "y", "x_val", "y_val"):
            object.__setattr__(self, field, check_table(field, getattr(self, field)))
        for x, y in (("x", "y"), ("x_val", "y_val")):
            rows, targets = len(getattr(self, x)), len(getattr(self, y))
            if rows != targets:
                raise ValueError(f"{x} has {rows} rows and {y} has {targets}; each sample needs one row in both.")
        for train, val in (("x", "x_val"), ("y", "y_val")):
            columns, columns_val = getattr(self, train).shape[1], getattr(self, val).shape[1]
            if columns != columns_val:
                raise ValueError(f"{train} has {columns} columns and {val} has {columns_val}; they must have the same.")
        if self.kind == "classification":
            for field in ("y", "y_val"):
                y = getattr(self, field)
                if y.shape[1] < 2 or not (((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()):
                    raise ValueError(
                        f"{field} of shape {y.shape} is not one-hot; for classification each row holds a single 1 "
                        "among 2 or more columns. Problem.from_arrays makes it from labels."
                    )
            classes = self.classes or tuple(str(c) for c in range(self.y.shape[1]))
            object.__setattr__(self, "classes", classes)

    @classmethod
    def from_arrays(cls, x, y, *, validation=0.25, seed=0, kind=None, name="your data"):
        """Split, standardise and encode arrays of the reader's own.

        Args:
            x: (n, d) inputs, or (n,) for a single one.
            y: (n,) labels or numbers, or (n, k) numbers.
            validation: fraction of the samples kept for validation, from 0.05 to 0.9.
            seed: which shuffle makes the split.
            kind: "regression" or "classification"; None decides: labels that are text, booleans, or whole numbers with
                at most 20 different values are classes.
            name: what to call the problem.

        Returns:
            A `Problem`; for regression its targets are standardised too, on the training part.

        >>> problem = Problem.from_arrays([[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"], validation=0.5)
        >>> problem.kind, problem.classes, problem.x.shape
        ('classification', ('no', 'yes'), (2, 1))
        """
        return problem_of_arrays(x, y, validation, seed, kind, name)

    @property
    def standardised(self):
        """Whether a mean was taken off the inputs, or a deviation divided out."""
        return bool(np.any(self.x_scale != 1) or np.any(self.x_mean != 0))

    def in_original_units(self, x):
        """Undo the standardisation of inputs: (n, d) -> (n, d)."""
        return x * self.x_scale + self.x_mean


def check_problem(problem):
    """Return the problem, or raise with what was given instead."""
    if not isinstance(problem, Problem):
        raise TypeError(
            f"problem is a {type(problem).__name__}; it must be a bl.Problem. Make one with bl.data.noisy_sine(), "
            "bl.data.from_csv(path) or bl.Problem.from_arrays(x, y)."
        )
    return problem


def check_table(name, values, dtype=np.float32):
    """A finite array of two dimensions, or an error in words."""
    try:
        with np.errstate(over="ignore"):
            placed = getattr(values, "committed", False)  # by `jax.device_put`, and stays there
            values = values.astype(dtype) if placed else np.asarray(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} does not hold numbers in rows of equal length: {error}.") from None
    if values.ndim != 2:
        hint = f"Use {name}[:, None] for a single column." if values.ndim == 1 else ""
        raise ValueError(f"{name} has shape {values.shape}; it must have two dimensions, (samples, columns). {hint}")
    if values.size == 0:
        raise ValueError(f"{name} has shape {values.shape}; it must hold at least one sample and one column.")
    if not values.__array_namespace__().isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(f"{name}[{row}, {column}] is {values[row, column]}; every value must be a finite number.")
    return values


def deviation(values):
    """Standard deviation of each column; one where a column is constant, so that it becomes zero, not NaN."""
    return np.where(np.ptp(values, axis=0) > 0, values.std(axis=0), 1.0)


def standardise(x, y, x_val, y_val, **rest):
    """A `Problem` of these arrays, its inputs standardised on the training part; `rest` is what else it holds."""
    scale = deviation(x)
    mean = np.where(np.ptp(x, axis=0) > 0, x.mean(axis=0), x[0])  # exact where a column is constant
    return Problem((x - mean) / scale, y, (x_val - mean) / scale, y_val, x_mean=mean, x_scale=scale, **rest)


def noisy_sine(n=12, noise=0.3, seed=0, n_val=256):
    """A sine with Gaussian noise: y = sin(3 x) + noise * e, e ~ N(0, 1), x uniform on [-2, 2].

    Args:
        n: number of training samples, 2 or more.
        noise: standard deviation of the noise, 0 or more.
        seed: which draw, 0 or more.
        n_val: number of validation samples, drawn in the same way.

    >>> problem = noisy_sine(n=256, noise=0.3, seed=0)
    >>> problem.x.shape, problem.y.shape, problem.name
    ((256, 1), (256, 1), 'noisy sine')
    """
    n, n_val = check_integer("n", n, 2), check_integer("n_val", n_val, 1)
    noise, seed = check_number("noise", noise, 0), check_integer("seed", seed, 0)
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, size=(n + n_val, 1))
    y = sine(x) + noise * rng.normal(size=x.shape)
    return standardise(x[:n], y[:n], x[n:], y[n:], name="noisy sine", truth=sine)


def sine(x):
    """What `noisy_sine` adds its noise to."""
    return np.sin(3 * x)


def two_moons(n=100, noise=0.35, seed=0, n_val=500):
    """Two interleaved half circles of radius 1 with Gaussian noise, one class each.

    Args:
        n: number of training samples, 2 or more.
        noise: standard deviation of the noise, 0 or more, in units of the circles' radius.
        seed: which draw, 0 or more.
        n_val: number of validation samples.
    """
    n, n_val = check_integer("n", n, 2), check_integer("n_val", n_val, 1)
    noise, seed = check_number("noise", noise, 0), check_integer("seed", seed, 0)
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n + n_val) % 2)
    angle, side = rng.uniform(0, np.pi, size=n + n_val), 1 - 2 * label  # the lower moon is turned, and moved inwards
    x = np.stack([side * np.cos(angle) + label, side * np.sin(angle) + 0.5 * label], axis=1)
    x, y = x + noise * rng.normal(size=x.shape), np.eye(2)[label]
    classes = ("upper moon", "lower moon")
    return standardise(x[:n], y[:n], x[n:], y[n:], name="two moons", kind="classification", classes=classes)


@functools.cache
def _scanned_digits():
    """Images (1797, 64) and labels of the digits in scikit-learn, whose import would take a second and 60 MB."""
    folder = pathlib.Path(importlib.util.find_spec("sklearn").submodule_search_locations[0])
    table = np.loadtxt(folder / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    return table[:, :-1], table[:, -1].astype(int)


def digits(n=400, label_noise=0.3, seed=0, n_val=500):
    """Real handwritten digits, 8 x 8 pixels, 10 classes, some training labels replaced by a wrong one.

    Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998), the 1,797 images that
    scikit-learn ships. Validation labels stay as they are: the validation loss measures the task itself.

    Args:
        n: number of training samples, from 10 to 1,787.
        label_noise: fraction of training labels that are replaced by another digit, from 0 to 1.
        seed: which samples, and which labels are replaced.
        n_val: number of validation samples; at most the 1,797 - n others.
    """
    images, labels = _scanned_digits()
    n = check_integer("n", n, 10, len(images) - 10)
    n_val = min(check_integer("n_val", n_val, 1), len(images) - n)
    label_noise = check_number("label_noise", label_noise, 0, 1, remedy="It is a fraction of the labels.")
    rng = np.random.default_rng(check_integer("seed", seed, 0))
    chosen = rng.permutation(len(images))[: n + n_val]
    x, given = images[chosen], labels[chosen].copy()
    flipped = rng.permutation(n)[: round(label_noise * n)]
    given[flipped] = (given[flipped] + rng.integers(1, 10, size=len(flipped))) % 10
    y = np.eye(10)[given]
    about = {"name": "digits", "kind": "classification", "classes": tuple(string.digits), "image_shape": (8, 8)}
    return standardise(x[:n], y[:n], x[n:], y[n:], **about)


DATASETS = {"noisy sine": noisy_sine, "two moons": two_moons, "digits": digits}
NOISE = {"noisy sine": 0.3, "two moons": 0.35, "digits": 0.3}  # what the makers take, too

# Settings of `fit` under which a model first underfits and in the end overfits. Only the length of the run differs, so
# what differs between the runs is due to the data. OWN is for the reader's own data.
ALIKE = {"hidden": (32, 32), "batch_size": 3, "learning_rate": 0.05}
DEFAULTS = {
    "noisy sine": {**ALIKE, "num_epochs": 3000},
    "two moons": {**ALIKE, "num_epochs": 500},
    "digits": {**ALIKE, "num_epochs": 100},
}
OWN = {"hidden": (32, 32), "batch_size": 16, "learning_rate": 0.05, "num_epochs": 500}


def load(name, **settings):
    """The named problem, made by its maker with these settings: "noisy sine", "two moons" or "digits".

    >>> load("noisy sine", n=4).x.shape
    (4, 1)
    """
    if name not in DATASETS:
        raise ValueError(f"there is no dataset {name!r}; choose one of {', '.join(DATASETS)}.")
    return DATASETS[name](**settings)


from .tables import from_csv, problem_of_arrays  # noqa: E402, F401, they stand on what is above
