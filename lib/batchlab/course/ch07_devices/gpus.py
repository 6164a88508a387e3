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
PERCEPTRON, STEP = f"perceptron {'-'.join(map(str, LARGE))}", (models.mlp(LARGE), "classification", LARGE[0], LARGE[-1])
HERE = (1, 16, 256)  # batch sizes that are measured on the reader's own device
OWN, OWN_MARKERS = plots.TRAINING, "oP"  # of the reader's devices: a CPU, and another
COLOURS, MARKERS = (plots.BEST, plots.VALIDATION, *plots.KEPT), "s^Dv*<"


def on_a_gpu(folder=results.RESULTS):
    """Memory against the plan, samples a second, and CPU against GPU, as measured: a `Still`, or words without results.

    The reader's own device is measured, too: steps of the large network on a GPU where there is one, else on the CPU,
    and epochs of the small network on each.
    """
    found = results.gpus(folder)
    if not found:
        return quiz.Words("Not yet measured on a GPU: there are no results to show.")
    return _measured(found, measure.kinds_of_device())


@still()
def _measured(figure, found, kinds):
    figure.set_figheight(4.2 + 0.4 * len(found))
    gpus, own = list(zip(found, COLOURS, MARKERS, strict=False)), list(kinds)[-1]  # a GPU where there is one
    said, origin = [], [gpu.origin for gpu in found]
    for axes, panel in zip(figure.subplots(1, 3), (memory, rates, against_cpu), strict=True):
        said.append(panel(axes, gpus, kinds, own))
        axes.set(xscale="log", yscale="log", xlabel="batch size B")
        decades(axes.xaxis)
        decades(axes.yaxis)
    figure.legend(loc="outside upper left", ncols=3)
    how = f"Left and middle: {PERCEPTRON}; lines: planned, fitted; marks: counted, timed."
    lines = [how, f"Right: {results.SMALL}, 256 samples.", *(textwrap.fill(line, 100) for line in origin)]
    figure.supxlabel("\n".join(lines), fontsize="medium", color="0.35")  # else it is larger than all other words
    return " ".join([*said, f"Origin: {'; '.join(origin)}."])


def epochs_a_second(batch_size, device):
    """Epochs a second of `fit` with 256 samples of the noisy sine and the network 1-32-32-1, losses included."""
    with jax.default_device(device):
        return 1 / measure.seconds_per_epoch(data.noisy_sine(n=256), batch_size, hidden=(32, 32))


def _line(axes, values, *style, **look):
    """Draw {batch size: value}; return it in words."""
    axes.plot(list(values), list(values.values()), *style, **look)
    return ", ".join(f"{plots.figures(value)} at B = {size:,}" for size, value in values.items())


def memory(axes, gpus, kinds, own):
    """Bytes of a step of the large network: the compiler's plan as a line, what the device counted as marks."""
    axes.set_title("bytes of a step")
    said = []
    for gpu, colour, marker in gpus:
        if gpu.planned:
            _line(axes, gpu.planned, color=colour)
            _line(axes, gpu.counted, marker, color=colour, markersize=6)
            off = [abs(count / gpu.planned[size] - 1) for size, count in gpu.counted.items()]
            words = f"the counter is off the plan by up to {100 * max(off):.0f} %" if off else "nothing was counted"
            size, most = list(gpu.planned.items())[-1]
            said.append(f"{gpu.device}: {in_bytes(most)} planned at B = {size:,}; {words}")
    if own != "CPU":
        planned = {size: measure.step_bytes(*STEP, size, device=kinds[own]).total for size in HERE}
        _line(axes, planned, "--", color=OWN)
        said.append(f"your {own}: {in_bytes(planned[HERE[-1]])} planned at B = {HERE[-1]}")
    return f"Bytes of a step of the {PERCEPTRON}. {'; '.join(said) or 'Not measured'}."


def rates(axes, gpus, kinds, own):
    """Samples a second of the large network, with the fitted line and its knee."""
    axes.set_title("samples a second")
    said = []
    for gpu, colour, marker in gpus:
        if gpu.rates:
            told = _line(axes, gpu.rates, marker, color=colour, markersize=5, label=gpu.device)
            said.append(f"{gpu.device}: {told}")
        if gpu.fit:
            fine, knee = np.geomspace(min(gpu.rates), max(gpu.rates), 60), gpu.fit.knee
            axes.plot(fine, gpu.fit.samples_per_second(fine), color=colour)
            axes.axvline(knee, color=colour, linewidth=1, linestyle=":")
            at_knee(axes, knee, 0.03, f"knee: {plots.figures(knee)}", color=colour)
            said.append(f"its knee at B = {plots.figures(knee)}")
        if gpu.cpu:
            label = f"the CPU beside {'it' if len(gpus) == 1 else gpu.device}"
            told = _line(axes, gpu.cpu, ":", marker=marker, color="0.5", markersize=5, label=label)
            said.append(f"its CPU: {told}")
    speeds = dict(zip(HERE, HERE / measure.throughput(*STEP, HERE, 3, kinds[own]), strict=True))
    look = {"marker": OWN_MARKERS[own != "CPU"], "color": OWN, "label": f"your {own}"}
    said.append(f"your {own}: {_line(axes, speeds, '--', **look)}")
    return f"Samples a second. {'; '.join(said)}."


def against_cpu(axes, gpus, kinds, own):
    """Epochs a second of the small network: GPU against the CPU beside it, from batch size 1 on."""
    axes.set_title("epochs a second")
    said = []
    for gpu, colour, marker in gpus:
        for place, (kind, speeds) in enumerate(gpu.small.items()):
            name, style, shade = (gpu.device, "-", colour) if place else (f"{gpu.device}'s {kind}", ":", "0.5")
            said.append(f"{name}: {_line(axes, speeds, style, marker=marker, color=shade)}")
    for kind, device in kinds.items():
        speeds = {size: epochs_a_second(size, device) for size in HERE}
        label = f"your {kind}" if kind != own else None  # that one is in the legend already
        look = {"marker": OWN_MARKERS[kind != "CPU"], "color": OWN, "label": label}
        said.append(f"your {kind}: {_line(axes, speeds, '--', **look)}")
    return f"Epochs a second of {results.SMALL} with 256 samples. {'; '.join(said)}."
