"""What a GPU must reach is judged from the numbers, and the README's table is that of the committed results."""

import json

import pytest
from benchmarks import gpu, gpu_targets

WHAT = list(gpu_targets.TARGETS)


def parts(far=5e-5, exact=1e-6, cpu=60.0, gpu_s=10.0, chosen="gpu", curve=(0.3, 0.2), counted=5000.0, how="measured"):
    """The parts of a results file, as far as they are judged; the numbers are made up."""
    full = {"network": "a", "epochs": 100, "tolerance": gpu_targets.FULL_BATCH}
    mini = {"network": "a", "epochs": 30, "tolerance": 1e-3, "precision": "default", "relative difference": 0.5}
    losses = [{**full, "precision": "highest", "relative difference": exact}]
    losses += [{**full, "precision": "default", "relative difference": far}, mini]
    sweeps = [
        {"device": device, "runs": runs, "seconds": seconds * runs / 5000, "how": said}
        for runs in (640, 5000)
        for device, seconds, said in (("gpu", gpu_s, "measured"), ("cpu", cpu, how))
    ]
    loops = [
        {"device": device, "run": run, "seconds": seconds + more}
        for device, seconds in zip(("cpu", "gpu"), curve, strict=True)
        for run, more in (("first, compiled on the way", -0.15), ("second", 0.1), ("third", 0.0))
    ]
    steps = [{"B": 1, "MB planned": 1.0, "MB counted": 9.0}, {"B": 60_000, "MB planned": 4500.0, "MB counted": counted}]
    speed = {"network": "1-32-32-1, N = 256", "cpu, epochs/s": 3000.0, "gpu, epochs/s": 20.0, "ratio": 0.1}
    kernel = {"B": 1, "cpu, epochs/s": 1.0, "kernel of 1 warps, epochs/s": 900.0, "kernel of 4 warps, epochs/s": 1100.0}
    found = {
        "losses": {"losses": losses},
        "sweeps": {"sweeps": sweeps},
        "curve": {"the default lab's curve": loops, "the lab's choice": [{"device": chosen, "seconds to choose": 4.0}]},
        "steps": {"steps": steps, "knee": [{"device": "gpu", "Bsat": 512.0, "most samples/s": 2e6}]},
        "speed": {"speed": [{**speed, "B": 256}, {**speed, "B": 1}]},
        "kernel": {"one run": [kernel]},
    }
    return {part: {name: gpu.as_table(rows) for name, rows in tables.items()} for part, tables in found.items()}


def judged(**numbers):
    return {row["what"]: row for row in gpu_targets.targets(parts(**numbers))}


def test_each_target_says_what_was_measured():
    rows = judged()
    assert [row["met"] for row in rows.values()] == [True] * 4
    assert [rows[what]["measured"] for what in WHAT] == [
        "1.0e-06 with products in float32; 5.0e-05 with products as JAX makes them",
        "6.0 times: 10 s against 60 s",
        "0.2 s: the lab chooses the GPU; cpu 0.3 s, gpu 0.2 s",
        "5,000 MB counted, 4,500 planned",
    ]


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        (0, {"far": 1.1e-4}),
        (0, {"exact": "nan"}),
        (1, {"cpu": 49.9}),
        (2, {"curve": (0.2, 0.21)}),
        (3, {"counted": 5401.0}),
        (3, {"counted": 3599.0}),
    ],
)
def test_each_target_can_be_missed(what, numbers):
    rows = judged(**numbers)
    assert [rows[each]["met"] for each in WHAT] == [at != what for at in range(4)]


def test_a_lab_that_chooses_the_cpu_is_as_quick_as_its_cpu():
    row = judged(chosen="cpu", curve=(0.2, 0.5))[WHAT[2]]
    assert row["met"]
    assert row["measured"].startswith("0.2 s: the lab chooses the CPU")


def test_an_estimate_is_said_to_be_one_and_what_had_no_time_is_not_judged():
    assert judged(how="B = [1] estimated from the smaller sweep")[WHAT[1]]["measured"].endswith(
        "; cpu: B = [1] estimated from the smaller sweep"
    )
    assert judged(how="measured; without B = [1], for which there was no time")[WHAT[1]]["met"] is None
    assert judged(counted="")[WHAT[3]]["measured"] == "not yet measured"
    assert {row["met"] for row in gpu_targets.targets({})} == {None}
    only_exact = parts()
    only_exact["losses"]["losses"]["rows"] = only_exact["losses"]["losses"]["rows"][:1]
    assert gpu_targets.targets(only_exact)[0]["met"] is None  # `bl.fit` as it comes was not measured


def put(folder, name, device, date, rehearsal=False, **numbers):
    about = {"device": device, "date": date, "rehearsal": rehearsal}
    (folder / f"{name}.json").write_text(json.dumps({"about": about, "parts": parts(**numbers)}))


def test_the_table_has_a_column_for_the_newest_results_of_each_gpu(tmp_path):
    put(tmp_path, "a", "GPU one", "2026-02-02 03:04 UTC", cpu=20.0)
    put(tmp_path, "b", "GPU one", "2026-01-02 03:04 UTC")
    put(tmp_path, "c", "a CPU", "2026-03-02 03:04 UTC", rehearsal=True)
    lines = gpu_targets.table(tmp_path).splitlines()
    assert lines[0] == "| what | GPU one, 2026-02-02 | aim |"
    assert lines[3] == f"| {WHAT[1]} | 2.0 times: 10 s against 20 s: missed | 5 times as quick |"
    assert lines[6] == "| epochs a second at B = 1, perceptron 1-32-32-1 | cpu 3,000, gpu 20, in one kernel 1,100 |  |"
    assert "| B = 512, at most 2,000,000 samples/s |" in lines[7]


def test_without_results_every_line_says_so(tmp_path):
    lines = gpu_targets.table(tmp_path).splitlines()
    assert lines[0] == "| what | GPU | aim |"
    assert all("| not yet measured |" in line for line in lines[2:])


def test_writing_puts_the_table_between_its_marks(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{gpu_targets.BEGIN}\nold\n{gpu_targets.END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        gpu_targets.write(readme, tmp_path)
        expected = f"before\n{gpu_targets.BEGIN}\n\n{gpu_targets.table(tmp_path)}\n\n{gpu_targets.END}\nafter\n"
        assert readme.read_text(encoding="utf-8") == expected


def test_the_readme_has_what_is_committed():
    text = gpu_targets.README.read_text(encoding="utf-8")
    assert text.partition(gpu_targets.BEGIN)[2].partition(gpu_targets.END)[0].strip() == gpu_targets.table()
    alone = "as long as that folder holds no results, it has run on CPUs alone"
    assert bool(gpu_targets.measured()) != (alone in " ".join(text.split()))
