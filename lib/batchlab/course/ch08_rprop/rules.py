"""Rprop by the book, the gradients that undo it, and a problem that both suits and ruins it.

Rprop asks only for the sign of a gradient. Where nine samples in ten pull a little one way and the tenth pulls hard the
other way, the mean is zero, but nine signs in ten agree.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.ticker import FuncFormatter

from ... import measure
from ...checks import check_integer, check_number
from ...data import Problem
from ...live import Still
from .. import plots

NINE_AND_ONE = (0.01,) * 9 + (-0.09,)  # gradients of ten samples; their sum is zero (Hinton's lecture 6e)
RULES = {"SGD": plots.TRAINING, "Rprop": plots.VALIDATION, "RMSprop": plots.BEST}  # and their colours
STYLES = ((0, ()), (0, (5, 1.5)), (0, (1.5, 1.2)))
EPOCHS = 200  # of the runs in the picture


def rprop(learning_rate, eta_minus=0.5, eta_plus=1.2, min_step_size=1e-6, max_step_size=50.0, *, wait=True):
    """Rprop: each weight has a step d of its own, and goes against the sign of its gradient g.

    Where g has the sign it had before, d <- min(eta_plus d, max_step_size) and w <- w - d sign(g). Where it has the
    other one, d <- max(eta_minus d, min_step_size), and the weight waits for one iteration; with `wait=False` it makes
    the shorter step ("Rprop-"). The first step is `learning_rate`. Source: Riedmiller and Braun 1993,
    https://doi.org/10.1109/ICNN.1993.298623, in the form "iRprop-" of Igel and Huesken 2003,
    https://doi.org/10.1016/S0925-2312(01)00700-7, which PyTorch has, too. `optax.rprop` keeps the same steps, but up to
    optax 0.2.8 it hands out each of them one iteration late, https://github.com/google-deepmind/optax/pull/1725.

    >>> follow(rprop(0.01), (1.0, 1.0, -1.0, -1.0)).round(4).tolist()
    [-0.01, -0.022, -0.022, -0.016]
    """

    def init(params):
        return jax.tree.map(lambda w: jnp.full_like(w, learning_rate), params), jax.tree.map(jnp.zeros_like, params)

    def update(grads, state, params=None):
        steps, before = state
        signs = jax.tree.map(jnp.sign, grads)
        agree = jax.tree.map(jnp.multiply, signs, before)

        def resized(agree, step):
            factor = jnp.where(agree > 0, eta_plus, jnp.where(agree < 0, eta_minus, 1.0))
            return jnp.where(agree == 0, step, jnp.clip(step * factor, min_step_size, max_step_size))

        steps = jax.tree.map(resized, agree, steps)
        if wait:  # what is forgotten agrees with nothing, so that the step is not halved twice
            signs = jax.tree.map(lambda agree, sign: jnp.where(agree < 0, 0.0, sign), agree, signs)
        return jax.tree.map(lambda step, sign: -step * sign, steps, signs), (steps, signs)

    return optax.GradientTransformation(init, update)


def follow(optimizer, gradients):
    """Where a weight that starts at 0 is after each of these gradients: (T,) -> (T,); of k weights (T, k) -> (T, k).

    The gradients are given beforehand and do not depend on the weight.

    >>> follow(optax.sgd(1.0), NINE_AND_ONE * 5)[[9, 49]].round(6).tolist()
    [0.0, 0.0]
    """

    def step(carry, gradient):
        weight, state = carry
        change, state = optimizer.update(gradient, state, weight)
        return (weight + change, state), weight + change

    gradients = jnp.asarray(gradients, jnp.float32)
    start = jnp.zeros(gradients.shape[1:])
    _, path = jax.lax.scan(step, (start, optimizer.init(start)), gradients)
    return np.asarray(path) + 0.0  # minus zero is zero


def one_in_ten(n=100, *, share=0.1, scales=(3.0, 0.6, 0.15, 0.03), seed=0, n_val=200):
    """Two overlapping classes, one of them rare; the inputs come in units of their own and are not standardised.

    Args:
        n: number of training samples.
        share: fraction of the samples in the rare class, exactly (rounded to whole samples).
        scales: standard deviation of each input within a class; the classes are 0.75 of it apart.
        seed: which draw.
        n_val: number of validation samples.

    >>> problem = one_in_ten()
    >>> problem.x.shape, problem.y.mean(axis=0).round(2).tolist()
    ((100, 4), [0.9, 0.1])
    """
    n, n_val = check_integer("n", n, 2), check_integer("n_val", n_val, 1)
    share = check_number("share", share, 0, 1)
    rng, scales = np.random.default_rng(check_integer("seed", seed, 0)), np.asarray(scales)
    side = np.where(np.arange(len(scales)) % 2, 1.0, -1.0)

    def draw(n):
        rare = np.arange(n) < round(share * n)
        return (rng.normal(size=(n, len(scales))) + 0.75 * rare[:, None] * side) * scales, np.eye(2)[rare.astype(int)]

    about = {"name": "one in ten", "kind": "classification", "classes": ("common", "rare")}
    return Problem(*draw(n), *draw(n_val), **about)


def drift(cycles=20, learning_rate=0.01, gradients=NINE_AND_ONE):
    """A weight under the ten gradients, over and over, by three rules, as a `Still`."""
    made = {"SGD": optax.sgd(learning_rate), "Rprop": rprop(learning_rate), "RMSprop": optax.rmsprop(learning_rate)}
    paths = {name: follow(rule, tuple(gradients) * cycles) for name, rule in made.items()}
    said = ", ".join(f"{name} {path[-1]:,.2f}" for name, path in paths.items())
    still = Still(f"Where the weight is after {cycles} cycles of the ten gradients, from 0: {said}.", height=3.0)
    axes = still.subplots()
    for (name, path), color, style in zip(paths.items(), RULES.values(), STYLES, strict=True):
        axes.plot(np.arange(len(path) + 1), [0.0, *path], color=color, linestyle=style, linewidth=2, label=name)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlim=(0, 10 * cycles), xlabel="iteration, each with one of the ten gradients", ylabel="the weight")
    axes.set_title("Ten gradients whose sum is zero, over and over", loc="left", fontsize=11)
    axes.legend(loc="lower left")
    axes.grid(color="0.93")
    return still


def gradient_sizes(problem, model, params):
    """How large the full gradient of each weight is, layer by layer, as a `Still`.

    Args:
        problem: the samples.
        model: a perceptron of `models.mlp`.
        params: its parameters, a list of (weight, bias).
    """
    gradient = measure.batch_gradient(problem, model, params)
    stops = np.cumsum([weight.size + bias.size for weight, bias in params])[:-1]
    layers = [np.abs(part[part != 0]) for part in np.split(gradient, stops)]
    medians = "; ".join(
        f"layer {i}: {len(part)} weights, median {np.median(part):.2g}" for i, part in enumerate(layers, 1)
    )
    spread = f"Nine in ten lie within {measure.decades(gradient):.1f} decades, all within "
    spread += f"{measure.decades(gradient, middle=1.0):.1f}."
    still = Still(f"Sizes of the full gradient on a logarithmic axis. {medians}. {spread}", height=2.8)
    axes = still.subplots()
    low, high = (round_(np.log10(edge)) for round_, edge in
                 ((np.floor, min(map(np.min, layers))), (np.ceil, max(map(np.max, layers)))))  # fmt: skip
    bins = np.logspace(low, high, int(6 * (high - low)) + 1)
    for i, (part, color, style) in enumerate(zip(layers, RULES.values(), STYLES, strict=False), 1):
        axes.hist(part, bins, histtype="step", color=color, linestyle=style, linewidth=2, label=f"layer {i}")
    axes.set(xscale="log", yscale="log", xlabel="size of the full gradient of a weight", ylabel="weights")
    axes.set_title("One network, one full batch: gradients of very different sizes", loc="left", fontsize=11)
    axes.legend(loc="upper left")
    axes.grid(color="0.93")
    return still
