"""What `make gpu` has measured on GPUs, read from the results that come with the course."""

import json
import pathlib
from typing import Any, NamedTuple

CHECKOUT = pathlib.Path(__file__).resolve().parents[4] / "benchmarks/results"
RESULTS = CHECKOUT if CHECKOUT.is_dir() else pathlib.Path(__file__).with_name("results")  # where it was installed
SMALL = "1-32-32-1"  # the network of the sine, as `make gpu` names it


class Measured(NamedTuple):
    """A GPU's results: what it is, and the tables of each part, rows as dictionaries."""

    about: dict[str, Any]
    parts: dict[str, dict[str, list[dict[str, Any]]]]

    @property
    def device(self):
        """Its name."""
        return self.about["device"]

    @property
    def origin(self):
        """Device, driver, versions and date, in words."""
        driver = (self.about.get("driver and memory") or "").partition(",")[0]
        said = [f"driver {driver}" if driver else "", f"JAX {self.about['jax']}", f"beside {self.about['processor']}"]
        return ", ".join([self.device, *filter(None, said), f"measured by make gpu on {self.about['date'][:10]}"])

    def rows(self, part, table):
        """The rows of a table; none where it was not measured."""
        return self.parts.get(part, {}).get(table, [])

    @property
    def steps(self):
        """Steps of the large network with products as JAX makes them: rows with B, samples/s, bytes."""
        return [row for row in self.rows("steps", "steps") if "float32" not in row.get("setting", "")]

    @property
    def knee(self):
        """The fitted line of these steps: a row with t0 ms and Bsat, or None."""
        rows = [row for row in self.rows("steps", "knee") if "float32" not in row.get("setting", "")]
        return next((row for row in rows if row["device"] != "cpu"), None)

    @property
    def small(self):
        """Epochs a second of the small network: {kind of device: {batch size: epochs/s}}, the CPU first."""
        rows, found = [row for row in self.rows("speed", "speed") if row["network"].startswith(SMALL)], {}
        for row in rows:
            for column in (column for column in row if column.endswith(", epochs/s")):
                found.setdefault(column.removesuffix(", epochs/s"), {})[row["B"]] = row[column]
        return {kind: dict(sorted(rates.items())) for kind, rates in found.items()}


def _tables(entry):
    """The tables of a part."""
    found = {name: table for name, table in entry.items() if isinstance(table, dict)}
    return {
        name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]] for name, table in found.items()
    }


def gpus(folder=RESULTS):
    """The GPUs that were measured: a list of `Measured`, the newest measurement of each device.

    Rehearsals on a CPU do not count.
    """
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        about = results["about"]
        if not about["rehearsal"]:
            made = Measured(about, {part: _tables(entry) for part, entry in results["parts"].items()})
            if about["device"] not in found or found[about["device"]].about["date"] <= about["date"]:
                found[about["device"]] = made
    return list(found.values())
