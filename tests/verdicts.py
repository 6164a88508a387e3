"""The twenty statements with their verdicts, and their table in the README, which the tests of the statements write.

A test of a statement ends with `verdict("S15", "variance times B ≈ 0.98 of the theory")`: what it has just measured.
`make verdicts` puts these sentences into the README; otherwise a sentence that is not the README's fails the test.
Numbers after the sign ≈ may differ by a quarter, since processors round differently; all else must be the same.
"""

import pathlib
import re

README = pathlib.Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- verdicts: written by `make verdicts` -->", "<!-- end of verdicts -->"
TOLERANCE = 0.25
MEASURED = re.compile(r"≈ *(-?[0-9][0-9,]*\.?[0-9]*(?:e-?[0-9]+)?)")

STATEMENTS = {
    "S1": ("An epoch is one pass, forward and backward, of every training sample.", "a definition", "01"),
    "S2": ("A dataset too large for one step is cut into batches.", "a definition", "01"),
    "S3": ("Batch size B is the number of samples in one training step.", "a definition", "01"),
    "S4": ("One iteration is one batch trained: one update.", "a definition", "01"),
    "S5": (
        "One epoch is not enough: with more epochs the fit goes from underfitting, through good, to overfitting.",
        "true where samples are few and noisy",
        "03",
    ),
    "S6": ("No number of epochs is right for every dataset.", "true, at one network, batch size and rate", "03"),
    "S7": ("Batch size affects both how well and how fast the model is optimised.", "true", "06"),
    "S8": (
        "Batch size drives device memory; a small memory wants a small batch.",
        "true by a CPU compiler's plan; not yet measured on a GPU",
        "07",
    ),
    "S9": (
        "The full-batch gradient is accurate, but its size differs hugely between weights, so one global learning rate "
        "is hard to choose: Rprop, which uses only the sign, was the answer.",
        "true of full batches where curvatures differ; on mini-batches the signs do not cancel",
        "08",
    ),
    "S10": (
        "For a small dataset full batch is fine; for a large one it explodes the memory.",
        "true by a CPU compiler's plan; not yet measured on a GPU",
        "07",
    ),
    "S11": ("Larger batches use the parallel hardware better.", "true until saturation", "07"),
    "S12": (
        "A larger batch means fewer iterations per epoch, so the weights move more slowly per epoch.",
        "true at a fixed rate, of SGD, momentum and Adam",
        "02",
    ),
    "S13": ("A suitable batch size makes the descent direction more accurate.", "true", "04"),
    "S14": ("At B = 1 the gradient jumps about and convergence is hard.", "true at a fixed rate", "04"),
    "S15": ("As B grows the gradient gets more accurate.", "true", "04"),
    "S16": (
        "Beyond some B more accuracy buys nothing.",
        "true in the limit: beyond the noise scale at most half can still be saved",
        "06",
    ),
    "S17": (
        "A larger batch needs more epochs for the same accuracy.",
        "true at a fixed rate; with the best rate of SGD only beyond the noise scale",
        "06",
    ),
    "S18": (
        "GD is accurate but slow on much data and, on a non-convex loss, ends in the optimum nearest its start.",
        "true of basins: GD ends in the minimum of its own",
        "09",
    ),
    "S19": (
        "SGD is inaccurate, so its learning rate must be lower.",
        "true of SGD and momentum: in proportion to B up to a corner, then no more; of Adam less",
        "05",
    ),
    "S20": (
        "Mini-batch noise helps to leave a poor optimum near the start; as the gradient becomes accurate the rate must "
        "be raised.",
        "contested: true of this surface, open for generalisation",
        "09",
    ),
}


def table():
    """The sentences that stand in the README: {statement: measured}."""
    text = README.read_text(encoding="utf-8")
    lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| S")]
    return {row[0]: row[3] for row in rows}


def check(statement, measured):
    """Fail if the README says something else of the statement."""
    stands = table().get(statement, "")
    remedy = f"run `make verdicts`; measured now: {measured!r}, in the README: {stands!r}"
    assert MEASURED.sub("≈", stands) == MEASURED.sub("≈", measured), f"the words for {statement} differ: {remedy}"
    for old, new in zip(MEASURED.findall(stands), MEASURED.findall(measured), strict=True):
        a, b = float(old.replace(",", "")), float(new.replace(",", ""))
        assert abs(a - b) <= TOLERANCE * max(abs(a), abs(b)), f"{statement}: {old} has become {new}: {remedy}"


def write(sentences):
    """Put these sentences into the README's table; the others stay as they are."""
    known = table() | sentences
    lines = ["| | statement | verdict | measured by the tests | chapter |", "|---|---|---|---|---|"]
    for statement, (text, verdict, chapter) in STATEMENTS.items():
        measured = known.get(statement, "")
        lines.append(f"| {statement} | {text} | {verdict} | {measured} | {chapter} |")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(before + "\n".join([BEGIN, "", *lines, "", END]) + after, encoding="utf-8")
