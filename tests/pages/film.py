"""Write the page on which the README's visitors move the lab, and film it: the epochs first, then the batch size.

Run as `make film`. Nothing is staged: the page is `lab.export`'s, the sliders are pressed as a reader presses them, and
the page is photographed.
"""

import io
import pathlib
import shutil
import sys

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import batchlab as bl

NOTEBOOKS = pathlib.Path(__file__).parents[2] / "notebooks"
PAGE, FILM = NOTEBOOKS / "lab.html", NOTEBOOKS / "images/lab.gif"
N, FIRST, LAST = 12, 3, 3000  # all samples; the batch size and the epoch that the lab begins with
EPOCHS = [0, *np.unique(np.rint(np.geomspace(1, LAST, 70)).astype(int)).tolist()]  # 60 of them
RATES = [0.02, 0.05, 0.1]
WIDTH, COLOURS = 900, 160
STILL, PASSING, STEP = 1600, 300, 500  # milliseconds that a frame stays: at either end, of an epoch, of a batch size
EVERY = 3  # of the page's epochs one in so many is filmed


def photograph(page):
    """The lab as it is on the page."""
    taken = Image.open(io.BytesIO(page.locator("#picture").screenshot())).convert("RGB")
    return taken.resize((WIDTH, round(taken.height * WIDTH / taken.width)), Image.Resampling.LANCZOS)


def press(page, label, key, **shown):
    """Press a key on a slider, and wait until the picture shows what it led to."""
    page.get_by_role("slider", name=label, exact=True).press(key)
    shows = "JSON.parse(document.querySelector('.picture').dataset.shows)"
    page.wait_for_function(
        f"wanted => (shows => Object.keys(wanted).every(name => shows[name] === wanted[name]))({shows})", arg=shown
    )


def film(page):
    """Frames and the milliseconds that each stays."""
    press(page, "epochs", "Home", epochs=0)
    yield photograph(page), STILL
    for number, epoch in enumerate(EPOCHS[1:], 1):
        press(page, "epochs", "ArrowRight", epochs=epoch, batch_size=FIRST)
        if epoch == LAST or number % EVERY == 0:
            yield photograph(page), STILL if epoch == LAST else PASSING
    for size in range(FIRST + 1, N + 1):
        press(page, "batch size", "ArrowRight", epochs=LAST, batch_size=size)
        yield photograph(page), STILL if size == N else STEP


def write_page():
    """Write the page: 12 batch sizes, 3 learning rates, 60 epochs."""
    places = {"batch_size": range(1, N + 1), "learning_rate": RATES, "epochs": EPOCHS}
    bl.Lab("noisy sine").export(PAGE, title="batchlab: the overfitting lab", **places)
    print(f"{PAGE.name}: {PAGE.stat().st_size / 1e3:.0f} kB")


def main():
    """Write the page and the film; the film's frames share one palette and one size."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("There is no chromium, chromium-browser or google-chrome on the PATH: install one.")
    write_page()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1000, "height": 800}, device_scale_factor=2)
        page.goto(PAGE.as_uri())
        page.wait_for_selector(".picture[data-shows]")
        frames, stay = zip(*film(page), strict=True)
        chromium.close()
    height = min(frame.height for frame in frames)
    frames = [frame.crop((0, 0, WIDTH, height)) for frame in frames]
    palette = frames[len(frames) // 2].quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)  # thin lines keep theirs
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    frames[0].save(FILM, save_all=True, append_images=frames[1:], duration=stay, loop=0, optimize=True)
    print(f"{FILM.name}: {len(frames)} frames, {FILM.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
