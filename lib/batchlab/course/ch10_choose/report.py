"""A report to hand in: one HTML page that needs nothing else, with pictures, tables and versions inside."""

import base64
import datetime
import importlib.metadata
import math
import pathlib
import platform
import string
from html import escape

from .. import quiz
from . import planning, stills, views

PAGE = string.Template(pathlib.Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
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
    name, date = escape(author.strip()) or "______________________________", datetime.date.today().isoformat()
    return PAGE.substitute(title=escape(title), name=name, date=date, parts="\n".join(map(_part, parts)))


def _part(part):
    if isinstance(part, str):
        return f"<p>{escape(part)}</p>"
    if not isinstance(part, tuple):
        picture = base64.b64encode(part._repr_mimebundle_()[0]["image/png"]).decode()
        image = f'<img alt="{escape(part.alt)}" src="data:image/png;base64,{picture}">'
        return f"<figure>{image}<figcaption>{escape(part.alt)}</figcaption></figure>"
    caption, rows = part
    if isinstance(rows, dict):
        lines = [_row("th", [name], "row") + _row("td", [value]) for name, value in rows.items()]
    else:
        lines = [_row("th", rows[0], "col"), *(_row("td", row) for row in rows[1:])]
    return f"<table><caption>{escape(caption)}</caption>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _row(tag, cells, scope=None):
    tag_and_scope = f'{tag} scope="{scope}"' if scope else tag
    return "".join(f"<{tag_and_scope}>{escape(str(cell))}</{tag}>" for cell in cells)


def save(text, path, overwrite=False):
    """Write a page as UTF-8; return where it is: a file that is there already is left as it is, and a number added.

    Raises:
        ValueError: nothing can be written there; the message says why.
    """
    path = pathlib.Path(path).expanduser()
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the report is a web page; give it a name that ends in .html, not {path.name!r}.")
    number, wanted = 2, path
    try:
        while path.exists() and not overwrite:
            path, number = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}"), number + 1
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written: {error.strerror}. Name a folder that exists and that you may write to."
        ) from None
    return path


def choice_page(plan, trials, author):
    """The page on settings that have been tested, {name: finished `planning.Trial`}."""
    problem, trial = plan.problem, next(iter(trials.values()))
    rows = [["batch size", "epochs by the rule", "epochs measured", "iterations measured", "at rate"]]
    for size, epochs, rate in zip(plan.sizes(), *trial.measured(), strict=True):
        measured = f"{epochs:.3g}", f"{epochs * trial.per_epoch(size):.4g}", f"{rate:.3g}"
        rows.append(
            [size, f"{plan.epochs(size):.3g}", *(measured if math.isfinite(epochs) else ("not reached", "", ""))]
        )
    about = {
        "data": problem.name,
        "training samples N": plan.n,
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
    head = ["", "batch size", "rate", "epochs planned", "epochs needed", "cost over the lowest"]
    parts = [
        ("The choice", [head, *([name, *views.verdict_of(each)] for name, each in trials.items())]),
        stills.result(plan, trials),
        ("The data and the probes", about),
        ("The sweep: median epochs to the target, at the best of its rates", rows),
        *plan.notes,
        ("Versions", versions()),
        f"Chapters of the course finished: {', '.join(sorted(quiz.load().read()['chapters'])) or 'none recorded'}.",
    ]
    return page(f"Batch size, rate and epochs for {problem.name}", author, parts)
