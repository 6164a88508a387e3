"""The statements of the course, each tested over several seeds with the margin written down.

One test a statement, named by it, on the code paths that its chapter uses.
"""

import itertools

import numpy as np
import pytest

import batchlab as bl

# ---- chapter 03 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def default_runs():
    """Every dataset's default run under ten seeds, which change data, start and shuffles together."""
    return {
        name: [bl.fit(bl.data.load(name, seed=seed), seed=seed, **bl.data.DEFAULTS[name]) for seed in range(10)]
        for name in bl.data.DATASETS
    }


@pytest.mark.parametrize("name", list(bl.data.DATASETS))
def test_s05_with_more_epochs_from_underfitting_to_overfitting(default_runs, name):
    runs = default_runs[name]
    lowest = np.array([run.val_loss.min() for run in runs])
    # Underfitting: after one epoch the validation loss is well above its lowest value, in the median by a quarter.
    assert np.median([run.val_loss[1] for run in runs] / lowest) > 1.25
    # Overfitting: at the end it is at least 1.5 times that value again, in the median.
    assert np.median([run.val_loss[-1] for run in runs] / lowest) >= 1.5
    # The turn lies neither at the start nor at the end: in the median between 2 % and 80 % of the epochs.
    share = np.median([run.best_epoch / run.num_epochs for run in runs])
    assert 0.02 < share < 0.8
    # Meanwhile the training loss has gone on falling, in the median to less than 0.8 of what it was at the turn.
    assert np.median([run.train_loss[-1] / run.train_loss[run.best_epoch] for run in runs]) < 0.8


def test_s05_not_with_plenty_of_data():
    # The other side of the condition: 256 samples of the same sine leave little to overfit. The chapter's run.
    run = bl.fit(
        bl.data.noisy_sine(n=256), seeds=5, hidden=(32, 32), batch_size=64, learning_rate=0.05, num_epochs=3000
    )
    assert np.median(run.val_loss[:, -1] / run.val_loss.min(axis=1)) < 1.2


def test_s06_no_number_of_epochs_is_right_for_every_dataset(default_runs):
    best = {name: np.array([run.best_epoch for run in runs]) for name, runs in default_runs.items()}
    medians = sorted(np.median(epochs) for epochs in best.values())
    # Three datasets, one of them real: neighbouring medians differ at least by half.
    assert all(later > 1.5 * sooner for sooner, later in itertools.pairwise(medians))
    # And it matters: stopping the sine where the digits are best leaves it far from its best.
    digits = int(np.median(best["digits"]))
    cost = [run.val_loss[digits] / run.val_loss.min() for run in default_runs["noisy sine"]]
    assert np.median(cost) > 1.15


# ---- chapter 01 ------------------------------------------------------------------------------------------------------

# ---- chapter 02 ------------------------------------------------------------------------------------------------------

# ---- chapter 04 ------------------------------------------------------------------------------------------------------
