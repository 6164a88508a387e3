"""The descent: against NumPy and optax written out, sample by sample, bit by bit, and without compiling twice."""

import functools
import math
import types

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import descent

from . import numpy_descent

HIDDEN = (5,)


def make_problem(n, kind="regression"):
    """Inputs in three columns and targets in two or three, so that a sum over the wrong axis cannot pass."""
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n + 30, 3))
    if kind == "regression":
        y = np.stack([np.sin(x[:, 0]), x[:, 1] * x[:, 2]], axis=1)
    else:
        y = np.eye(3)[np.argmax(x + rng.normal(size=x.shape), axis=1)]
    return bl.Problem(x[:n], y[:n], x[n:], y[n:], kind=kind)


REGRESSION, CLASSIFICATION = make_problem(100), make_problem(130, "classification")


def train(problem, num_epochs, **settings):
    """A run that compiles for its own batch size alone, unlike `bl.fit(num_epochs=...)`."""
    return bl.fit(problem, num_epochs=0, **{"hidden": HIDDEN} | settings).train(num_epochs)


def orders(problem, batch_size, seed, num_epochs):
    """The order of the samples in epochs 1, 2, ..., as the library documents it."""
    n = len(problem.x)
    if batch_size == n:
        return [np.arange(n)] * num_epochs
    return [bl.data.shuffles(seed, epoch // 64, n)[epoch % 64] for epoch in range(num_epochs)]


def assert_same_params(params, expected, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), params, expected)


def assert_same_bits(run, other):
    """Every loss and the parameters after every epoch."""
    for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        np.testing.assert_array_equal(getattr(run, name), getattr(other, name))
    for epoch in range(run.num_epochs + 1):
        assert_same_params(run.params_at(epoch), other.params_at(epoch), rtol=0, atol=0)


def farthest(params, other):
    return max(jax.tree.leaves(jax.tree.map(lambda a, b: np.abs(a - b).max(), params, other)))


# ------------------------------------------------------------------------------------------- against NumPy, by hand

# Float32 against float64: a rounding is 6e-8 of a parameter of size 1. The rates keep the runs out of chaos, where any
# rounding grows without bound. Largest difference seen: 2e-6, after 1,000 updates.
TOLERANCE = 2e-5


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_the_oracle_s_gradient_is_the_slope_of_its_loss(kind):
    problem = make_problem(20, kind)
    x, y = problem.x.astype(np.float64), problem.y.astype(np.float64)
    rng = np.random.default_rng(0)
    params = [
        (rng.normal(size=(3, 4)), rng.normal(size=4)),
        (rng.normal(size=(4, y.shape[1])), rng.normal(size=y.shape[1])),
    ]
    grads = numpy_descent.gradient(params, x, y, kind)
    for layer, pair in enumerate(params):
        for part, array in enumerate(pair):
            for index in np.ndindex(array.shape):
                slope = numpy_descent.finite_difference(params, x, y, kind, layer, part, index)
                assert grads[layer][part][index] == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize(
    ("batch_size", "learning_rate", "num_epochs"),
    [
        (1, 0.01, 5),
        (7, 0.05, 5),
        (16, 0.1, 66),  # past epoch 64, where the next block of shuffles begins
        (17, 0.1, 5),
        (64, 0.2, 5),
        (65, 0.2, 5),  # two micro-batches, the second with a single sample
        (99, 0.2, 5),
        (100, 0.2, 66),
        (130, 0.2, 66),
    ],
)
@pytest.mark.parametrize("problem", [REGRESSION, CLASSIFICATION], ids=["regression 100", "classification 130"])
def test_every_batch_size_agrees_with_numpy(problem, batch_size, learning_rate, num_epochs):
    n, seed = len(problem.x), 3
    batch_size = min(batch_size, n)
    run = train(problem, num_epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed)
    start = run.params_at(0), problem.x, problem.y, problem.kind, batch_size
    expected = numpy_descent.descend(*start, learning_rate, orders(problem, batch_size, seed, num_epochs))
    for epoch in {0, 1, 2, num_epochs - 1, num_epochs}:
        assert_same_params(run.params_at(epoch), expected[epoch], rtol=0, atol=TOLERANCE)
    for x, y, loss in ((problem.x, problem.y, run.train_loss), (problem.x_val, problem.y_val, run.val_loss)):
        means = [numpy_descent.mean_loss(params, x.astype(np.float64), y, problem.kind) for params in expected]
        np.testing.assert_allclose(loss, means, rtol=0, atol=TOLERANCE)
    # The comparison can fail: a rate 2 % higher, or the order of another seed, is seen ten times over.
    others = [numpy_descent.descend(*start, 1.02 * learning_rate, orders(problem, batch_size, seed, num_epochs))]
    if batch_size < n:
        others.append(numpy_descent.descend(*start, learning_rate, orders(problem, batch_size, seed + 1, num_epochs)))
    assert all(farthest(other[-1], expected[-1]) > 10 * TOLERANCE for other in others)


def test_accuracy_is_the_fraction_classified_right():
    run = train(CLASSIFICATION, 5, batch_size=130)
    for epoch in range(6):
        for x, y, accuracy in (
            (CLASSIFICATION.x, CLASSIFICATION.y, run.train_accuracy),
            (CLASSIFICATION.x_val, CLASSIFICATION.y_val, run.val_accuracy),
        ):
            outputs = numpy_descent.forward(run.params_at(epoch), x)[-1]
            assert accuracy[epoch] == pytest.approx(np.mean(outputs.argmax(1) == y.argmax(1)))
    assert np.isnan(train(REGRESSION, 1, batch_size=100).train_accuracy).all()


# ---------------------------------------------------------------------------------- every sample, once, in which batch

# Sample i is row i of the identity and meets weight i alone, and update j has j times the rate of the first. So what
# an epoch did to weight i tells which batches sample i was in and what it weighed there.
ONE_HOT = bl.Problem(np.eye(100), np.ones((100, 1)), np.eye(100), np.ones((100, 1)))
LINEAR = bl.Model(lambda key: jnp.zeros((100, 1)), lambda weights, x: x @ weights)
RATE = 1e-4


def numbered_updates(learning_rate):
    return optax.sgd(lambda count: (count + 1) * learning_rate)


def batch_of_each_sample(run, epoch):
    """Index of the batch that each sample was in, (100,), or an error if it was not in just one, as 1 / |batch|."""
    before, after = run.params_at(epoch - 1)[:, 0].astype(np.float64), run.params_at(epoch)[:, 0]
    n, batch_size, first = 100, run.batch_size, run.iterations[epoch - 1]
    step = (after - before) / (2 * run.learning_rate * (1 - before))  # sum of (count + 1) / |batch| over its updates
    last = n % batch_size or batch_size
    sizes = np.full(run.iterations_per_epoch, batch_size)
    sizes[-1] = last
    possible = (first + 1 + np.arange(len(sizes))) / sizes  # of one update, if it weighs 1 / |its own batch|
    found = np.abs(step[:, None] - possible).argmin(axis=1)
    # Neighbouring batches are 1 / (first + 1) apart, at least 1/300; float32 resolves 1e-5 here.
    np.testing.assert_allclose(step, possible[found], rtol=5e-4)
    assert np.bincount(found, minlength=len(sizes)).tolist() == sizes.tolist()
    return found


@pytest.fixture(scope="module")
def observed():
    """Batches of the samples in epochs 1 and 2, by batch size."""

    def observe(batch_size, **settings):
        settings = {"learning_rate": RATE, "seed": 3} | settings
        run = train(ONE_HOT, 2, model=LINEAR, optimizer=numbered_updates, batch_size=batch_size, **settings)
        return [batch_of_each_sample(run, epoch) for epoch in (1, 2)]

    return functools.cache(observe)


@pytest.mark.parametrize("batch_size", [1, 7, 10, 16, 17, 50, 64, 65, 99, 100])
def test_every_sample_is_in_one_batch_of_an_epoch_and_weighs_as_its_mean(observed, batch_size):
    first, second = observed(batch_size)
    if batch_size < 100:
        assert (first != second).any()  # a fresh shuffle
    # Other batch sizes cut the same order: the samples' places are those that batch size 1 shows.
    for batches, places in zip((first, second), observed(1), strict=True):
        if batch_size < 100:
            np.testing.assert_array_equal(batches, places // batch_size)
        else:
            assert (batches == 0).all()


def test_places_are_those_of_the_documented_shuffle(observed):
    for epoch, places in enumerate(observed(1)):
        np.testing.assert_array_equal(np.argsort(places), bl.data.shuffles(3, 0, 100)[epoch])


def test_the_shuffle_depends_on_the_seed_and_on_nothing_else_that_is_set(observed):
    places = observed(1)
    np.testing.assert_array_equal(observed(1, learning_rate=3 * RATE), places)
    assert (observed(1, seed=4)[0] != places[0]).any()


def test_the_observation_sees_a_sample_left_out_used_twice_or_weighed_otherwise():
    run = train(ONE_HOT, 1, model=LINEAR, optimizer=numbered_updates, batch_size=16, learning_rate=RATE, seed=3)
    before, after = run.params_at(0), run.params_at(1)
    last = int(np.argmax(batch_of_each_sample(run, 1)))  # a sample of the last batch, of four
    for changed in (0.0, 2.0, 4 / 16):
        weights = after.copy()
        weights[last] *= changed
        fake = types.SimpleNamespace(
            params_at=[before, weights].__getitem__,
            batch_size=16,
            iterations=run.iterations,
            learning_rate=RATE,
            iterations_per_epoch=run.iterations_per_epoch,
        )
        with pytest.raises(AssertionError):
            batch_of_each_sample(fake, 1)


# --------------------------------------------------------------------------------- gradient descent, bit for bit, seeds


def flat_start(key):
    """A start that ignores the seed."""
    return [(jnp.full((3, 5), 0.1) * jnp.arange(1.0, 6.0)[None], jnp.zeros(5)), (jnp.full((5, 2), 0.2), jnp.zeros(2))]


FLAT = bl.Model(flat_start, bl.models.mlp((3, 5, 2)).predict)


def test_all_samples_are_gradient_descent_and_no_shuffle_matters():
    runs = [train(REGRESSION, 20, model=FLAT, batch_size=100, seed=seed) for seed in (0, 1)]
    assert_same_bits(*runs)
    others = [train(REGRESSION, 20, model=FLAT, batch_size=99, seed=seed) for seed in (0, 1)]
    assert farthest(*(run.params_at(20) for run in others)) > 1e-5  # one sample fewer, and it does


@pytest.mark.parametrize("batch_size", [1, 16, 100])
def test_the_same_arguments_give_the_same_bits(batch_size):
    assert_same_bits(*(train(REGRESSION, 10, batch_size=batch_size, seed=1) for _ in range(2)))


@pytest.mark.parametrize(("optimizer", "fit"), [(optax.sgd, bl.fit), (optax.adam, train)], ids=["sgd", "adam"])
def test_a_run_cut_into_calls_is_the_same(optimizer, fit):
    settings = {"hidden": HIDDEN, "batch_size": 16, "optimizer": optimizer, "learning_rate": 0.02}
    whole = fit(REGRESSION, num_epochs=100, **settings)
    parts = bl.fit(REGRESSION, num_epochs=0, **settings).train(37).train(0).train(63)
    assert parts.num_epochs == 100
    assert_same_bits(whole, parts)


def test_the_start_depends_on_the_seed_and_not_on_the_other_settings():
    start = train(REGRESSION, 0, seed=1).params_at(0)
    other = train(REGRESSION, 0, seed=1, batch_size=64, learning_rate=0.3).params_at(0)
    assert_same_params(start, other, rtol=0, atol=0)
    assert farthest(start, train(REGRESSION, 0, seed=2).params_at(0)) > 0.1


@pytest.mark.parametrize("batch_size", [7, 100])
def test_seeds_are_single_runs_side_by_side(batch_size):
    settings = {"batch_size": batch_size, "learning_rate": 0.05}
    runs = train(REGRESSION, 10, seed=5, seeds=3, **settings)
    assert runs.train_loss.shape == runs.val_loss.shape == (3, 11)
    for i in range(3):
        run = train(REGRESSION, 10, seed=5 + i, **settings)
        np.testing.assert_allclose(runs.train_loss[i], run.train_loss, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(runs.val_loss[i], run.val_loss, rtol=0, atol=TOLERANCE)
        for epoch in (0, 1, 10):
            params = jax.tree.map(lambda leaf: leaf[i], runs.params_at(epoch))  # noqa: B023
            assert_same_params(params, run.params_at(epoch), rtol=0, atol=TOLERANCE)
        assert np.abs(runs.train_loss[i] - runs.train_loss[i - 1]).max() > 100 * TOLERANCE  # and they differ


# ----------------------------------------------------------------------------------------------- optax, in a plain loop


def with_decay(learning_rate):
    return optax.sgd(optax.exponential_decay(learning_rate, transition_steps=10, decay_rate=0.5))


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "learning_rate"),
    [
        (functools.partial(optax.sgd, momentum=0.9), 16, 0.01),
        (optax.adam, 16, 0.01),
        (with_decay, 16, 0.1),
        (optax.rprop, 100, 0.01),  # made for the full batch: it steps by the gradient's sign
    ],
    ids=["momentum", "adam", "decay", "rprop"],
)
def test_optax_is_applied_as_in_a_plain_loop(optimizer, batch_size, learning_rate):
    run = train(REGRESSION, 6, batch_size=batch_size, learning_rate=learning_rate, optimizer=optimizer)
    rule = optimizer(learning_rate)
    update = jax.jit(rule.update)
    params = run.params_at(0)
    state = rule.init(jax.tree.map(jnp.asarray, params))
    for order in orders(REGRESSION, batch_size, 0, 6):
        for batch in numpy_descent.batches(order, batch_size):
            x, y = REGRESSION.x[batch].astype(np.float64), REGRESSION.y[batch]
            grads = numpy_descent.gradient(numpy_descent.double(params), x, y, "regression")
            grads = jax.tree.map(np.float32, grads)
            updates, state = update(grads, state, params)
            params = jax.tree.map(np.add, params, jax.tree.map(np.asarray, updates))
    assert_same_params(run.params_at(6), params, rtol=0, atol=TOLERANCE)
    plain = train(REGRESSION, 6, batch_size=batch_size, learning_rate=learning_rate)
    assert farthest(plain.params_at(6), params) > 100 * TOLERANCE  # and it is not plain descent


# ----------------------------------------------------------------------------------------------------- no compilation


def test_no_setting_compiles_after_the_first_fit(compilations):
    problem, hidden = make_problem(90), (3,)
    first = bl.fit(problem, hidden=hidden, num_epochs=1)
    assert len(compilations) >= 3  # the listener hears: three widths at least
    compilations.clear()
    for batch_size in (1, 2, 15, 16, 17, 63, 64, 65, 90):
        bl.fit(problem, hidden=hidden, batch_size=batch_size, num_epochs=1)
    for settings in (
        {"num_epochs": 0},
        {"num_epochs": 65},
        {"learning_rate": 0.3},
        {"learning_rate": 1},
        {"seed": 7},
        {"hidden": [3]},
    ):
        bl.fit(problem, **{"hidden": hidden, "num_epochs": 2} | settings)
    bl.fit(make_problem(90), hidden=hidden, num_epochs=2)  # other arrays of the same shapes
    first.train(70).params_at(68)
    assert compilations == []


def test_no_setting_compiles_after_a_run_of_several_seeds_is_prepared(compilations):
    problem, model = make_problem(90), bl.models.mlp((3, 2))
    bl.fit(problem, model=model, num_epochs=1, seeds=3).prepare()
    assert len(compilations) >= 3
    compilations.clear()
    for batch_size in (1, 16, 17, 64, 90):
        bl.fit(problem, model=model, num_epochs=3, seeds=3, seed=batch_size, batch_size=batch_size, learning_rate=0.1)
    assert compilations == []


def test_nothing_compiles_to_look_at_an_epoch_that_was_not_kept(compilations, monkeypatch):
    run = train(REGRESSION, 0, optimizer=optax.adam)
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(run.kept_state(0)[0]))
    monkeypatch.setattr(bl.history, "KEEP_BYTES", 10 * state_bytes)
    run.train(100)
    compilations.clear()
    for epoch in range(0, 101, 9):
        run.params_at(epoch)
    assert run.kept_state(99)[1] < 99
    assert compilations == []


def test_equal_partials_compile_once(compilations):
    def fit(**settings):
        return train(REGRESSION, 1, batch_size=16, optimizer=functools.partial(optax.sgd, **settings))

    fit(momentum=0.5, nesterov=True)
    assert compilations
    compilations.clear()
    fit(momentum=0.5, nesterov=True)
    fit(nesterov=True, momentum=0.5)
    assert compilations == []
    fit(momentum=0.6, nesterov=True)
    assert compilations  # another one does


# ------------------------------------------------------------------------------------------------------------- devices


@pytest.mark.parametrize("many", [False, True], ids=["one run", "three runs"])
def test_the_programs_can_be_exported_for_a_gpu(many):
    """Lowering for CUDA succeeds. That is all this shows: no test here has ever run on a GPU."""
    programs = descent.run_programs(bl.models.mlp((3, 5, 2)), "regression", optax.adam, many, "cuda")
    start, measure, trains = programs.start, programs.measure, programs.train
    data = (REGRESSION.x, REGRESSION.y, REGRESSION.x_val, REGRESSION.y_val)
    seeds = np.arange(3, dtype=np.uint32) if many else np.uint32(0)
    rate, count = np.float32(0.1), np.int32(4)
    state = jax.eval_shape(start, seeds, rate, None)
    orders = np.zeros((3, 4, 100) if many else (4, 100), np.int32)
    exported = [jax.export.export(start, platforms=["cuda"])(seeds, rate, None)]
    for program in trains.values():
        exported.append(jax.export.export(program, platforms=["cuda"])(state, data, orders, np.int32(7), rate, count))
    _, states = exported[-1].out_tree.unflatten(exported[-1].out_avals)
    exported.append(jax.export.export(measure, platforms=["cuda"])(states, data, count))
    assert [module.platforms for module in exported] == [("cuda",)] * (2 + len(bl.pieces.WIDTHS))
    with pytest.raises(ValueError, match=r"exported for platforms '\('cuda',\)' but it is used on '\('cpu',\)'"):
        exported[0].call(seeds, rate, None)


# -------------------------------------------------------------------------------------------------------------- errors


def wide(params, x):
    return jnp.zeros((len(x), 3))


WRONG = [
    ({"batch_size": 0}, ValueError, ["batch_size is 0", "from 1 to 100", "full-batch"]),
    ({"batch_size": 101}, ValueError, ["batch_size is 101", "from 1 to 100", "full-batch"]),
    ({"batch_size": -1}, ValueError, ["batch_size is -1", "from 1 to 100"]),
    ({"batch_size": 2.5}, TypeError, ["batch_size is 2.5", "whole number from 1 to 100", "full-batch"]),
    ({"batch_size": True}, TypeError, ["batch_size is True", "whole number from 1 to 100"]),
    ({"batch_size": "8"}, TypeError, ["batch_size is '8'", "whole number from 1 to 100"]),
    ({"batch_size": None}, TypeError, ["batch_size is None", "whole number from 1 to 100"]),
    ({"num_epochs": -1}, ValueError, ["num_epochs is -1", "0 or more"]),
    ({"num_epochs": 1.5}, TypeError, ["num_epochs is 1.5", "whole number, 0 or more"]),
    ({"learning_rate": 0}, ValueError, ["learning_rate is 0", "above 0"]),
    ({"learning_rate": -1}, ValueError, ["learning_rate is -1", "above 0"]),
    ({"learning_rate": math.nan}, ValueError, ["learning_rate is nan", "finite number, above 0"]),
    ({"learning_rate": math.inf}, ValueError, ["learning_rate is inf", "finite number, above 0"]),
    ({"learning_rate": "0.1"}, TypeError, ["learning_rate is '0.1'", "finite number, above 0"]),
    ({"learning_rate": optax.constant_schedule(0.1)}, TypeError, ["learning_rate is <function", "above 0"]),
    ({"seed": -1}, ValueError, ["seed is -1", "from 0 to 2147483647"]),
    ({"seed": 2**31}, ValueError, ["seed is 2147483648", "from 0 to 2147483647"]),
    ({"seed": None}, TypeError, ["seed is None", "whole number from 0"]),
    ({"seeds": 0}, ValueError, ["seeds is 0", "1 or more"]),
    ({"seeds": (0, 1)}, TypeError, ["seeds is (0, 1)", "whole number, 1 or more"]),
    ({"hidden": 32}, TypeError, ["hidden is 32", "(32, 32)"]),
    ({"hidden": (0,)}, ValueError, ["hidden[0] is 0", "from 1 to 4096"]),
    ({"hidden": (8, 2.5)}, TypeError, ["hidden[1] is 2.5", "from 1 to 4096"]),
    ({"model": types.SimpleNamespace(init=flat_start)}, TypeError, ["model is namespace(", "bl.Model(init, predict)"]),
    ({"model": bl.Model(flat_start, None)}, TypeError, ["model is Model(", "bl.Model(init, predict)"]),
    ({"model": bl.Model(flat_start, wide)}, ValueError, ["predicts (100, 3)", "y needs (100, 2)"]),
    ({"model": bl.Model(flat_start, lambda params, x: (x, 1.0))}, ValueError, ["predicts ((100, 3), ()) from x"]),
    ({"model": bl.models.mlp((2, 2))}, ValueError, ["cannot take x of shape (100, 3)", "got (3,) and (2,)"]),
    (
        {"params": [(np.ones((3, 1)), np.ones(2))]},
        ValueError,
        ["params have the shapes [((3, 1), (2,))]", "starts with"],
    ),
    (
        {"params": [[np.ones((3, 2)), np.ones(2)]]},
        ValueError,
        ["[[(3, 2), (2,)]]; the model starts with [((3, 5), (5,)"],
    ),
    ({"optimizer": optax.sgd(0.1)}, TypeError, ["optimizer must be a factory", "uncalled", "optax.sgd"]),
    ({"optimizer": "adam"}, TypeError, ["It is 'adam'", "optax.sgd"]),
    ({"problem": np.zeros((4, 2))}, TypeError, ["problem is a ndarray", "from_arrays"]),
    ({"problem": None}, TypeError, ["problem is a NoneType", "from_arrays"]),
]


@pytest.mark.parametrize(("settings", "error", "parts"), WRONG, ids=[parts[0] for _, _, parts in WRONG])
def test_a_wrong_setting_is_named_before_anything_is_computed(monkeypatch, compilations, settings, error, parts):
    monkeypatch.setattr(descent, "History", lambda *_: pytest.fail("a run was begun"))
    with pytest.raises(error) as raised:
        bl.fit(**{"problem": REGRESSION, "hidden": HIDDEN} | settings)
    for part in parts:
        assert part in str(raised.value)
    assert compilations == []


def test_numbers_of_numpy_are_numbers():
    settings = {"batch_size": np.int64(16), "learning_rate": np.float32(0.05), "seed": np.int32(1)}
    plain = train(REGRESSION, 2, batch_size=16, learning_rate=0.05, seed=1)
    assert_same_bits(train(REGRESSION, np.int64(2), **settings), plain)


def test_an_epoch_or_a_training_out_of_range_is_named():
    run = train(REGRESSION, 3)
    for epoch, error in ((4, ValueError), (-1, ValueError), (1.0, TypeError)):
        with pytest.raises(error, match=rf"epoch is {epoch}.*from 0 to 3. Train further"):
            run.params_at(epoch)
    with pytest.raises(ValueError, match=r"num_epochs is -1.*0 or more"):
        run.train(-1)
    assert run.num_epochs == 3
