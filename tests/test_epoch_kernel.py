"""Epochs in one kernel, interpreted on the CPU: the losses are those of `bl.fit`, and it lowers for a GPU."""

import jax
import numpy as np
import pytest
from benchmarks import epoch_kernel

import batchlab as bl

RATE, EPOCHS, RUNS = 0.05, 3, 2
SEEDS, RATES = np.arange(RUNS), np.full(RUNS, RATE)


@pytest.fixture(scope="module")
def problem():
    return bl.data.noisy_sine(n=37)  # so that the last batch is a smaller one


@pytest.mark.parametrize("batch_size", [1, 3, 16, 20, 37])  # alone; within a tile, and as one; in several; all samples
def test_the_losses_are_those_of_fit(problem, batch_size):
    given = epoch_kernel.arguments(problem, SEEDS, RATES, EPOCHS)
    trained = epoch_kernel.train(*given, batch_size=batch_size, interpret=True)
    found = epoch_kernel.losses(trained, problem.x, problem.y, problem.x_val, problem.y_val)
    run = bl.fit(problem, batch_size=batch_size, num_epochs=EPOCHS, learning_rate=RATE, seeds=RUNS)
    expected = np.stack([run.train_loss, run.val_loss], axis=-1)[:, 1:]
    assert expected.min() < 0.95 * run.train_loss[:, :1].min()  # they have learnt
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_each_run_has_its_own_rate(problem):
    given = epoch_kernel.arguments(problem, SEEDS, [RATE, 2 * RATE], 1)
    trained = epoch_kernel.train(*given, batch_size=16, interpret=True)
    found = epoch_kernel.losses(trained, problem.x, problem.y, problem.x_val, problem.y_val)
    for seed, rate in enumerate((RATE, 2 * RATE)):
        run = bl.fit(problem, batch_size=16, num_epochs=1, learning_rate=rate, seed=seed)
        assert found[seed, 0, 0] == pytest.approx(run.train_loss[-1], rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 64, 256])
def test_it_lowers_for_cuda(batch_size):
    """Triton's code for it can be written without a GPU; that says nothing of its speed."""
    given = epoch_kernel.arguments(bl.data.noisy_sine(n=256), SEEDS, RATES, EPOCHS)
    lowered = epoch_kernel.train.trace(*given, batch_size=batch_size).lower(lowering_platforms=("cuda",))
    assert lowered.as_text().count("@__gpu$xla.gpu.triton") == 1


def test_tiles_and_layers_are_inverse():
    params = bl.models.mlp((1, 32, 32, 1)).init(jax.random.key(0))
    back = epoch_kernel.layers(epoch_kernel.tiles(params))
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(back), strict=True))
