"""Epochs a second of `bl.fit` and of its peers, at the same work; and how often and how long `bl.fit` compiles."""

import functools
import itertools
import json
import statistics
import subprocess
import sys
import time

import numpy as np

import batchlab as bl

from .peers import peers
from .tables import heading, progress, table, verdict

ROUNDS = 7
SECONDS = 0.4  # each timing lasts about this long, or one epoch of a slow peer
LEARNING_RATE = 0.01
OURS = "bl.fit"
NUMPY, TORCH, C = "NumPy loop", "PyTorch, indexing", "C program"
TARGETS = [(1, NUMPY, 13), (16, NUMPY, 3.3), (256, NUMPY, 1.2), (1, TORCH, 100), (1, C, 1), (4, C, 1)]

MEASURED, BARE = "losses measured after every epoch", "bare training"


def ours(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch):
    """`bl.fit` in the form of the peers. It draws its own start, from the seed."""
    hidden = tuple(weight.shape[1] for weight, _ in params[:-1])
    history = bl.fit(
        problem,
        hidden=hidden,
        batch_size=batch_size,
        num_epochs=num_epochs,
        learning_rate=learning_rate,
        seed=seed,
    )
    return np.stack([history.train_loss, history.val_loss], axis=1)


def check_that_all_train(problem, hidden, batch_size):
    """Raise unless each contestant trains: to the same losses where start and orders are the same, else nearly."""
    settings = {"batch_size": batch_size, "num_epochs": 5, "learning_rate": LEARNING_RATE}
    history = bl.fit(problem, hidden=hidden, **settings)
    start, expected = history.params_at(0), np.stack([history.train_loss, history.val_loss], axis=1)
    orders = bl.data.shuffles(0, 0, len(problem.x))
    for (name, train), every_epoch in itertools.product(peers(problem).items(), (True, False)):
        if train is None:
            continue
        settings.update(seed=0, every_epoch=every_epoch)
        if name.startswith("NumPy") or name == TORCH:
            losses = train(problem, start, orders=orders, **settings)
            np.testing.assert_allclose(losses, expected[-len(losses) :], rtol=1e-3, err_msg=name)
        else:
            losses = train(problem, start, **settings)
            assert losses.shape[1] == 2, (name, losses.shape)
            assert losses[-1, 0] < expected[0, 0], f"{name} does not train: {losses[-1, 0]} after 5 epochs"
            assert 1 / 3 < losses[-1, 0] / expected[-1, 0] < 3, (name, losses[-1], expected[-1])


def seconds(train, num_epochs, seed):
    began = time.perf_counter()
    losses = train(num_epochs=num_epochs, seed=seed)
    spent = time.perf_counter() - began
    assert np.isfinite(losses).all(), "a run diverged: its time is not that of training"
    return spent


def epochs_for(train, seeds):
    """How many epochs last SECONDS, at least one; warms up on the way."""
    num_epochs, spent = 1, seconds(train, 1, next(seeds))
    while spent < SECONDS / 4:
        num_epochs *= 4
        spent = seconds(train, num_epochs, next(seeds))
    return max(1, round(num_epochs * SECONDS / spent))


def race(problem, hidden, batch_size):
    """Epochs a second in each round, by (contestant, MEASURED or BARE). Rounds take all contestants in turn."""
    start = bl.fit(problem, hidden=hidden, num_epochs=0).params_at(0)
    seeds = itertools.count(1)  # never twice the same, so that no shuffle is at hand from an earlier run
    settings = {"batch_size": batch_size, "learning_rate": LEARNING_RATE}
    contestants = {(OURS, MEASURED): functools.partial(ours, problem, start, every_epoch=True, **settings)}
    for (name, train), work in itertools.product(peers(problem).items(), (MEASURED, BARE)):
        if train is not None:
            every = work == MEASURED
            contestants[name, work] = functools.partial(train, problem, start, every_epoch=every, **settings)
    lengths = {key: epochs_for(train, seeds) for key, train in contestants.items()}
    rates = {key: [] for key in contestants}
    for _ in range(ROUNDS):
        for key, train in contestants.items():
            rates[key].append(lengths[key] / seconds(train, lengths[key], next(seeds)))
    return rates


def cell(rates, reference=None):
    """Median, half the range between the quartiles, and how many times quicker the reference is."""
    median, quartiles = statistics.median(rates), np.percentile(rates, (25, 75))
    text = f"{median:,.0f} ±{50 * (quartiles[1] - quartiles[0]) / median:.0f}%"
    return text if reference is None else f"{text} ({statistics.median(reference) / median:.3g}x)"


def races(title, problem, hidden, batch_sizes):
    """Print the tables of one problem; return the rates by batch size."""
    results = {}
    for batch_size in batch_sizes:
        progress(f"speed: {title}, B = {batch_size}")
        check_that_all_train(problem, hidden, batch_size)
        results[batch_size] = race(problem, hidden, batch_size)
    for work, explanation in (
        (MEASURED, "Same work for all: training and validation loss are measured after every epoch."),
        (
            BARE,
            "The harder comparison: `bl.fit` still measures both losses after every epoch, the peers measure nothing.",
        ),
    ):
        heading(f"Speed: {title}, {work}", explanation)
        rows = [[OURS, *(cell(results[size][OURS, MEASURED]) for size in batch_sizes)]]
        for name, train in peers(problem).items():
            if train is None:
                rows.append([name, *("not measured" for _ in batch_sizes)])
            else:
                rows.append(
                    [name, *(cell(results[size][name, work], results[size][OURS, MEASURED]) for size in batch_sizes)]
                )
        table(["epochs a second", *(f"B = {size}" for size in batch_sizes)], rows)
    return results


def print_targets(results):
    heading(
        "Speed against the targets", "How many times quicker `bl.fit`, which always measures, is on the perceptron."
    )
    rows = []
    for batch_size, name, target in TARGETS:
        rates, seen = results[batch_size], []
        for work in (MEASURED, BARE):
            if (name, work) in rates:
                ratio = statistics.median(rates[OURS, MEASURED]) / statistics.median(rates[name, work])
                seen.append(f"{ratio:.3g}x {verdict(ratio >= target)}")
            else:
                seen.append("not measured")
        rows.append([f"{name}, B = {batch_size}", f"{target}x", *seen])
    table(["peer", "target", f"peer: {MEASURED}", f"peer: {BARE}"], rows)


def report_compilations():
    """In a process of its own, in which nothing has been compiled, and without the cache on disk."""
    progress("speed: compilation")
    command = [sys.executable, "-m", "benchmarks.compilations"]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    results = json.loads(run.stdout)
    heading("Compilation", "Fits of one epoch, one after the other, in a fresh process without a compilation cache.")
    rows = [
        [name, f"{1e3 * spent:,.0f} ms", f"{1e3 * compiling:,.0f} ms", count, verdict(count == 0) if i else ""]
        for i, (name, spent, compiling, count) in enumerate(results)
    ]
    table(["fit", "time", "of which compiling", "compilations", "target: none"], rows)


def report():
    heading(
        "What is compared",
        f"Epochs a second: median of {ROUNDS} rounds ± half the interquartile range, and in brackets how many times as "
        f"fast `bl.fit` is in the same run. In each round all contestants take turns, each for about {SECONDS} s. "
        "Every epoch takes every sample once, in float32, in a fresh order; the full batch needs none, and nobody "
        "draws one for it. Every library uses as many threads as it likes. Compilation is left out, see below.",
    )
    sine = bl.data.noisy_sine(n=256)
    results = races("tanh perceptron 1-32-32-1, N = 256, squared error", sine, (32, 32), (1, 4, 16, 64, 256))
    digits = bl.data.digits(n=400)
    races("digits 64-128-10, N = 400, cross-entropy", digits, (128,), (1, 8, 32, 128, 400))
    print_targets(results)
    report_compilations()
