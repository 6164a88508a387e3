"""Everything that a GPU has to answer, in one command of under eight minutes: `make gpu`, or

    python benchmarks/gpu.py                     all parts, as does -m benchmarks.gpu; nothing need be installed
    python benchmarks/gpu.py --parts losses,speed --minutes 3 --name h100-again --folder results
    python benchmarks/gpu.py --small             the rehearsal: the same on any CPU, small

It needs this repository and a Python with jax (for CUDA), optax, scikit-learn, matplotlib and pytest. Without a GPU it
says so and stops; with --small or --device cpu it compares the CPU with itself, and writes to build/gpu instead.

Each part runs in a process of its own, so that a crash or full memory ends that part alone, and when it has ended all
that is known is written to benchmarks/results/NAME.json:

    about               device, driver, versions, processor, date, command, whether it was a rehearsal
    parts.NAME.state    done, failed (`error` says why) or cut (its time was up; the rows measured by then are there)
    parts.NAME.seconds  how long it took, start of the process included
    targets             what is to be reached, what was measured of it, and whether it is met
    parts.NAME.TABLE    columns and rows; a unit is part of the column's name, and `setting` says what was switched
"""

import argparse
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RESULTS, REHEARSALS = ROOT / "benchmarks/results", ROOT / "build/gpu"
LOOPS = "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL,+DYNAMIC_SLICE_FUSION --xla_gpu_graph_min_graph_size=1"


class Part(NamedTuple):
    """What a part may take in seconds, and the environments that it runs in, one after the other."""

    seconds: float
    settings: dict = {"": {}}  # noqa: RUF012


# In the order of their worth, since a cut takes the last; the tests get what the others have left.
PARTS = {
    "losses": Part(60),
    "speed": Part(50),
    "launches": Part(
        80,
        {
            "as XLA comes": {},
            "no command buffers": {"XLA_FLAGS": "--xla_gpu_enable_command_buffer="},
            "loops in command buffers": {"XLA_FLAGS": LOOPS},
            "loops in command buffers, unrolled": {"XLA_FLAGS": f"{LOOPS} --xla_gpu_command_buffer_unroll_loops=true"},
        },
    ),
    "curve": Part(25),
    "steps": Part(
        60, {"products as JAX comes": {}, "products in float32": {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}}
    ),
    "memory": Part(35, {"": {"XLA_PYTHON_CLIENT_PREALLOCATE": "true", "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92"}}),
    "startup": Part(25),
    "sweeps": Part(70),
    "kernel": Part(50),
    "tests": Part(80),
}


def without_folders(text):
    """The text with every absolute path cut to its last name: a result tells of no machine's folders."""
    return re.sub(r"(?<![\w.])(?:/[\w.+@-]+)+/([\w.+@-]+)", r"\1", text)


def dump(value, indent=0):
    """JSON in which whatever fits on a line stands on one."""
    line = json.dumps(value)
    if len(line) + indent <= 118 or not isinstance(value, dict | list) or not value:
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(key)}: {dump(item, indent + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + dump(item, indent + 1) for item in value) + "\n" + " " * indent + "]"


def as_table(rows):
    """Rows with the same keys as columns and rows."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return {"columns": columns, "rows": [[row.get(column) for column in columns] for row in rows]}


def write(path, results):
    """Write the results in one move, so that a cut never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(dump(results) + "\n", encoding="utf-8")
    beside.replace(path)


def tail(text, lines=4):
    """The last lines that say something, without folders."""
    return without_folders("\n".join([line for line in text.splitlines() if line.strip()][-lines:]))


def environment(setting):
    """That of a part: the library and the benchmarks are found, nothing is kept, memory is taken as it is needed."""
    paths = [str(ROOT), str(ROOT / "lib"), os.environ.get("PYTHONPATH", "")]
    platforms = os.environ.get("JAX_PLATFORMS", "")
    return {
        **os.environ,
        "JAX_PLATFORMS": f"{platforms},cpu" if platforms and "cpu" not in platforms else platforms,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONUNBUFFERED": "1",
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        "TQDM_DISABLE": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        **setting,
    }


def run_setting(part, name, setting, seconds, options):
    """Run a part once: (state, error, {table: rows})."""
    with tempfile.TemporaryDirectory() as folder:
        sheet, log = Path(folder) / "sheet.json", Path(folder) / "log"
        command = [sys.executable, "-m", "benchmarks.gpu_parts", part, str(sheet), f"{seconds:.0f}", name, *options]
        with open(log, "w") as out:
            child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(setting),
                stdout=out,
                stderr=out,
                start_new_session=os.name == "posix",
            )
            try:  # it looks at the clock itself, between two measurements
                code = child.wait(seconds + max(5.0, 0.2 * seconds))
                state = "failed" if code else "done"
            except subprocess.TimeoutExpired:
                state = "cut"
            finally:
                end(child)
        tables = json.loads(sheet.read_text(encoding="utf-8")) if sheet.exists() else {}
        if state == "done" and tables.pop("cut", False):
            state = "cut"
        return state, tail(log.read_text(errors="replace")) if state == "failed" else None, tables


def end(child):
    """End a process and all that it has started."""
    if os.name == "posix":
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    child.kill()
    child.wait()


def run_part(part, seconds, options):
    """Run a part in each of its settings: its entry in the results."""
    began, settings = time.monotonic(), PARTS[part].settings
    entry, found = {"state": "done", "seconds": 0}, {}
    for at, (name, setting) in enumerate(settings.items()):
        left = seconds - (time.monotonic() - began)
        state, error, tables = run_setting(part, name, setting, max(1.0, left / (len(settings) - at)), options)
        if state != "done":
            entry["state"] = state if entry["state"] != "failed" else "failed"
        if error:
            entry["error"] = "\n".join(filter(None, [entry.get("error"), name, error]))
        for table, rows in tables.items():
            found.setdefault(table, []).extend(rows)
    entry["seconds"] = round(time.monotonic() - began, 1)
    return entry | {table: as_table(rows) for table, rows in found.items()}


def measure(path, facts, parts, deadline, options):
    """Run the parts, write the results and what is to be reached after each, and return them."""
    from benchmarks.gpu_targets import targets

    results = {"about": facts, "parts": {}}
    share = (deadline - time.monotonic()) / sum(PARTS[part].seconds for part in parts)
    for part in parts:
        left = deadline - time.monotonic() - 5
        seconds = left if part == "tests" else min(left, share * PARTS[part].seconds)
        if seconds > 3:
            print(f"... {part}, at most {seconds:.0f} s", file=sys.stderr, flush=True)
            results["parts"][part] = run_part(part, seconds, options)
        else:
            results["parts"][part] = {"state": "cut", "seconds": 0}
        results["targets"] = as_table(targets(results["parts"]))
        write(path, results)
        print_part(part, results["parts"][part])
    print_table("\nwhat is to be reached", results["targets"])
    return results


def print_part(part, entry):
    """Its tables, as Markdown."""
    from benchmarks.tables import heading

    heading(f"{part}: {entry['state']}, {entry['seconds']} s", *filter(None, [entry.get("error")]))
    for name, found in entry.items():
        if isinstance(found, dict):
            print_table(name, found)


def print_table(name, found):
    from benchmarks.tables import table

    print(f"{name}\n")
    table(found["columns"], [["" if cell is None else cell for cell in row] for row in found["rows"]])


def about(settings, options):
    """Device, versions and processor, as a first, short process finds them; date and command."""
    _, error, tables = run_setting("about", "", {}, 60, options)
    facts = tables["facts"][0] if "facts" in tables else {"error": error}
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    words = [without_folders(word) for word in sys.argv[1:]]
    command = " ".join(["python benchmarks/gpu.py", *words])
    return facts | {"date": date, "command": command, "rehearsal": facts.get("platform") != "gpu" or settings.small}


def asked():
    parser = argparse.ArgumentParser(prog="python benchmarks/gpu.py", description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, with commas between; without it, all")
    parser.add_argument("--minutes", type=float, default=7.5, help="after which nothing more is measured")
    parser.add_argument("--small", action="store_true", help="the rehearsal: every part, in seconds")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu compares the CPU with itself")
    parser.add_argument("--name", help="of the file; without it, that of the device")
    parser.add_argument("--folder", type=Path, help="where to write; without it, benchmarks/results")
    settings = parser.parse_args()
    settings.parts = [part for part in settings.parts.split(",") if part]
    if unknown := [part for part in settings.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    return settings


def main():
    settings = asked()
    deadline = time.monotonic() + 60 * settings.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the part that runs is ended, too
    options = (["--small"] if settings.small else []) + (["--cpu"] if settings.device == "cpu" else [])
    facts = about(settings, options)
    if facts.get("platform") != "gpu" and not options:
        print("JAX finds no GPU here, so there is nothing to measure. --small rehearses everything on the CPU.")
        print(facts.get("error") or f"JAX {facts['jax']} has: {facts['device']}.")
        return 2
    print("\n".join(f"{key}: {value}" for key, value in facts.items()))
    if facts.get("platform") != "gpu":
        print("\nA REHEARSAL: the CPU is compared with itself, and the numbers say nothing of any GPU.")
    name = settings.name or re.sub(r"\W+", "-", facts.get("device", "unknown").lower()).strip("-")
    path = (settings.folder or (REHEARSALS if facts["rehearsal"] else RESULTS)) / f"{name}.json"
    results = measure(path, facts, settings.parts, deadline, options)
    states = {part: entry["state"] for part, entry in results["parts"].items()}
    print(", ".join(f"{part} {state}" for part, state in states.items()) + f". Written: {path.name}")
    return int("failed" in states.values())


if __name__ == "__main__":
    if Path(sys.path[0] or ".").resolve() == ROOT / "benchmarks":  # the modules beside this file are no packages
        sys.path[0] = str(ROOT)
    sys.exit(main())
