"""One toy picture for each kind of stroke, standing and moving."""

import numpy as np
from matplotlib.patches import Circle, PathPatch, Rectangle, Wedge
from matplotlib.path import Path

from batchlab.live import Live, View, Whole

X = np.linspace(0, 10, 200)


def lines(axes):
    y = np.where((X > 4) & (X < 5), np.nan, np.sin(X))
    made = axes.plot(X, y, label="gap")
    for shift, style in enumerate(("--", ":", "-.", (2, (5, 1, 1, 1)))):
        made += axes.plot(X, np.cos(X) + shift, linestyle=style, linewidth=1 + shift, label=str(style))
    made += axes.plot(X, X / 3, color=(1, 0, 0, 0.3), linewidth=8, solid_capstyle="round")
    axes.legend()
    return made


def markers(axes):
    rng, made = np.random.default_rng(0), []
    for marker in "os^v<>DPX*+x|_.":
        made += axes.plot(*rng.random((2, 8)), marker, alpha=0.7, markersize=9, markeredgecolor="black")
    made.append(axes.scatter(*rng.random((2, 40)), c=rng.random(40), s=300 * rng.random(40), alpha=0.5))
    return made


def areas(axes):
    made = [axes.fill_between(X, np.sin(X), np.cos(X), alpha=0.3, edgecolor="blue")]
    made += [axes.axvspan(7, 9, color="green", alpha=0.2), axes.axhline(0, color="black", linewidth=1)]
    made += axes.bar([1, 2, 3], [1, -1, 0.5], hatch="//", facecolor=(1, 0.5, 0, 0.4), edgecolor=(0, 0, 0, 0.6))
    made += axes.bar([4.5, 5.5], [1.5, 1.2], hatch="xx", facecolor="white", edgecolor="red")
    axes.set_ylim(-1, 1.1)  # the hatches are cut off
    return made


def shapes(axes):
    square, hole = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0)], [(1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]
    codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]
    curve = Path([(5, 0), (6, 6), (7, 0), (8, -3), (9, 3), (9, 0)], [1, 3, 3, 4, 4, 4])
    patches = [
        PathPatch(
            Path(square + hole, codes * 2), facecolor="orange", edgecolor="black", linewidth=3, joinstyle="round"
        ),
        PathPatch(curve, facecolor="none", edgecolor="blue", linewidth=4, capstyle="projecting"),
        Circle((6, 3), 1.2, facecolor=(0, 1, 0, 0.4), edgecolor="none"),
        Wedge((8, 4), 1.5, 30, 300, facecolor="purple", alpha=0.5),
        Rectangle((1.5, 4.5), 3, 2, angle=20, facecolor="none", edgecolor="red", linestyle="--", linewidth=2),
    ]
    for patch in patches:
        axes.add_patch(patch)
    clipped = axes.imshow(np.arange(64).reshape(8, 8), extent=(5, 8, -3, 0), aspect="auto", cmap="viridis")
    clipped.set_clip_path(Circle((6.5, -1.5), 1.4, transform=axes.transData))
    axes.set(xlim=(-1, 10), ylim=(-3.5, 7))
    return [*patches, clipped]


def images(axes):
    values = np.ma.masked_greater(np.add.outer(np.arange(12), np.arange(20)), 28)
    made = [axes.imshow(values, cmap="magma", extent=(0, 6, 0, 4), aspect="auto")]
    made.append(axes.imshow(values % 3, alpha=0.4, cmap="viridis", extent=(5, 10, 2, 6), aspect="auto"))
    rgba = np.dstack([np.ones((3, 3)), np.zeros((3, 3, 2)), np.linspace(0, 1, 9).reshape(3, 3)])
    made.append(axes.imshow(rgba, extent=(0, 4, 4.5, 6), aspect="auto"))
    made.append(axes.imshow(values[:6, :6], origin="lower", extent=(6.5, 9.5, 0, 1.7), aspect="auto"))
    axes.set(xlim=(0, 10), ylim=(0, 6))
    return made


def texts(axes):
    box = {"boxstyle": "round,pad=0.3", "facecolor": "lightyellow", "alpha": 0.8}
    made = [axes.text(0.1, 0.1 + 0.1 * i, f"{a} é ∂ {9**i}", ha=a, fontsize=9 + i) for i, a in enumerate(["left"] * 4)]
    made += [axes.text(0.6, 0.5, f"turned {angle}", rotation=angle) for angle in (0, 30, 90, 180, 300)]
    made += [axes.text(0.1, 0.6, r"$\sigma^2 = \frac{1}{N}\sum_i x_i^2$", fontsize=16)]
    made += [axes.text(0.1, 0.8, "two lines\nin a box", bbox=box, weight="bold", style="italic")]
    axes.annotate("an arrow", (0.9, 0.2), (0.7, 0.85), arrowprops={"arrowstyle": "->"})
    return made


def logarithms(axes):
    made = axes.loglog(10 ** X[:60], 2 + 10 ** (X[:60] / 2), label=r"$10^{x/2}$")
    made += [axes.fill_between(10 ** X[:60], 1, 10 ** (X[:60] / 3), alpha=0.2, label="area")]
    axes.grid(which="both")
    axes.legend(frameon=True, framealpha=0.8)
    axes.set(xlabel="samples seen", ylabel=r"loss $\mathcal{L}$", title="logarithmic")
    return made


FIGURES = {make.__name__: make for make in (lines, markers, areas, shapes, images, texts, logarithms)}


class Gallery(Live):
    """A figure that stands still on the left and moves on the right."""

    size = 9.0, 3.6
    number = Whole("number", 0, 9, 0)

    def __init__(self, make):
        self._make = make
        super().__init__()

    def draw(self, figure):
        left, right = figure.subplots(1, 2)
        self._make(left)
        return [View(self._make(right), lambda: None)]

    def words(self):
        return f"{self._make.__name__}, number {self.number}"
