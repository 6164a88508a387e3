"""A report to hand in: one HTML page that needs nothing else, with pictures, tables and versions inside."""

import base64
import datetime
import html
import importlib.metadata
import math
import pathlib
import platform

from .. import quiz
from . import planning, stills

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
caption { text-align: left; font-weight: bold; padding: 0.3em 0; }
th, td { border: 1px solid #8888; padding: 0.2em 0.7em; text-align: left; vertical-align: top; }
img { max-width: 100%; background: white; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; } table, figure { break-inside: avoid; } }
"""
PACKAGES = ("batchlab", "jax", "jaxlib", "optax", "numpy")


def versions():
    """Versions of Python, of the packages that compute, and the kind of machine: {name: version}."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "run from its folder"
    return found | {"machine": f"{platform.system()} {platform.machine()}"}


def page(title, author, parts):
    """The page as a text.

    Args:
        title: what the report is on.
        author: a name, or empty for a line to write it on.
        parts: what it holds, from top to bottom: a text is a paragraph; a pair of a caption and a dict is a table of
            names and values; a pair of a caption and a list of rows is a table whose first row is its head; a `Still`
            is a picture, with its words below it.

    >>> "<td>5 &lt; 6</td>" in page("Mine", "", [("Settings", {"rate": "5 < 6"})])
    True
    """
    escaped, today = html.escape(title), datetime.date.today().isoformat()
    name = html.escape(author.strip()) or "______________________________"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escaped}</title>'
    body = [f"<h1>{escaped}</h1>", f"<p>Name: {name}<br>Date: {today}</p>", *map(_part, parts)]
    top = f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n'
    return top + "\n".join([*body, "</body></html>\n"])


def _part(part):
    if isinstance(part, str):
        return f"<p>{html.escape(part)}</p>"
    if not isinstance(part, tuple):
        words, picture = html.escape(part.alt), part._repr_mimebundle_()[0]["image/png"]
        src = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return f'<figure><img alt="{words}" src="{src}"><figcaption>{words}</figcaption></figure>'
    caption, rows = part
    if isinstance(rows, dict):
        lines = [
            f'<tr><th scope="row">{html.escape(str(name))}</th>{_cells([value])}</tr>' for name, value in rows.items()
        ]
    else:
        head = "".join(f'<th scope="col">{html.escape(str(cell))}</th>' for cell in rows[0])
        lines = [f"<tr>{head}</tr>", *(f"<tr>{_cells(row)}</tr>" for row in rows[1:])]
    return f"<table><caption>{html.escape(caption)}</caption>" + "".join(lines) + "</table>"


def _cells(row):
    return "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row)


def save(text, path, overwrite=False):
    """Write a page as UTF-8; return where it is: a file that is there already is left as it is, and a number added.

    Raises:
        ValueError: nothing can be written there; the message says why.
    """
    path = pathlib.Path(path).expanduser()
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the report is a web page; give it a name that ends in .html, not {path.name!r}.")
    number, wanted = 2, path
    while path.exists() and not overwrite:
        path, number = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}"), number + 1
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written: {error.strerror}. Name a folder that exists and that you may write to."
        ) from None
    return path


def choice_page(plan, trials, author, judgement):
    """The page on settings that have been tested, {name: finished `planning.Trial`}."""
    problem, trial = plan.problem, next(iter(trials.values()))
    tested = [["", "batch size", "rate", "epochs planned", "epochs to the target", "cost over the lowest"]]
    for name, each in trials.items():
        size, rate, epochs = each.setting
        tested.append([name, size, f"{rate:.3g}", epochs, f"{each.epochs():.3g}", f"{each.cost():.3g}"])
    best, rates = trial.measured()
    rows = [["batch size", "epochs by the rule", "epochs measured", "iterations measured", "at rate"]]
    for size, epochs, rate in zip(trial.sweep.batch_sizes, best, rates, strict=True):
        measured = "not reached", "", ""
        if math.isfinite(epochs):
            measured = f"{epochs:.3g}", f"{epochs * trial.per_epoch(size):.4g}", f"{rate:.3g}"
        rows.append([size, f"{plan.epochs(size):.3g}", *measured])
    about = {
        "data": problem.name,
        "training samples N": len(problem.x),
        "validation samples": len(problem.x_val),
        "inputs": problem.x.shape[1],
        "kind": problem.kind,
        "classes": ", ".join(problem.classes[:20]) or "none",
        "split": "made before anything was fitted, by a shuffle of seed 0 unless the reader chose another",
        "model": f"perceptron, tanh, hidden layers {plan.hidden}, plain gradient descent",
        "seeds": f"{planning.SEEDS} starts and shuffles, from 0 on; medians are given",
        "target": f"validation loss {plan.target:.4g}: {planning.WAY:.0%} of the way from {plan.start_loss:.4g} "
        f"(untrained) to {plan.lowest_loss:.4g} (lowest in the probe)",
        "noise scale": f"{plan.start_scale:.3g} before training, {plan.gradient_scale:.3g} half way, "
        f"{plan.rate_scale:.3g} of the rates; {plan.noise_scale:.3g} is used",
        "small probe": f"batch size {plan.probe_size}, best rate {plan.probe_rate:.3g}, {plan.probe_epochs:.3g} epochs",
        "full-batch probe": f"best rate {plan.full_rate:.3g}",
    }
    parts = [
        ("The choice", tested),
        judgement,
        stills.result(plan, trials),
        ("The data and the probes", about),
        ("The sweep: median epochs to the target, at the best of its rates", rows),
        *plan.notes,
        ("Versions", versions()),
        f"Chapters of the course finished: {', '.join(sorted(quiz.load().read()['chapters'])) or 'none recorded'}.",
    ]
    return page(f"Batch size, rate and epochs for {problem.name}", author, parts)
