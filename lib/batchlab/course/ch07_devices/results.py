"""What `make gpu` has measured on GPUs, read from the results that come with the course."""

import json
import pathlib
from typing import NamedTuple

from ... import measure

CHECKOUT = pathlib.Path(__file__).resolve().parents[4] / "benchmarks/results"
RESULTS = CHECKOUT if CHECKOUT.is_dir() else pathlib.Path(__file__).with_name("results")  # where it was installed
SMALL = "1-32-32-1"  # the network of the sine, as `make gpu` names it


class Measured(NamedTuple):
    """What was measured on a GPU, by batch size; empty, or None, where it was not measured."""

    device: str  # its name
    origin: str  # device, driver, versions and date, in words
    planned: dict[int, float]  # bytes of a step of the large network, as the compiler plans it
    counted: dict[int, float]  # the same, as the device counts them
    rates: dict[int, float]  # samples a second of these steps
    fit: measure.Saturation | None  # the line fitted to them
    cpu: dict[int, float]  # samples a second on the CPU beside it
    small: dict[str, dict[int, float]]  # epochs a second of the small network on each kind of device, the CPU first


def gpus(folder=RESULTS):
    """The GPUs that were measured, in order of their names: a list of `Measured`, of each device the newest.

    Rehearsals on a CPU do not count.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(pathlib.Path(folder).glob("*.json"))]
    found = [results for results in found if not results["about"]["rehearsal"]]
    found.sort(key=lambda results: (results["about"]["device"], results["about"]["date"]))
    newest = {results["about"]["device"]: results for results in found}
    return [_measured(results["about"], results["parts"]) for results in newest.values()]


def _measured(about, parts):
    driver = (about.get("driver and memory") or "").partition(",")[0]
    origin = [about["device"], *([f"driver {driver}"] if driver else []), f"JAX {about['jax']}"]
    origin += [f"beside {about['processor']}", f"measured by make gpu on {about['date'][:10]}"]

    def rows(part, table):
        found = parts.get(part, {}).get(table, {"columns": [], "rows": []})
        named = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
        return [row for row in named if "float32" not in row.get("setting", "")]  # products as JAX makes them

    def by_size(rows, column, unit=1):
        return dict(sorted((row["B"], unit * row[column]) for row in rows if row[column] != ""))

    steps, knees = rows("steps", "steps"), [row for row in rows("steps", "knee") if row["device"] != "cpu"]
    small = [row for row in rows("speed", "speed") if row["network"].startswith(SMALL)]
    kinds = [column.removesuffix(", epochs/s") for column in (small or [{}])[0] if column.endswith(", epochs/s")]
    return Measured(
        device=about["device"],
        origin=", ".join(origin),
        planned=by_size(steps, "MB planned", 1e6),
        counted=by_size(steps, "MB counted", 1e6),
        rates=by_size(steps, "samples/s"),
        fit=measure.Saturation(knees[0]["t0 ms"] / 1e3, knees[0]["Bsat"]) if knees else None,
        cpu=by_size(rows("steps", "cpu"), "samples/s"),
        small={kind: by_size(small, f"{kind}, epochs/s") for kind in kinds},
    )
