"""The cell of a notebook that redraws its figure with `interact` and the inline backend, as most notebooks do."""

import matplotlib
import matplotlib.pyplot as plt
from ipywidgets import IntSlider, interact

import batchlab as bl
from benchmarks.peers.figure import SIZE, draw, runs

matplotlib.use("module://matplotlib_inline.backend_inline")
problem = bl.data.noisy_sine(n=256)
known = runs(problem)


@interact(batch_size=IntSlider(4, 1, 256, description="batch size"))
def show(batch_size):
    _, axes = plt.subplots(1, 2, figsize=SIZE)
    draw(axes, problem, known[batch_size % len(known)])
    plt.show()
