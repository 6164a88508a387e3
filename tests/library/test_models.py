"""Models and losses, against NumPy and against what their docstrings say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import arguments, models

from . import numpy_descent

WIDTHS = (64, 128, 32, 10)


@pytest.fixture(scope="module")
def params():
    return models.mlp(WIDTHS).init(jax.random.key(0))


def test_a_perceptron_is_a_list_of_weights_and_biases(params):
    shapes = [(weight.shape, bias.shape) for weight, bias in params]
    assert shapes == [((64, 128), (128,)), ((128, 32), (32,)), ((32, 10), (10,))]
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float32"}


def test_parameters_start_uniform_with_variance_one_over_fan_in(params):
    for weight, bias in params:
        fan_in = len(weight)
        for values in (weight, bias):
            assert np.abs(values).max() <= np.sqrt(3 / fan_in) * (1 + 1e-6)
            # Of a uniform sample the mean has standard error 1 / sqrt(n) deviations, and the variance sqrt(0.8 / n) of
            # itself; five of them are passed by chance once in two million.
            assert abs(np.mean(values)) < 5 / np.sqrt(fan_in * values.size)
            assert np.var(values) * fan_in == pytest.approx(1, abs=5 * np.sqrt(0.8 / values.size))


def test_the_start_depends_on_the_key_and_on_nothing_else(params):
    again, other = (models.mlp(WIDTHS).init(jax.random.key(seed)) for seed in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, params, again)
    for (weight, _), (weight_other, _) in zip(params, other, strict=True):
        # Independent uniform draws: the correlation's standard error is 1 / sqrt(n).
        correlation = np.corrcoef(weight.ravel(), weight_other.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(weight.size)


def test_layers_do_not_share_their_draws(params):
    a, b = (np.asarray(weight).ravel()[:320] / np.abs(weight).max() for weight, _ in (params[0], params[2]))
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(320)


@pytest.mark.parametrize("widths", [(3, 2), (3, 5, 2), (3, 5, 4, 2)], ids=str)
def test_prediction_agrees_with_numpy(widths):
    model = models.mlp(widths)
    params = model.init(jax.random.key(0))
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    expected = numpy_descent.forward(numpy_descent.double(params), x.astype(np.float64))[-1]
    np.testing.assert_allclose(model.predict(params, x), expected, rtol=0, atol=1e-6)


def test_equal_widths_are_one_model_so_that_it_compiles_once():
    assert models.mlp((3, 5, 2)) is models.mlp((3, 5, 2))
    assert models.mlp((3, 5, 2)) is not models.mlp((3, 4, 2))


def test_losses_are_of_each_sample_and_sum_over_the_outputs():
    rng = np.random.default_rng(0)
    outputs, labels = rng.normal(size=(7, 3)).astype(np.float32), np.arange(7) % 3
    y = np.eye(3, dtype=np.float32)[labels]
    np.testing.assert_allclose(models.squared_error(outputs, y), ((outputs - y) ** 2).sum(1), rtol=1e-6)
    expected = -np.log(numpy_descent.softmax(outputs.astype(np.float64))[np.arange(7), labels])
    np.testing.assert_allclose(models.cross_entropy(outputs, y), expected, rtol=1e-5)
    assert models.accuracy(outputs, y) == pytest.approx(np.mean(outputs.argmax(1) == labels))


def test_cross_entropy_of_huge_logits_is_finite():
    logits, y = jnp.array([[1e4, -1e4], [-1e4, 1e4]]), jnp.array([[1.0, 0.0], [1.0, 0.0]])
    assert models.cross_entropy(logits, y).tolist() == [0.0, 2e4]
    grads = jax.grad(lambda logits: models.cross_entropy(logits, y).sum())(logits)
    assert grads.tolist() == [[0.0, 0.0], [-1.0, 1.0]]


def test_without_hidden_layers_the_model_is_linear():
    problem = bl.data.noisy_sine(n=4)
    assert arguments.check_model(None, (), problem) is models.mlp((1, 1))
    assert arguments.check_model(None, [32, 16], problem) is models.mlp((1, 32, 16, 1))


def test_a_model_of_one_s_own_is_taken_as_it_is():
    problem = bl.data.noisy_sine(n=4)
    model = bl.Model(lambda key: {"slope": jnp.zeros((1, 1))}, lambda params, x: x @ params["slope"])
    assert arguments.check_model(model, (32,), problem) is model


def test_factories_are_kept_and_equal_partials_become_one():
    assert arguments.check_optimizer(optax.adam) is optax.adam
    one, same, other = (functools.partial(optax.sgd, momentum=m, nesterov=True) for m in (0.9, 0.9, 0.8))
    assert arguments.check_optimizer(one) is arguments.check_optimizer(same)
    assert arguments.check_optimizer(one) is not arguments.check_optimizer(other)
    taken = arguments.check_optimizer(one)
    assert (taken.func, taken.args, taken.keywords) == (one.func, one.args, one.keywords)
