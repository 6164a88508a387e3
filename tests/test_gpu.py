"""The command for a GPU, rehearsed: every part writes what it measured, and a part that is lost is lost alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks import gpu, gpu_parts, gpu_targets

from batchlab.course import ch07_devices, plots

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "benchmarks/gpu.py", "--device", "cpu", "--name", "it"]


def tables(path):
    """{part: {table: rows}}, the rows as dictionaries."""
    parts = json.loads(path.read_text())["parts"]
    return {
        part: {
            name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
            for name, table in entry.items()
            if isinstance(table, dict)
        }
        for part, entry in parts.items()
    }


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """The file that the whole command, small, has left."""
    folder = tmp_path_factory.mktemp("results")
    command = [*COMMAND, "--small", "--minutes", "20", "--folder", str(folder)]  # two, where nothing else runs
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "A REHEARSAL" in done.stdout
    assert "| within |" in done.stdout
    return folder / "it.json"


@pytest.mark.slow
def test_every_part_writes_what_it_has_measured(rehearsal):
    results, found = json.loads(rehearsal.read_text()), tables(rehearsal)
    assert {part: entry["state"] for part, entry in results["parts"].items()} == dict.fromkeys(gpu.PARTS, "done")
    about = results["about"]
    assert about["rehearsal"]
    assert about["platform"] == "cpu"
    assert about["jax"].count(".") == 2
    assert str(rehearsal.parent) not in rehearsal.read_text()  # no machine's folders

    assert all(row["within"] and row["same bits again"] for row in found["losses"]["losses"])
    assert {row["precision"] for row in found["losses"]["losses"]} == {"default", "highest"}
    assert all(row["cpu, epochs/s"] > 1 for row in found["speed"]["speed"])
    settings = set(gpu.PARTS["launches"].settings)
    for table, unit in {"launches": "us each", "updates": "us each", "bl.fit": "epochs/s"}.items():
        assert {row["setting"] for row in found["launches"][table]} == settings
        assert all(row[unit] > 0 for row in found["launches"][table])
    assert len(found["curve"]["the default lab's curve"]) == 6
    assert [row["device"] for row in found["curve"]["the lab's choice"]] == ["cpu"]
    assert all(row["within"] for row in found["kernel"]["one run"])
    assert [row["runs"] for row in found["kernel"]["runs side by side"]] == [2]
    met = {row[0]: row[3] for row in results["targets"]["rows"]}
    assert list(met) == list(gpu_targets.TARGETS)
    curve = [value for what, value in met.items() if "curve" in what]
    assert [value for what, value in met.items() if "curve" not in what] == [None] * 3  # too small to be judged
    assert curve == [True]  # the CPU, which the lab chooses, against itself
    assert [row["B"] for row in found["steps"]["steps"]] == 2 * [1, 4, 64]
    assert all(row["MB planned"] > row["MB given"] > 0 for row in found["steps"]["steps"])
    assert all(row["Bsat"] > 0 for row in found["steps"]["knee"])
    assert found["steps"]["micro-batches"][0]["pieces"] == 4
    assert found["steps"]["bl.fit on the same network"][0]["samples/s"] > 0
    assert all(row["ran"] for row in found["memory"]["full batch"])
    (start, _) = found["startup"]["seconds since the start of a process"]
    assert 0 < start["imported"] < start["device ready"] < start["first epoch"]
    assert {row["runs"] for row in found["sweeps"]["sweeps"]} == {8, 16}
    assert all(row["same answer"] == 1 for row in found["sweeps"]["8 runs"])
    assert {row["how"] for row in found["sweeps"]["sweeps"]} == {"measured"}
    (tests,) = found["tests"]["tests"]
    assert tests["passed"] > 5
    assert tests["failed"] == tests["error"] == 0


@pytest.mark.slow
def test_chapter_7_draws_what_was_written(rehearsal, tmp_path):
    """As if it had been on a GPU, in a folder of its own: a reader is never shown a rehearsal."""
    assert ch07_devices.results.gpus(rehearsal.parent) == []
    results, found = json.loads(rehearsal.read_text()), tables(rehearsal)
    results["about"] |= {"rehearsal": False, "device": "a device"}
    (tmp_path / "it.json").write_text(json.dumps(results))
    alt = ch07_devices.on_a_gpu(tmp_path).alt
    (*_, full) = (row for row in found["steps"]["steps"] if "float32" not in row["setting"])
    assert f"{ch07_devices.views.in_bytes(1e6 * full['MB planned'])} planned at B = 64; nothing was counted." in alt
    assert f"{plots.figures(full['samples/s'])} at B = 64; its knee at B = " in alt
    assert f"Origin: a device, JAX {results['about']['jax']}, beside " in alt


def test_a_part_that_fails_is_lost_alone(tmp_path, monkeypatch):
    broken = {"XLA_FLAGS": "--xla_no_such_flag=1"}
    settings = {"as XLA comes": {}, "broken": broken}
    monkeypatch.setattr(gpu, "PARTS", {"no_such_part": gpu.Part(9), "speed": gpu.Part(60, settings)})
    path = tmp_path / "it.json"
    gpu.measure(path, {}, list(gpu.PARTS), time.monotonic() + 240, ["--small", "--cpu"])
    results, found = json.loads(path.read_text())["parts"], tables(path)
    assert results["no_such_part"]["state"] == results["speed"]["state"] == "failed"
    assert "KeyError: 'no_such_part'" in results["no_such_part"]["error"]
    assert "no_such_flag" in results["speed"]["error"]
    assert len(found["speed"]["speed"]) == 4  # of the setting that worked


def test_a_part_whose_time_is_up_keeps_its_rows(tmp_path):
    state, error, found = gpu.run_setting("speed", "", {}, 5.0, ["--cpu"])  # some twenty seconds of work
    assert (state, error) == ("cut", None)
    assert len(found.get("speed", [])) < 10


def test_what_a_sweep_had_no_time_for_is_estimated_and_said_to_be(tmp_path):
    sheet = gpu_parts.Sheet(tmp_path / "sheet.json", 60)
    gpu_parts.put_sweep(sheet, "cpu", (9, 3, 1), (10, 50), {9: (4.0, None)}, {9: (1.0, None), 3: (2.0, None)}, (8, 8))
    (row,) = json.loads((tmp_path / "sheet.json").read_text())["sweeps"]
    assert row["runs"] == 1500
    assert row["seconds"] == pytest.approx(4 + 2 * 500 / 64, rel=1e-3)
    assert row["how"] == "B = [3] estimated from the smaller sweep; without B = [1], for which there was no time"


REPORT = """
tests/test_a.py::test_x[one run] PASSED [ 10%]
[gw1] [ 20%] FAILED tests/test_a.py::test_y[two runs]
tests/test_b.py::test_z SKIPPED (no browser) [ 30%]
FAILED tests/test_a.py::test_y[two runs] - AssertionError: 1 is not 2
"""


def test_what_pytest_said_is_counted_with_and_without_workers(tmp_path):
    sheet = gpu_parts.Sheet(tmp_path / "sheet.json", 60)
    gpu_parts.put_tests(sheet, REPORT, 2)
    (counts,), (failed,) = sheet.tables["tests"], sheet.tables["not passed"]
    assert counts == {"files": 2, "passed": 1, "failed": 1, "error": 0, "skipped": 1, "xfail": 0}
    assert failed == {"test": "tests/test_a.py::test_y[two runs]", "why": "AssertionError: 1 is not 2"}


@pytest.mark.skipif(os.name != "posix", reason="ends a group of processes")
def test_a_cut_leaves_what_was_measured_before(tmp_path):
    command = [*COMMAND, "--small", "--parts", "curve,launches", "--folder", str(tmp_path)]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "it.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGTERM)
        assert run.wait(30) == 143
    results = json.loads((tmp_path / "it.json").read_text())
    assert {part: entry["state"] for part, entry in results["parts"].items()} == {"curve": "done"}
    assert [path.name for path in tmp_path.iterdir()] == ["it.json"]


def test_without_a_gpu_it_says_so(tmp_path):
    command = [sys.executable, "benchmarks/gpu.py", "--folder", str(tmp_path)]
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout.startswith("JAX finds no GPU here")
    assert not list(tmp_path.iterdir())


IMPORT = """
import sys
from benchmarks import absent
sys.meta_path.insert(0, absent.Finder())  # as if they were not installed
import batchlab as bl
problem = bl.data.noisy_sine(n=4)
print(bl.fit(problem, hidden=(2,), batch_size=2, num_epochs=1, progress=True).num_epochs)
print(bl.measure.sweep(problem, batch_sizes=[2], learning_rates=[0.1], seeds=1, num_epochs=1).finished)
"""


def test_the_library_trains_without_what_a_bare_machine_lacks():
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "lib")])}
    done = subprocess.run([sys.executable, "-c", IMPORT], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_a_result_tells_of_no_folders():
    assert gpu.without_folders('File "/srv/x/lib/a.py", line 3: 1/2 of a/b') == 'File "a.py", line 3: 1/2 of a/b'


def test_what_fits_on_a_line_stands_on_one():
    assert gpu.dump({"a": [1, 2]}) == '{"a": [1, 2]}'
    long = {"rows": [[1, "x" * 100], [2, "y" * 100]]}
    assert gpu.dump(long).count("\n") == 5
    assert json.loads(gpu.dump(long)) == long
