"""What a run leaves behind: every loss, bounded parameters, where it was best and where it was lost."""

import csv
import io
import math
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import batchlab as bl

PROBLEM = bl.data.noisy_sine(n=40, n_val=50)


def train(num_epochs, **settings):
    """A run that compiles for its own batch size alone, unlike `bl.fit(num_epochs=...)`."""
    return bl.fit(PROBLEM, num_epochs=0, **{"hidden": (4,)} | settings).train(num_epochs)


def kept_bytes(run):
    """Bytes of every array that a run holds, whatever it is called."""
    arrays = [leaf for leaf in jax.tree.leaves(vars(run)) if isinstance(leaf, np.ndarray | jax.Array)]
    return sum(array.nbytes for array in arrays)


# ------------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize("seeds", [None, 2], ids=["one run", "two runs"])
def test_parameters_that_were_not_kept_are_those_of_a_run_that_ended_there(monkeypatch, seeds):
    settings = {"batch_size": 7, "learning_rate": 0.02, "optimizer": optax.adam, "seed": 1, "seeds": seeds}
    everything = train(150, **settings)
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(everything.kept_state(0)[0]))
    assert all(everything.kept_state(epoch)[1] == epoch for epoch in range(151))
    monkeypatch.setattr(bl.history, "KEEP_BYTES", 20 * state_bytes)
    thinned = train(150, **settings)
    reached = {thinned.kept_state(epoch)[1] for epoch in range(151)}
    assert reached == set(range(0, 151, 8))  # 151 epochs in 20 places: every 8th
    np.testing.assert_array_equal(thinned.train_loss, everything.train_loss)
    for epoch in range(151):
        jax.tree.map(np.testing.assert_array_equal, thinned.params_at(epoch), everything.params_at(epoch))
    for epoch in (63, 64, 65, 101):  # the last of a block of shuffles, the first of the next, and others
        ended = train(epoch, **settings).params_at(epoch)
        jax.tree.map(np.testing.assert_array_equal, thinned.params_at(epoch), ended)
    assert (jax.tree.leaves(thinned.params_at(100))[0] != jax.tree.leaves(thinned.params_at(101))[0]).any()


def test_a_thinned_run_goes_on_and_what_was_looked_at_does_not_disturb_it(monkeypatch):
    monkeypatch.setattr(bl.history, "KEEP_BYTES", 4000)
    whole, parts = train(200), train(0)
    for _ in range(4):
        parts.train(50).params_at(parts.num_epochs - 7)
    np.testing.assert_array_equal(whole.train_loss, parts.train_loss)
    jax.tree.map(np.testing.assert_array_equal, whole.params_at(200), parts.params_at(200))


def test_the_bound_holds_after_every_call_of_train(monkeypatch):
    monkeypatch.setattr(bl.history, "KEEP_BYTES", 4000)
    run = train(0)
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(run.kept_state(0)[0]))
    for _ in range(10):
        run.train(30)
        kept = {run.kept_state(epoch)[1] for epoch in range(run.num_epochs + 1)}
        # Half of the bound, or all epochs, is still used: thinning throws away no more than it must.
        assert min(2000 / state_bytes - 1, run.num_epochs) <= len(kept) <= 4000 / state_bytes


@pytest.mark.slow
def test_five_thousand_epochs_of_digits_stay_within_a_hundred_megabytes():
    problem = bl.data.digits()
    run = bl.fit(problem, hidden=(128,), batch_size=len(problem.x), num_epochs=0).train(5000)
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(run.kept_state(0)[0]))
    assert 5001 * state_bytes > 150e6  # so that something had to go
    assert 5e6 < kept_bytes(run) < 100e6
    for values in (run.train_loss, run.val_loss, run.train_accuracy, run.val_accuracy, run.seconds):
        assert values.shape == (5001,)
        assert np.isfinite(values).all()
    assert len(np.unique(run.train_loss)) > 4500  # each its own: float32 may repeat where the loss is flat
    outputs = bl.models.mlp((64, 128, 10)).predict(run.params_at(4321), problem.x)
    loss = float(bl.models.cross_entropy(outputs, jnp.asarray(problem.y)).mean())
    assert loss == pytest.approx(run.train_loss[4321], rel=1e-5)


# ------------------------------------------------------------------------------------------------- counts and seconds


@pytest.mark.parametrize(("batch_size", "updates"), [(1, 40), (7, 6), (8, 5), (39, 2), (40, 1)])
def test_updates_and_samples_are_counted_with_the_ragged_batch(batch_size, updates):
    run = train(3, batch_size=batch_size)
    assert run.iterations_per_epoch == updates
    assert run.iterations.tolist() == [0, updates, 2 * updates, 3 * updates]
    assert run.samples_seen.tolist() == [0, 40, 80, 120]
    assert run.train_loss.shape == run.val_loss.shape == run.iterations.shape == (4,)


def test_seconds_begin_at_zero_go_up_and_leave_compilation_out(compilations):
    began = time.perf_counter()
    run = bl.fit(bl.data.noisy_sine(n=43), hidden=(4,), num_epochs=0).train(70)
    wall = time.perf_counter() - began
    compiling = sum(compilations)
    assert run.seconds.shape == (71,)
    assert run.seconds[0] == 0
    assert (np.diff(run.seconds) > 0).all()
    assert compiling > 0.1  # there was something to leave out
    assert run.seconds[-1] < wall - compiling
    before = run.seconds.copy()
    run.train(10)
    np.testing.assert_array_equal(run.seconds[:71], before)
    assert (np.diff(run.seconds) > 0).all()


# ------------------------------------------------------------------------------------------------- best, and diverged

# One weight w from w_0, one sample x = 1, y = 0: gradient descent at rate 5.5 makes w_e = (-10)^e w_0, and the training
# loss 100^e w_0^2. Float32 ends at 3.4e38. The validation target is 100, which w_0 = 1 meets after 2 epochs.
EXPLODING = bl.Problem(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.full((1, 1), 100.0))


def seed_of(key):
    return jax.random.key_data(key)[..., -1].astype(jnp.float32)


WEIGHT = bl.Model(lambda key: jnp.ones((1, 1)), lambda weight, x: x @ weight)
TEN_TO_THE_SEED = bl.Model(lambda key: jnp.full((1, 1), 10.0 ** seed_of(key)), lambda weight, x: x @ weight)


def explode(num_epochs, learning_rate=5.5, model=WEIGHT, **settings):
    settings = {"model": model, "batch_size": 1, "learning_rate": learning_rate} | settings
    return bl.fit(EXPLODING, num_epochs=0, **settings).train(num_epochs)


def test_diverged_at_is_the_first_loss_that_is_not_a_number():
    run = explode(60)
    np.testing.assert_allclose(run.train_loss[:20], 100.0 ** np.arange(20), rtol=1e-4)
    assert np.isinf(run.train_loss[20])
    assert np.isnan(run.train_loss[-1])
    assert run.diverged_at == 20
    assert type(run.diverged_at) is int
    assert explode(19).diverged_at is None
    assert explode(20).diverged_at == 20
    assert explode(60, learning_rate=0.1).diverged_at is None


def test_diverged_at_sees_a_validation_loss_alone():
    far = bl.Problem(np.ones((1, 1)), np.zeros((1, 1)), np.full((1, 1), 1e15), np.zeros((1, 1)))
    run = bl.fit(far, model=WEIGHT, batch_size=1, num_epochs=0, learning_rate=5.5).train(6)  # validation: 1e30 100^e
    assert np.isfinite(run.train_loss).all()
    assert run.diverged_at == 5


def test_the_best_epoch_is_found_before_a_tail_of_nan():
    run = explode(60)
    assert np.isnan(run.val_loss[-1])
    assert run.best_epoch == 2
    assert run.val_loss[2] == pytest.approx(0, abs=1e-6)
    assert type(run.best_epoch) is int


def test_the_best_epoch_is_the_first_of_several():
    still = bl.Problem(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)))
    run = bl.fit(still, model=WEIGHT, batch_size=1, num_epochs=0).train(3)
    assert run.val_loss.tolist() == [0.0] * 4
    assert run.best_epoch == 0


def test_each_of_several_runs_has_its_own_best_and_lost_epoch():
    runs = explode(25, model=TEN_TO_THE_SEED, seeds=3)
    assert runs.diverged_at == [20, 19, 18]
    runs = explode(19, model=TEN_TO_THE_SEED, seeds=3)
    assert runs.diverged_at == [None, 19, 18]
    single = [explode(19, model=TEN_TO_THE_SEED, seed=seed) for seed in range(3)]
    assert list(runs.best_epoch) == [run.best_epoch for run in single] == [2, 0, 0]


# ------------------------------------------------------------------------------------------------------------ memory


def test_what_was_compiled_is_compiled_once_and_the_compiler_s_memory_goes_back(monkeypatch, compilations):
    released = []
    monkeypatch.setattr(bl.process, "release_memory", lambda: released.append(len(compilations)))
    problem, settings = bl.data.noisy_sine(n=29, n_val=31), {"hidden": (3,), "num_epochs": 0}
    run = bl.fit(problem, **settings).train(2)
    assert released == [len(compilations)]  # after the last of them
    run.prepare()
    assert released[1:] == [len(compilations)] > released[:1]
    bl.fit(problem, batch_size=29, **settings).train(1).prepare()
    assert len(released) == 2
    bl.fit(bl.data.noisy_sine(n=30, n_val=31), **settings)  # other shapes
    assert released[2:] == [len(compilations)] > released[1:2]


# ------------------------------------------------------------------------------------------------- files and progress


@pytest.mark.parametrize("seeds", [None, 2], ids=["one run", "two runs"])
def test_the_csv_file_holds_every_number(tmp_path, seeds):
    problem = bl.data.two_moons(n=40, n_val=50)
    run = bl.fit(problem, hidden=(), batch_size=7, num_epochs=0, learning_rate=0.3, seed=4, seeds=seeds).train(5)
    run.to_csv(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *["seed", "batch_size", "learning_rate", "epoch", "iteration", "samples", "seconds"],
        *["train_loss", "val_loss", "train_accuracy", "val_accuracy"],
    ]
    assert len(rows) == 6 * (seeds or 1)
    column = {name: np.array([float(row[name]) for row in rows]).reshape(-1, 6) for name in rows[0]}
    for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        # To the last bit of float32: a value is not rounded on its way.
        np.testing.assert_array_equal(column[name].astype(np.float32), np.reshape(getattr(run, name), (-1, 6)))
    for i in range(seeds or 1):
        assert set(column["seed"][i]) == {4 + i}
        assert column["epoch"][i].tolist() == [0, 1, 2, 3, 4, 5]
        assert column["iteration"][i].tolist() == run.iterations.tolist() == [0, 6, 12, 18, 24, 30]
        assert column["samples"][i].tolist() == run.samples_seen.tolist()
        assert column["seconds"][i].tolist() == run.seconds.tolist()
    assert set(column["batch_size"].flat) == {7}
    assert set(column["learning_rate"].flat) == {0.3}


def test_the_csv_file_of_a_lost_regression_says_nan(tmp_path):
    explode(60).to_csv(tmp_path / "run.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "run.csv").read_text())))
    assert len(rows) == 61
    assert all(math.isnan(float(row["train_accuracy"])) for row in rows)
    assert math.isinf(float(rows[20]["train_loss"]))
    assert math.isnan(float(rows[60]["train_loss"]))


def test_a_long_run_shows_a_bar_and_a_short_one_does_not(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")
    problem = bl.data.noisy_sine(n=4000)
    run, quiet = (bl.fit(problem, hidden=(), batch_size=1, num_epochs=0) for _ in range(2))
    num_epochs, took = 1, 0.0
    while took < 1.5:  # whatever the machine's speed, the last call is long
        num_epochs *= 2
        began = time.perf_counter()
        run.train(num_epochs, progress=True)
        took = time.perf_counter() - began
        shown = "epochs" in capsys.readouterr().err
        assert shown == (took > 1) or 1 < took < 1.5  # the bar comes with the first block of epochs after a second
    quiet.train(64)
    np.testing.assert_array_equal(run.train_loss[:65], quiet.train_loss)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("offset", range(0, 64, 4))
def test_a_run_goes_on_with_the_samples_it_began_with(offset):
    """Wherever NumPy has put them: JAX can take an array over as it lies, and see what is written into it later."""
    memory = np.zeros(64 + 4 * 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    x = memory[start : start + 4 * 100].view(np.float32)[:, None]
    x[:] = np.linspace(-1, 1, 100, dtype=np.float32)[:, None]
    problem = bl.Problem(x, x**2, x, x**2)
    settings = {"hidden": (3,), "batch_size": 10}
    expected = bl.fit(problem, num_epochs=4, **settings).train_loss.copy()
    run = bl.fit(problem, num_epochs=2, **settings)
    problem.x[:] = 7.0
    np.testing.assert_array_equal(run.train(2).train_loss, expected)


def test_batch_size_and_rate_may_change_between_two_calls_of_train():
    run = train(2, batch_size=1, learning_rate=0.02)
    run.batch_size, run.learning_rate = 40, 0.1
    run.train(3)
    from_there = bl.fit(PROBLEM, hidden=(4,), batch_size=40, num_epochs=3, learning_rate=0.1, params=run.params_at(2))
    np.testing.assert_array_equal(run.val_loss[2:], from_there.val_loss)
