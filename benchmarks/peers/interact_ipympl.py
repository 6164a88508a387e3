"""The cell of a notebook that moves the lines of a figure which ipympl keeps alive in the page."""

import matplotlib
import matplotlib.pyplot as plt
from ipywidgets import IntSlider, interact

import batchlab as bl
from benchmarks.peers.figure import SIZE, draw, move, runs

matplotlib.use("module://ipympl.backend_nbagg")
problem = bl.data.noisy_sine(n=256)
known = runs(problem)
figure, axes = plt.subplots(1, 2, figsize=SIZE)
artists = draw(axes, problem, known[0])
plt.show()


@interact(batch_size=IntSlider(4, 1, 256, description="batch size"))
def show(batch_size):
    move(artists, known[batch_size % len(known)])
    figure.canvas.draw_idle()
