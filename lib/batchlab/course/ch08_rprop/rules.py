"""Rprop and its variants, the gradients that undo it, and the problems on which it wins and fails.

Rprop asks only for the sign of a gradient. That helps where curvatures differ between weights. Where nine samples in
ten pull a little one way and the tenth pulls hard the other way, the mean is zero, but nine signs in ten agree.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_wine

from ...checks import check_integer, check_number
from ...data import Problem

NINE_AND_ONE = (0.01,) * 9 + (-0.09,)  # gradients of ten samples; their sum is zero (Hinton's lecture 6e)


def rprop(learning_rate, eta_minus=0.5, eta_plus=1.2, min_step_size=1e-6, max_step_size=50.0, *, change="wait"):
    """Rprop: each weight has a step d of its own, and goes against the sign of its gradient g.

    Where g has the sign it had before, d <- min(eta_plus d, max_step_size) and w <- w - d sign(g). Where it has the
    other one, d <- max(eta_minus d, min_step_size), and the weight does one of three things, the `change`. "back" takes
    its last step back: Riedmiller and Braun 1993, https://doi.org/10.1109/ICNN.1993.298623. "wait" waits for one
    iteration: "iRprop-" of Igel and Huesken 2003, https://doi.org/10.1016/S0925-2312(01)00700-7, which PyTorch has.
    "go" makes the shorter step: "Rprop-". The first step is `learning_rate`. `optax.rprop` keeps the steps of "wait",
    but up to optax 0.2.8 it hands out each of them one iteration late,
    https://github.com/google-deepmind/optax/pull/1725.

    >>> follow(rprop(0.01), (1.0, 1.0, -1.0, -1.0)).round(4).tolist()
    [-0.01, -0.022, -0.022, -0.016]
    """
    if change not in ("back", "wait", "go"):
        raise ValueError(f"change is {change!r}; choose one of back, wait, go.")

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return jax.tree.map(lambda w: jnp.full_like(w, learning_rate), params), zeros, zeros

    def one(gradient, step, before, last):
        sign = jnp.sign(gradient)
        agree = sign * before
        factor = jnp.where(agree > 0, eta_plus, jnp.where(agree < 0, eta_minus, 1.0))
        step = jnp.where(agree == 0, step, jnp.clip(step * factor, min_step_size, max_step_size))
        if change != "go":  # what is forgotten agrees with nothing, so that the step is not halved twice
            sign = jnp.where(agree < 0, 0.0, sign)
        move = -step * sign
        return jnp.where(agree < 0, -last, move) if change == "back" else move, step, sign

    def update(grads, state, params=None):
        made = jax.tree.map(one, grads, *state)
        move, step, sign = jax.tree.transpose(jax.tree.structure(grads), jax.tree.structure((0, 0, 0)), made)
        return move, (step, sign, move)

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


def wine(*, standardised=True):
    """Thirteen measurements of 178 wines from three growers (UCI, as scikit-learn ships them), in training all of them.

    Not standardised they are centred and in hundreds of their own units, which differ in size by a factor 2,500.

    >>> wine().x.shape, bool(wine(standardised=False).x.std(axis=0).max() > 3)
    ((178, 13), True)
    """
    x, y = load_wine(return_X_y=True)
    labels = np.eye(3)[y]
    x = (x - x.mean(axis=0)) / (x.std(axis=0) if standardised else 100)
    return Problem(x, labels, x[::9], labels[::9], name="wine", kind="classification", classes=("A", "B", "C"))


# ---- two bowls -------------------------------------------------------------------------------------------------------

DECADES = 3  # over which what differs between the weights of a bowl is spread


def bowls(draws=10, weights=20, seed=0):
    """Two bowls of loss sum_i h_i w_i^2 / 2, several draws of each: {name: (h, w at the start)}, each (draws, weights).

    In one all curvatures are 1 and the gradients h w differ by three decades; in the other it is the curvatures that
    do, and all gradients are 1.
    """
    spread = 10 ** np.random.default_rng(seed).uniform(-DECADES, 0, (draws, weights))
    spread[:, 0], spread[:, -1] = 1, 10.0**-DECADES
    return {"gradients differ": (np.ones_like(spread), spread), "curvatures differ": (spread, 1 / spread)}


def left_by(rule, curvature, start, updates=100):
    """The share of the loss of each bowl that is left after so many updates by an optax rule: (draws,)."""
    weight = jnp.asarray(start, jnp.float32)
    state = rule.init(weight)
    for _ in range(updates):
        change, state = rule.update(curvature * weight, state, weight)
        weight = weight + change
    return np.sum(curvature * np.asarray(weight, float) ** 2, axis=1) / np.sum(curvature * start**2, axis=1)
