"""Tables of the reader's own, arrays or a CSV file, made into a `Problem`: split, standardised and encoded."""

import csv
import io
import math
import pathlib
import re

import numpy as np

from .checks import check_integer, check_number, in_single_precision
from .data import check_table, deviation, standardise

LISTED = 10  # mistakes in a CSV file that are told at once


def problem_of_arrays(x, y, validation, seed, kind, name):
    """What `Problem.from_arrays` makes; see there."""
    validation = check_number("validation", validation, 0.05, 0.9, remedy="It is a fraction of the samples.")
    seed = check_integer("seed", seed, 0)
    x, y = np.asarray(x), np.atleast_1d(np.asarray(y))
    x = check_table("x", x[:, None] if x.ndim == 1 else x, np.float64)
    if len(y) != len(x):
        raise ValueError(f"x has {len(x)} rows and y has {len(y)}; each sample needs one row in both.")
    if len(x) < 4:
        raise ValueError(f"there are {len(x)} samples; at least 4 are needed to train and to validate.")
    if y.dtype == object:  # a column of a table that holds text, too, as pandas gives it
        for row, value in enumerate(y.ravel()):
            if str(value) in ("None", "nan", "<NA>") and not isinstance(value, str):
                raise ValueError(f"y[{row}] is {value}; fill it in or remove the sample.")
        y = np.array(y.tolist())
    if kind is None:
        kind = "classification" if _looks_like_classes(y) else "regression"
    classes = ()
    if kind != "regression":
        if y.size != len(y):
            raise ValueError(f"y has shape {y.shape}; classification needs one label a sample, shape ({len(y)},).")
        classes, codes = np.unique(y.ravel(), return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"every label is {str(classes[0])!r}; classification needs 2 or more classes.")
        y, classes = np.eye(len(classes), dtype=np.float32)[codes], tuple(str(c) for c in classes)
    y = check_table("y", y[:, None] if y.ndim == 1 else y, np.float64)
    order = np.random.default_rng(seed).permutation(len(x))
    cut = min(max(round(validation * len(x)), 1), len(x) - 1)
    val, train = order[:cut], order[cut:]
    if kind == "regression":
        y = (y - y[train].mean(0)) / deviation(y[train])
    return standardise(x[train], y[train], x[val], y[val], name=name, kind=kind, classes=classes)


def _looks_like_classes(y):
    if y.dtype.kind not in "biuf":
        return True
    return y.ndim == 1 and np.isfinite(y).all() and (np.mod(y, 1) == 0).all() and len(np.unique(y)) <= 20


def from_csv(path, target=None, *, validation=0.25, seed=0, kind=None):
    """A problem from a CSV file: a header line, then one sample a line; every column but the target must be numbers.

    Args:
        path: the file, UTF-8, its columns divided by commas, semicolons or tabs.
        target: name of the column to predict; None takes the last.
        validation: fraction of the samples kept for validation.
        seed: which shuffle makes the split.
        kind: "regression" or "classification"; None decides as `Problem.from_arrays` does.

    Raises:
        ValueError: all that is wrong with the file, by row (as a text editor counts) and column; of many mistakes
            the first LISTED.
    """
    path = pathlib.Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8 text; save it as 'CSV UTF-8' from your spreadsheet.") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}. Check the name and the folder.") from None
    unquoted = re.sub('"[^"]*"', "", text.lstrip().split("\n", 1)[0])
    delimiter = max(",;\t", key=unquoted.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"{path.name}, row {reader.line_num}: {error}; close every quotation mark.") from None
    if len(rows) < 2:
        raise ValueError(f"{path.name} holds {len(rows)} line(s); it needs a header line and at least 4 samples.")
    header = [cell.strip() for cell in rows[0][1]]
    if len(header) < 2:
        raise ValueError(f"{path.name} has one column, {header[0]!r}; it needs a target and at least one input column.")
    if all(map(_is_float, header)):
        raise ValueError(f"{path.name} has no header line: its first line holds numbers alone. Name each column there.")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ValueError(f"{path.name} has two columns named {twice!r}; give each column its own name.")
    target = header[-1] if target is None else target
    if target not in header:
        raise ValueError(f"{path.name} has no column {target!r}; its columns are {', '.join(header)}.")
    at = header.index(target)
    samples = [row for _, row in rows[1:] if len(row) == len(header)]
    y = [row[at].strip() for row in samples]
    numeric = kind == "regression" or all(_is_float(value) for value in y)
    numeric = numeric or (kind is None and sum(map(_is_number, y)) > len(y) / 2)
    mistakes = [mistake for row in rows[1:] for mistake in _mistakes(*row, header, target, numeric, delimiter)]
    if mistakes:
        places = "; ".join(place for place, _ in mistakes[:LISTED])
        more = f"; and {len(mistakes) - LISTED} more (the first {LISTED} are listed)"
        remedies = "; ".join(dict.fromkeys(remedy for _, remedy in mistakes[:LISTED]))
        raise ValueError(f"{path.name}, {places}{more if len(mistakes) > LISTED else ''}: {remedies}.")
    x = [[float(cell) for cell in row[:at] + row[at + 1 :]] for row in samples]
    y = np.array([float(value) for value in y] if numeric else y)
    if numeric and np.all(np.mod(y, 1) == 0) and np.abs(y).max() < 2**53:  # beyond that whole numbers are not exact
        y = y.astype(np.int64)
    return problem_of_arrays(x, y, validation, seed, kind, path.stem)


def _mistakes(number, row, header, target, numeric, delimiter):
    """What is wrong with a row, each with what to do; `numeric`: the target must be a number, too."""
    if len(row) != len(header):
        remedy = f"give every row the same columns, divided by {delimiter!r}"
        yield f"row {number} has {len(row)} cells and the header has {len(header)}", remedy
        return
    for column, cell in zip(header, row, strict=True):
        if column == target and not cell.strip():
            yield f"row {number}, column {column!r} is empty", "fill it in or remove the row"
        elif (column != target or numeric) and not _is_number(cell):
            remedy = "correct it, encode it as a number, or remove the row or the column"
            yield f"row {number}, column {column!r} holds {cell!r}, which is not a finite number", remedy


def _is_float(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_number(cell):
    return _is_float(cell) and math.isfinite(in_single_precision(float(cell)))
