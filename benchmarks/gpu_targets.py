"""What `make gpu` must reach, judged from its numbers, and the README's table of it:

python -m benchmarks.gpu_targets        writes the table from benchmarks/results (`make gputable`)
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README, RESULTS = ROOT / "README.md", ROOT / "benchmarks/results"
BEGIN, END = "<!-- gpu: written by `make gputable` -->", "<!-- end of gpu -->"
NOT_YET = "not yet measured"
FULL_BATCH = 1e-4  # relative difference of losses between two devices, whose sums differ in order
SWEEP, RUNS, EPOCHS, SAMPLES, BYTES = 5.0, 5000, 100, 60_000, 0.2
SINE, VERDICTS = "1-32-32-1", {True: ": met", False: ": missed", None: ""}


def rows(parts, part, table):
    """The rows of a table as dictionaries; none where it was not measured."""
    found = parts.get(part, {}).get(table)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]] if found else []


def number(value):
    """A number that was measured; what JSON does not have is written as text."""
    return float(value) if value not in ("", None) else float("nan")


def losses(parts):
    """The largest difference of full-batch runs, by the precision of products."""
    far = {}
    for row in rows(parts, "losses", "losses"):
        if row["tolerance"] == FULL_BATCH and row["epochs"] >= EPOCHS:
            far.setdefault(row["precision"], []).append(number(row["relative difference"]))
    if "default" not in far:  # that of `bl.fit`
        return None
    names = {"default": "products as JAX makes them", "highest": "products in float32"}
    met = all(value <= FULL_BATCH for values in far.values() for value in values)
    return "; ".join(f"{max(values):.1e} with {names[key]}" for key, values in far.items()), met


def sweep(parts):
    """How many times as quick the large sweep is on the GPU."""
    found = {row["device"]: row for row in rows(parts, "sweeps", "sweeps") if row["runs"] >= RUNS}
    if len(found) < 2 or any("no time" in row["how"] for row in found.values()):
        return None
    cpu, gpu = found.pop("cpu"), next(iter(found.values()))
    guessed = "".join(f"; {row['device']}: {row['how']}" for row in (cpu, gpu) if row["how"] != "measured")
    ratio = cpu["seconds"] / gpu["seconds"]
    return f"{ratio:.1f} times: {gpu['seconds']:.3g} s against {cpu['seconds']:.3g} s{guessed}", ratio >= SWEEP


def curve(parts):
    """The default lab's complete curve on the device that the lab chooses, against the CPU."""
    spent, chosen = {}, rows(parts, "curve", "the lab's choice")
    for row in rows(parts, "curve", "the default lab's curve"):
        if not row["run"].startswith("first"):
            spent[row["device"]] = min(row["seconds"], spent.get(row["device"], float("inf")))
    if len(spent) < 2 or not chosen:
        return None
    there = spent[chosen[0]["device"]]
    each = ", ".join(f"{kind} {seconds:.3g} s" for kind, seconds in spent.items())
    return f"{there:.3g} s: the lab chooses the {chosen[0]['device'].upper()}; {each}", there <= spent["cpu"]


def full_batch(parts):
    """Bytes of the full batch of the large network: what the device counted against the compiler's plan."""
    full = [row for row in rows(parts, "steps", "steps") if row["B"] >= SAMPLES and row["MB counted"] != ""]
    if not full:
        return None
    off = {f"{row['MB counted']:,.0f} MB counted, {row['MB planned']:,.0f} planned": row for row in full}
    met = all(abs(row["MB counted"] / row["MB planned"] - 1) <= BYTES for row in full)
    return "; ".join(off), met


TARGETS = {
    "losses of `bl.fit` over 100 epochs of full batch, GPU against CPU": ("equal to 1e-4", losses),
    "sweep of 5,000 runs on the digits, GPU against its machine's CPU": ("5 times as quick", sweep),
    "default lab's complete curve where there is a GPU": ("no slower than on its CPU", curve),
    "bytes of the full batch, perceptron 784-2048-2048-10, N = 60,000": ("counted within 20 % of the plan", full_batch),
}


def targets(parts):
    """Each target with what was measured, and whether that meets it: rows of what, aim, measured, met."""
    found = {what: (aim, judge(parts)) for what, (aim, judge) in TARGETS.items()}
    return [
        {"what": what, "aim": aim, "measured": told[0] if told else NOT_YET, "met": told[1] if told else None}
        for what, (aim, told) in found.items()
    ]


# ---- the README's table ----------------------------------------------------------------------------------------------


def small(parts):
    """Epochs a second of the small network at batch size 1."""
    found = [row for row in rows(parts, "speed", "speed") if row["network"].startswith(SINE) and row["B"] == 1]
    cells = [cell for row in found for cell in row.items() if cell[0].endswith(", epochs/s")]
    rates = [f"{name.partition(',')[0]} {rate:,.0f}" for name, rate in cells]
    for row in (row for row in rows(parts, "kernel", "one run") if row["B"] == 1):
        rates.append(f"in one kernel {max(number(row[name]) for name in row if name.startswith('kernel')):,.0f}")
    return ", ".join(rates) or NOT_YET


def knee(parts):
    """Where a larger batch begins to gain little."""
    found = [row for row in rows(parts, "steps", "knee") if row["device"] != "cpu"]
    told = [
        f"B = {row['Bsat']:,.0f}, at most {row['most samples/s']:,.0f} samples/s, {row.get('setting', '')}".rstrip(", ")
        for row in found
    ]
    return "; ".join(told) or NOT_YET


SPEEDS = {
    "epochs a second at B = 1, perceptron 1-32-32-1": small,
    "knee of 784-2048-2048-10: the batch size at half of its most samples a second": knee,
}


def measured(folder=RESULTS):
    """The results of GPUs, the newest of each: {device: results}. Rehearsals do not count."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
    found = sorted((each for each in found if not each["about"]["rehearsal"]), key=lambda each: each["about"]["date"])
    return {each["about"]["device"]: each for each in found}


def table(folder=RESULTS):
    """The README's table, as Markdown: a column for each GPU, and one that says so where there is none."""
    found = measured(folder).items()
    columns = {f"{device}, {each['about']['date'][:10]}": each["parts"] for device, each in found} or {"GPU": {}}
    lines = [["what", *columns, "aim"], ["---"] * (len(columns) + 2)]
    for at, (what, (aim, _)) in enumerate(TARGETS.items()):
        judged = [targets(parts)[at] for parts in columns.values()]
        lines.append([what, *(f"{row['measured']}{VERDICTS[row['met']]}" for row in judged), aim])
    lines += [[what, *map(tell, columns.values()), ""] for what, tell in SPEEDS.items()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write(readme=README, folder=RESULTS):
    """Put the table into the README."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n\n{table(folder)}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write()
