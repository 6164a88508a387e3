"""Film the lab in a real browser for the README: the epochs up to overfitting, then the batch size up to all samples.

Run as `make film`. Nothing is staged: what a reader would press is pressed, and the page is photographed.
"""

import io
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import browser
from PIL import Image

FILM = pathlib.Path(__file__).parents[2] / "notebooks/images/lab.gif"
CELLS = ("import batchlab as bl\nlab = bl.Lab()\nlab",)
EPOCHS = (0, 3, 10, 20, 40, 70, 100, 200, 400, 800, 1600, 3000)
FIRST, N = 3, 12  # the batch size that the lab begins with, and all samples
WIDTH, COLOURS = 900, 160
STILL, PASSING = 1600, 500  # milliseconds that a frame stays


def photograph(reader):
    """The lab as it is on the page."""
    taken = Image.open(io.BytesIO(reader.page.locator(".batchlab").first.screenshot())).convert("RGB")
    return taken.resize((WIDTH, round(taken.height * WIDTH / taken.width)), Image.Resampling.LANCZOS)


def film(reader):
    """Frames and the milliseconds that each stays."""
    reader.hears(f"batch size {FIRST}, epoch {EPOCHS[-1]}: ")
    for epoch in EPOCHS:
        reader.type("epochs", str(epoch))
        reader.hears(f"batch size {FIRST}, epoch {epoch}: ")
        yield photograph(reader), STILL if epoch in (EPOCHS[0], EPOCHS[-1]) else PASSING
    for size in range(FIRST + 1, N + 1):
        reader.press("batch size", "ArrowRight")
        reader.hears(f"batch size {size}, epoch {EPOCHS[-1]}: ")
        reader.page.wait_for_timeout(500)  # the slider rests in its new place
        yield photograph(reader), STILL if size == N else PASSING


def main():
    """Write the film; its frames share one palette and one size."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("There is no chromium, chromium-browser or google-chrome on the PATH: install one.")
    os.environ.update(BATCHLAB_PROGRESS="off", BATCHLAB_STRICT="1")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, browser.chromium_at(path) as chromium:
        scratch = pathlib.Path(scratch)
        (scratch / "notebooks").mkdir()
        with browser.Server("JupyterLab", scratch / "notebooks", scratch / "server") as server:
            notebook = browser.put_notebook(CELLS, scratch / "notebooks", "python3")
            with browser.Reader(chromium, server, notebook) as reader:
                reader.run_cell(0)
                frames, stay = zip(*film(reader), strict=True)
    height = min(frame.height for frame in frames)
    frames = [frame.crop((0, 0, WIDTH, height)) for frame in frames]
    palette = frames[len(frames) // 2].quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)  # thin lines keep theirs
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    frames[0].save(FILM, save_all=True, append_images=frames[1:], duration=stay, loop=0, optimize=True)
    print(f"{FILM.name}: {len(frames)} frames, {FILM.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
