"""Seconds for a sweep to a target: batch sizes x rates x seeds on the digits, and as a loop of PyTorch runs."""

import time

import jax
import numpy as np

import batchlab as bl

from .tables import heading, progress, table, verdict

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 400)
ASKED = {"seeds": 8, "num_epochs": 50, "target": {"val_accuracy": 0.9}, "hidden": (32,), "keep": False}
RATES = 0.01 * 2.0 ** np.arange(8)
SECONDS, RATIO = 60, 30  # the targets
PART = 1  # seeds of eight that the peer trains; the rest is estimated


def torch_run(problem, model, batch_size, learning_rate, seed):
    """One run as a user of PyTorch would write it, from the same start and in the same orders; epochs to the target.

    It measures what the sweep measures: loss and accuracy of both parts after every epoch.
    """
    import torch

    n, (accuracy,) = len(problem.x), ASKED["target"].values()
    x, x_val = torch.tensor(problem.x), torch.tensor(problem.x_val)
    y, y_val = torch.tensor(problem.y.argmax(axis=1)), torch.tensor(problem.y_val.argmax(axis=1))
    params = model.init(jax.random.key(seed))
    layers = []
    for weight, bias in params:
        layer = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(np.array(weight).T))
            layer.bias.copy_(torch.tensor(np.array(bias)))
        layers += [layer, torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers[:-1])
    optimizer, loss_fn = torch.optim.SGD(net.parameters(), lr=learning_rate), torch.nn.functional.cross_entropy
    for epoch in range(ASKED["num_epochs"]):
        block, row = divmod(epoch, bl.data.SHUFFLES)
        order = torch.tensor(bl.data.shuffles(seed, block, n)[row].astype(np.int64))
        for at in range(0, n, batch_size):
            rows = order[at : at + batch_size]
            optimizer.zero_grad()
            loss_fn(net(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            measured = [
                (loss_fn(out, to), (out.argmax(1) == to).float().mean())
                for out, to in ((net(x), y), (net(x_val), y_val))
            ]
        if not np.isfinite(float(measured[0][0])) or float(measured[1][1]) >= accuracy:
            return epoch + 1
    return np.inf


def report():
    problem = bl.data.digits(n=400, label_noise=0)
    runs = len(SIZES) * len(RATES) * ASKED["seeds"]
    ((metric, value),) = ASKED["target"].items()
    heading(
        "Sweep",
        f"{len(SIZES)} batch sizes x {len(RATES)} rates x {ASKED['seeds']} seeds = {runs} runs of 64-32-10 "
        f"on {len(problem.x)} digits, each until {metric} = {value}, or for {ASKED['num_epochs']} epochs. "
        f"`bl.measure.sweep`: all runs, compilation included. PyTorch by indexing: {PART} seed of {ASKED['seeds']} "
        "measured, and the whole estimated from it, batch size by batch size.",
    )
    progress("sweep: batchlab")
    began = time.perf_counter()
    cold = bl.measure.sweep(problem, batch_sizes=SIZES, learning_rates=RATES, **ASKED)
    spent = time.perf_counter() - began
    ours = {}
    for size in SIZES:
        began = time.perf_counter()
        bl.measure.sweep(problem, batch_sizes=[size], learning_rates=RATES, **ASKED)
        ours[size] = time.perf_counter() - began
    try:
        import torch  # noqa: F401
    except ImportError:
        table(["", "seconds", "target"], [["batchlab", f"{spent:.1f}", f"under {SECONDS}: {verdict(spent < SECONDS)}"]])
        print("PyTorch: not installed\n")
        return
    theirs = {}
    for at, size in enumerate(SIZES):
        progress(f"sweep: PyTorch, B = {size}")
        began = time.perf_counter()
        for rate_at, rate in enumerate(RATES.tolist()):
            for seed in range(PART):
                epochs = torch_run(problem, cold.model, size, rate, seed)
                found = np.ceil(cold.epochs_to_target[at, rate_at, seed])
                # Same start, same orders: the same epoch, but for rounding, where the accuracy creeps up to the target.
                near = epochs == found or not np.isfinite(epochs + found) or abs(epochs - found) <= 2 + 0.1 * found
                assert near, (size, rate, seed, epochs, found)
        theirs[size] = (time.perf_counter() - began) * ASKED["seeds"] / PART
    rows = [
        [f"B = {size}", f"{ours[size]:.2f}", f"{theirs[size]:.1f}", f"{theirs[size] / ours[size]:.3g}x", ""]
        for size in SIZES
    ]
    whole = sum(theirs.values())
    for name, taken in {"all, compiled on the way": spent, "all, compiled before": sum(ours.values())}.items():
        ratio = whole / taken
        goal = f"under {SECONDS} s: {verdict(taken < SECONDS)}; {RATIO}x: {verdict(ratio >= RATIO)}"
        rows.append([name, f"{taken:.2f}", f"{whole:.0f}", f"{ratio:.3g}x", goal])
    table(["64 runs each", "batchlab, s", "PyTorch, s (estimated)", "ratio", "target"], rows)
