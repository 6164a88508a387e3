"""The sweep against single runs, and what it keeps, gives up and takes up again."""

import itertools
import shutil
import subprocess
import sys

import jax
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab.sweeps import LOST, Sweep, kept, lanes

SIZES, RATES = [1, 7, 40], [0.01, 0.1]
ASKED = {"batch_sizes": SIZES, "learning_rates": RATES, "seeds": 3, "num_epochs": 4, "hidden": (8,)}
PERCEPTRON = bl.models.mlp((64, 8, 10))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache folder for each test."""
    monkeypatch.setenv("BATCHLAB_CACHE", str(tmp_path))
    return tmp_path / "sweeps"


@pytest.fixture(scope="module")
def problem():
    return bl.data.digits(n=40, n_val=60)


def parts_trained(monkeypatch):
    """A list that gets the number of (lane, part) with work in it, for each call of the compiled program."""
    calls, sweep_programs = [], lanes.sweep_programs

    def counting(*args):
        start, advances = sweep_programs(*args)

        def wrap(advance):
            def advance_and_count(state, data, orders, updates, *rest):
                used = updates[:, : int(rest[-1])]
                calls.append((int((used[..., 1] > used[..., 0]).sum()), updates.shape[0]))
                return advance(state, data, orders, updates, *rest)

            return advance_and_count

        return start, {width: wrap(advance) for width, advance in advances.items()}

    monkeypatch.setattr(lanes, "sweep_programs", counting)
    return calls


def single(problem, size, rate, seed, num_epochs, **settings):
    run = bl.fit(
        problem, hidden=(8,), batch_size=size, learning_rate=rate, seed=seed, num_epochs=num_epochs, **settings
    )
    return np.stack([run.train_loss, run.val_loss, run.train_accuracy, run.val_accuracy], axis=1)


@pytest.mark.parametrize(("optimizer", "rates"), [(optax.sgd, RATES), (optax.adam, [0.001, 0.003])])
def test_a_run_of_a_sweep_is_the_run_that_fit_makes(problem, optimizer, rates):
    done = bl.measure.sweep(problem, **ASKED | {"learning_rates": rates}, optimizer=optimizer)
    assert done.finished == done.total == 18
    for run in itertools.product(SIZES, rates, range(3)):
        expected = single(problem, *run, 4, optimizer=optimizer)
        np.testing.assert_allclose(done.curves[run], expected, rtol=2e-4, atol=2e-5, err_msg=str(run))
        epochs, values = done.curve("val_loss", *run)
        assert epochs.tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(values, done.curves[run][:, 1])
    np.testing.assert_array_equal(done.last("train_loss")[1, 0, 2], done.curves[7, rates[0], 2][-1, 0])


def test_the_last_seeds_are_those_of_fit(problem):
    asked = {
        "batch_sizes": [7],
        "learning_rates": [0.1],
        "seeds": 2,
        "seed": 2**31 - 1,
        "num_epochs": 2,
        "hidden": (8,),
    }
    done = bl.measure.sweep(problem, **asked, keep=False)
    both = bl.fit(problem, hidden=(8,), batch_size=7, learning_rate=0.1, seed=2**31 - 1, seeds=2, num_epochs=2)
    np.testing.assert_allclose(done.last("train_loss")[0, 0], both.train_loss[:, -1], rtol=2e-4)


def test_more_runs_than_lanes_and_blocks_of_shuffles(problem):
    # 18 runs in 8 lanes, 70 epochs: beyond the block of 64 shuffles that are drawn together.
    done = bl.measure.sweep(problem, **ASKED | {"num_epochs": [2, 70, 3]})
    assert [len(done.curves[size, 0.1, 2]) for size in SIZES] == [3, 71, 4]
    np.testing.assert_allclose(done.curves[7, 0.01, 2], single(problem, 7, 0.01, 2, 70), rtol=1e-3, atol=1e-4)


def test_an_epoch_is_measured_in_parts(problem):
    whole = bl.measure.sweep(problem, **ASKED)
    parts = bl.measure.sweep(problem, **ASKED, checks=4)
    assert parts.checks.tolist() == [4, 4, 1]  # as many as the epoch has updates
    for run in itertools.product(SIZES, RATES, range(3)):
        _, values = parts.curve("train_loss", *run)
        at_epochs = values[:: 4 if run[0] < 40 else 1]
        np.testing.assert_allclose(at_epochs, whole.curve("train_loss", *run)[1], rtol=2e-4)
    # 7 divides 40 into 6 updates: after 1, 3, 4 and 6 of them.
    np.testing.assert_allclose(parts.epochs(7, 6), [0, 1 / 6, 3 / 6, 4 / 6, 1, 7 / 6])
    # In the middle of an epoch: what the first updates of a single run have done.
    params = PERCEPTRON.init(jax.random.key(0))
    order = bl.data.shuffles(0, 0, 40)[0]
    for i in range(3):
        rows = order[7 * i : 7 * i + 7]

        def loss(params):
            return bl.models.cross_entropy(PERCEPTRON.predict(params, problem.x[rows]), problem.y[rows]).mean()  # noqa: B023

        params = jax.tree.map(lambda leaf, grad: leaf - 0.1 * grad, params, jax.grad(loss)(params))
    expected = bl.models.cross_entropy(PERCEPTRON.predict(params, problem.x), problem.y).mean()
    np.testing.assert_allclose(parts.curve("train_loss", 7, 0.1)[1][2], expected, rtol=1e-4)


def test_a_run_ends_where_it_reaches_the_target(problem):
    whole = bl.measure.sweep(problem, **ASKED | {"num_epochs": 30}, keep=False)
    for target in ({"train_loss": 1.0}, {"val_accuracy": 0.25}):
        ((metric, value),) = target.items()
        done = bl.measure.sweep(problem, **ASKED | {"num_epochs": 30}, target=target, keep=False)
        epochs = done.epochs_to_target
        assert epochs.shape == (3, 2, 3)
        for (b, size), (r, rate), seed in itertools.product(enumerate(SIZES), enumerate(RATES), range(3)):
            values = whole.curve(metric, size, rate, seed)[1]
            reached = values >= value if metric == "val_accuracy" else values <= value
            if not reached.any():
                assert np.isinf(epochs[b, r, seed])
                assert len(done.curves[size, rate, seed]) == 31
                continue
            after = int(np.argmax(reached))
            assert after > 0
            assert len(done.curves[size, rate, seed]) == after + 1
            before = values[after - 1]
            assert epochs[b, r, seed] == pytest.approx(
                after - 1 + (value - before) / (values[after] - before), abs=1e-3
            )
        assert np.isfinite(epochs).any()
        np.testing.assert_allclose(done.iterations_to_target, epochs * np.array([40, 6, 1])[:, None, None])


def test_a_run_that_diverges_ends_and_is_the_worst_there_is():
    problem = bl.data.noisy_sine(n=20)
    asked = {"batch_sizes": [5], "learning_rates": [0.01, 50.0], "seeds": 3, "num_epochs": 40}
    done = bl.measure.sweep(problem, **asked)
    assert done.diverged.tolist() == [[[False] * 3, [True] * 3]]
    assert np.isinf(done.last("train_loss")[0, 1]).all()
    assert np.isfinite(done.last("train_loss")[0, 0]).all()
    for seed in range(3):
        curve = done.curves[5, 50.0, seed][:, 0]
        assert len(curve) < 40
        # It ends at the first value that is no number or ten times that of the start; before, there is none such.
        assert not (curve[-1] <= LOST * curve[0])
        assert (curve[:-1] <= LOST * curve[0]).all()
    reached = bl.measure.sweep(problem, **asked, target={"train_loss": 1e-9}).epochs_to_target
    assert np.isinf(reached).all()


def test_finished_runs_cost_nothing_more(problem, monkeypatch):
    calls = parts_trained(monkeypatch)
    monkeypatch.setattr(lanes, "SLICE_SECONDS", 0.0)  # one part a call, so that none is trained in vain
    done = bl.measure.sweep(problem, **ASKED | {"num_epochs": 30}, target={"train_loss": 1.0})
    lengths = [len(curve) - 1 for curve in done.curves.values()]
    assert min(lengths) < max(lengths)
    assert sum(used for used, _ in calls) == sum(lengths)
    # And the lanes are handed on: fewer calls than batches of eight runs that wait for their slowest would need.
    slowest = 0
    for size in SIZES:
        of_size = [len(done.curves[run]) - 1 for run in done._runs(SIZES.index(size))]
        slowest += sum(max(of_size[at : at + 8]) for at in range(0, len(of_size), 8))
    assert len(calls) <= slowest


def test_nothing_is_trained_twice(problem, monkeypatch, folder):
    first = bl.measure.sweep(problem, **ASKED)
    assert len(list(folder.iterdir())) == 1
    calls = parts_trained(monkeypatch)
    second = bl.measure.sweep(problem, **ASKED)
    assert calls == []
    for run, curve in first.curves.items():
        np.testing.assert_array_equal(second.curves[run], curve)
    # Fewer epochs, or a target, are answered from what is known;
    shorter = bl.measure.sweep(problem, **ASKED | {"num_epochs": 2}, target={"train_loss": 1e-9})
    assert calls == []
    assert {len(curve) for curve in shorter.curves.values()} == {3}
    # more rates, seeds or epochs cost what is new.
    monkeypatch.setattr(lanes, "SLICE_SECONDS", 0.0)
    more = bl.measure.sweep(problem, **ASKED | {"learning_rates": [0.01, 0.05, 0.1]})
    assert sum(used for used, _ in calls) == 9 * 4
    calls.clear()
    longer = bl.measure.sweep(problem, **ASKED | {"num_epochs": 5})
    assert sum(used for used, _ in calls) == 18 * 5
    assert (more.finished, longer.finished) == (27, 18)
    calls.clear()
    bl.measure.sweep(problem, **ASKED)  # the longer runs are kept, and hold the shorter ones
    assert calls == []


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": (9,)},
        {"optimizer": optax.adam},
        {"problem": bl.data.digits(n=40, n_val=60, seed=1)},
        {"problem": bl.data.digits(n=40, n_val=61)},
        {"checks": 2},
        {"model": bl.Model(PERCEPTRON.init, lambda params, x: 2 * PERCEPTRON.predict(params, x))},
    ],
    ids=["hidden", "optimizer", "data", "validation", "checks", "model"],
)
def test_what_is_kept_is_taken_for_nothing_else(problem, folder, change):
    Sweep(problem, **ASKED).run()
    settings = {"problem": problem} | ASKED | change
    assert Sweep(settings.pop("problem"), **settings).finished == 0


def test_a_change_of_a_source_makes_kept_runs_worthless(problem, tmp_path, monkeypatch):
    asked = problem, PERCEPTRON, optax.sgd, 1
    before = kept.identity(*asked)
    assert kept.identity(*asked) == before
    for name in kept.SOURCES:
        beside = tmp_path / "library"
        shutil.copytree(kept.LIBRARY, beside, ignore=shutil.ignore_patterns("course", "live"))
        with (beside / f"{name}.py").open("a") as file:
            file.write("# changed")
        monkeypatch.setattr(kept, "LIBRARY", beside)
        assert kept.identity(*asked) != before
        monkeypatch.undo()
        shutil.rmtree(beside)


def test_a_sweep_that_was_stopped_goes_on(problem, monkeypatch):
    monkeypatch.setattr(lanes, "SLICE_SECONDS", 0.0)
    stopped = Sweep(problem, **ASKED)
    work = stopped.work()
    for _ in range(6):
        next(work)
    work.close()  # what the kernel's stop button, or a newer setting, does to it
    assert 0 < stopped.finished < 18
    assert np.isnan(stopped.last("val_loss")).sum() == 18 - stopped.finished
    goes_on = Sweep(problem, **ASKED)
    assert goes_on.finished == stopped.finished
    goes_on.run()
    for run in goes_on.curves:
        np.testing.assert_allclose(goes_on.curves[run], single(problem, *run, 4), rtol=2e-4, atol=2e-5)
    # The same object can go on, too.
    assert stopped.run().finished == 18


def test_an_interrupt_keeps_what_is_finished(problem, monkeypatch):
    stopped = Sweep(problem, **ASKED)
    done = 0

    def interrupted(*settings):
        nonlocal done
        if done == 2:
            raise KeyboardInterrupt
        done += 1
        yield from train(*settings)

    train = lanes.train
    monkeypatch.setattr(lanes, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    monkeypatch.undo()
    assert stopped.finished == 12


def test_an_interrupt_while_runs_are_written_loses_none_and_leaves_no_half_file(problem, folder, monkeypatch):
    save = np.savez_compressed

    def interrupted(file, **arrays):
        file.write(b"half a file")
        monkeypatch.setattr(np, "savez_compressed", save)
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Sweep(problem, **ASKED).run()
    assert [file.suffix for file in folder.iterdir()] == [".npz"]
    assert Sweep(problem, **ASKED).finished == 6
    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kept.Kept("another").add({(1, 0.1, 0): np.zeros((2, 4))})
    assert [file.suffix for file in folder.iterdir()] == [".npz"]


def test_without_a_folder_everything_still_works(problem, tmp_path, monkeypatch):
    for setting in ("off", str(tmp_path / "a file")):
        (tmp_path / "a file").write_text("no folder")
        monkeypatch.setenv("BATCHLAB_CACHE", setting)
        assert bl.measure.sweep(problem, **ASKED).finished == 18


def test_a_broken_file_counts_as_none(problem, folder):
    bl.measure.sweep(problem, **ASKED)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    for broken in (b"", b"nonsense", whole[: len(whole) // 2]):
        file.write_bytes(broken)
        assert Sweep(problem, **ASKED).finished == 0
    assert Sweep(problem, **ASKED).run().finished == 18
    assert Sweep(problem, **ASKED).finished == 18


def test_what_is_kept_is_bounded(problem, folder, monkeypatch):
    bl.measure.sweep(problem, **ASKED)
    (old,) = folder.iterdir()
    monkeypatch.setattr(kept, "CACHE_BYTES", 1)
    bl.measure.sweep(problem, **ASKED | {"hidden": (9,)})
    (new,) = folder.iterdir()
    assert new != old


def test_a_kernel_finds_what_a_script_has_kept():
    """A kernel's jaxprs come in colour."""
    pytest.importorskip("ipykernel", reason="there is no kernel in a bare environment")
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    code = "import batchlab as bl, optax\nfrom batchlab.sweeps import kept\n"
    code += "print(kept.identity(bl.data.digits(n=24), bl.models.mlp((64, 10)), optax.sgd))"
    script = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    assert notebook.cells[0].outputs[0]["text"] == script


def test_no_setting_compiles(problem, compilations):
    bl.measure.sweep(problem, **ASKED | {"batch_sizes": [1, 3, 10, 20, 40]}, keep=False)
    compilations.clear()
    settings = {"batch_sizes": [2, 5, 17, 39], "learning_rates": [0.3, 0.7], "seeds": 5, "seed": 3, "num_epochs": 6}
    bl.measure.sweep(problem, **ASKED | settings, target={"train_loss": 0.5}, keep=False)
    assert compilations == []


def test_a_regression_has_no_accuracy():
    done = bl.measure.sweep(bl.data.noisy_sine(n=8), batch_sizes=[8], learning_rates=[0.1], seeds=1, num_epochs=2)
    assert np.isnan(done.last("val_accuracy")).all()
    with pytest.raises(ValueError, match="no target"):
        done.epochs_to_target  # noqa: B018
    for ask in (done.last, lambda metric: done.curve(metric, 8, 0.1)):
        with pytest.raises(ValueError, match="metric is 'loss'; it must be one of train_loss, val_loss, train_acc"):
            ask("loss")
    with pytest.raises(ValueError, match=r"no finished run of batch size, learning rate, seed = \(8, 0.2, 0\)"):
        done.curve("val_loss", 8, 0.2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_sizes": [0]}, "is 0; it must be a whole number from 1 to 40"),
        ({"batch_sizes": [41]}, "is 41; it must be a whole number from 1 to 40"),
        ({"batch_sizes": []}, "one or more batch sizes"),
        ({"batch_sizes": [4, 4]}, "each once"),
        ({"learning_rates": [0.1, -1.0]}, "is -1.0; it must be a finite number, above 0"),
        ({"learning_rates": [[0.1], [0.2]]}, "with a row for each of the 3 batch sizes"),
        ({"learning_rates": []}, "it must be (rates,)"),
        ({"num_epochs": 0}, "num_epochs is 0"),
        ({"num_epochs": [1, 2]}, "num_epochs has 2 entries"),
        ({"seeds": 0}, "seeds is 0"),
        ({"checks": 0}, "checks is 0"),
        ({"target": 0.9}, "it must be like {'val_accuracy': 0.9}"),
        ({"target": {"accuracy": 0.9}}, "with one of"),
        ({"target": {"val_accuracy": 90}}, "the target val_accuracy is 90; it must be a number above 0, up to 1"),
    ],
)
def test_bad_settings_are_answered_before_anything_is_computed(problem, monkeypatch, change, words):
    calls = parts_trained(monkeypatch)
    with pytest.raises(ValueError) as error:  # noqa: PT011, the words are looked at below
        bl.measure.sweep(problem, **ASKED | change)
    assert words in str(error.value)
    assert calls == []


def test_a_target_of_accuracy_needs_classes():
    with pytest.raises(ValueError, match="is a regression; choose a loss"):
        bl.measure.sweep(bl.data.noisy_sine(), batch_sizes=[1], learning_rates=[0.1], target={"val_accuracy": 0.9})
