"""A GPU for those who have none: what was measured on one, beside the reader's own device."""

import textwrap

import jax
import numpy as np

from ... import data, measure, models
from ...live import still
from .. import plots, quiz
from . import results
from .views import at_knee, decades, in_bytes

LARGE = (784, 2048, 2048, 10)  # widths of the network that fills a GPU, as `make gpu` measures it
PERCEPTRON = f"perceptron {'-'.join(map(str, LARGE))}"
HERE = (1, 16, 256)  # batch sizes that are measured on the reader's own device
OWN_MARKERS = "oP"  # of the reader's CPU, and of another device
COLOURS, MARKERS, OWN = (plots.BEST, plots.VALIDATION, *plots.KEPT), "s^Dv*<", plots.TRAINING


def on_a_gpu(folder=results.RESULTS):
    """Memory against the plan, samples a second, and CPU against GPU, as measured: a `Still`, or words without results.

    The reader's own device is measured, too: steps of the large network on a GPU where there is one, else on the CPU,
    and epochs of the small network on each.
    """
    found = results.gpus(folder)
    if not found:
        return quiz.Words("Not yet measured on a GPU: there are no results to show.")
    kinds = measure.kinds_of_device()
    return _measured(found, Own(*list(kinds.items())[-1], kinds))


@still()
def _measured(figure, found, own):
    figure.set_figheight(4.2 + 0.4 * len(found))
    said, origin = [], [gpu.origin for gpu in found]
    for axes, panel in zip(figure.subplots(1, 3), (memory, rates, against_cpu), strict=True):
        said.append(panel(axes, found, own))
        axes.set(xscale="log", yscale="log", xlabel="batch size B")
        decades(axes.xaxis)
        decades(axes.yaxis)
    figure.legend(loc="outside upper left", ncols=3)
    how = f"Left and middle: {PERCEPTRON}; lines: planned, fitted; marks: counted, timed."
    lines = [how, f"Right: {results.SMALL}, 256 samples.", *(textwrap.fill(line, 100) for line in origin)]
    figure.supxlabel("\n".join(lines), fontsize="medium", color="0.35")  # else it is larger than all other words
    return " ".join([*said, f"Origin: {'; '.join(origin)}."])


class Own:
    """The reader's own device, measured when it is asked for."""

    def __init__(self, kind, device, kinds):
        self.kind, self.device, self.kinds = kind, device, kinds
        self.step = models.mlp(LARGE), "classification", LARGE[0], LARGE[-1]

    def planned(self):
        """Bytes of a step of the large network: {batch size: bytes}."""
        return {size: measure.step_bytes(*self.step, size, device=self.device).total for size in HERE}

    def rates(self):
        """Samples a second of the large network: {batch size: samples/s}."""
        seconds = measure.throughput(*self.step, HERE, 3, self.device)
        return dict(zip(HERE, (np.array(HERE) / seconds).tolist(), strict=True))

    def small(self):
        """Epochs a second of the small network on each kind of device: {kind: {batch size: epochs/s}}."""
        return {kind: {size: epochs_a_second(size, place) for size in HERE} for kind, place in self.kinds.items()}


def epochs_a_second(batch_size, device):
    """Epochs a second of `fit` with 256 samples of the noisy sine and the network 1-32-32-1, losses included."""
    with jax.default_device(device):
        return 1 / measure.seconds_per_epoch(data.noisy_sine(n=256), batch_size, hidden=(32, 32))


def _line(axes, values, *style, **look):
    """Draw {batch size: value}."""
    axes.plot(list(values), list(values.values()), *style, **look)


def _sentence(name, speeds):
    return f"{name}: {', '.join(f'{plots.figures(speed)} at B = {size:,}' for size, speed in speeds.items())}"


def memory(axes, found, own):
    """Bytes of a step of the large network: the compiler's plan as a line, what the device counted as marks."""
    axes.set_title("bytes of a step")
    said = []
    for gpu, colour, marker in zip(found, COLOURS, MARKERS, strict=False):
        planned = {row["B"]: 1e6 * row["MB planned"] for row in gpu.steps}
        counted = {row["B"]: 1e6 * row["MB counted"] for row in gpu.steps if row["MB counted"] != ""}
        if not planned:
            continue
        _line(axes, planned, color=colour)
        _line(axes, counted, marker, color=colour, markersize=6)
        off = [abs(counted[size] / planned[size] - 1) for size in counted]
        words = f"the counter is off the plan by up to {100 * max(off):.0f} %" if off else "nothing was counted"
        said.append(f"{gpu.device}: {in_bytes(max(planned.values()))} planned at B = {max(planned):,}; {words}")
    if own.kind != "CPU":
        planned = own.planned()
        _line(axes, planned, "--", color=OWN)
        said.append(f"your {own.kind}: {in_bytes(planned[HERE[-1]])} planned at B = {HERE[-1]}")
    return f"Bytes of a step of the {PERCEPTRON}. {_joined(said)}"


def rates(axes, found, own):
    """Samples a second of the large network, with the fitted line and its knee."""
    axes.set_title("samples a second")
    said = []
    for gpu, colour, marker in zip(found, COLOURS, MARKERS, strict=False):
        speeds = {row["B"]: row["samples/s"] for row in gpu.steps}
        if not speeds:
            continue
        _line(axes, speeds, marker, color=colour, markersize=5, label=gpu.device)
        said.append(_sentence(gpu.device, speeds))
        if gpu.knee:
            fit = measure.Saturation(gpu.knee["t0 ms"] / 1e3, gpu.knee["Bsat"])
            fine = np.geomspace(min(speeds), max(speeds), 60)
            axes.plot(fine, fit.samples_per_second(fine), color=colour)
            axes.axvline(fit.knee, color=colour, linewidth=1, linestyle=":")
            at_knee(axes, fit.knee, 0.03, f"knee: {plots.figures(fit.knee)}", color=colour)
            said.append(f"its knee at B = {plots.figures(fit.knee)}")
        beside = {row["B"]: row["samples/s"] for row in gpu.rows("steps", "cpu")}
        if beside:
            label = f"the CPU beside {'it' if len(found) == 1 else gpu.device}"
            _line(axes, beside, ":", marker=marker, color="0.5", markersize=5, label=label)
            said.append(_sentence("its CPU", beside))
    speeds = own.rates()
    label = f"your {own.kind}"
    _line(axes, speeds, "--", marker=OWN_MARKERS[own.kind != "CPU"], color=OWN, label=label)
    said.append(_sentence(f"your {own.kind}", speeds))
    return f"Samples a second. {_joined(said)}"


def against_cpu(axes, found, own):
    """Epochs a second of the small network: GPU against the CPU beside it, from batch size 1 on."""
    axes.set_title("epochs a second")
    said = []
    for gpu, colour, marker in zip(found, COLOURS, MARKERS, strict=False):
        for place, (kind, speeds) in enumerate(gpu.small.items()):
            shade = colour if place else "0.5"
            _line(axes, speeds, "-" if place else ":", marker=marker, color=shade)
            said.append(_sentence(gpu.device if place else f"{gpu.device}'s {kind}", speeds))
    for place, (kind, speeds) in enumerate(own.small().items()):
        label = f"your {kind}" if kind != own.kind else None  # that one is in the legend already
        _line(axes, speeds, "--", marker=OWN_MARKERS[place > 0], color=OWN, label=label)
        said.append(_sentence(f"your {kind}", speeds))
    return f"Epochs a second of {results.SMALL} with 256 samples. {_joined(said)}"


def _joined(said):
    return f"{'; '.join(said)}." if said else "Not measured."
