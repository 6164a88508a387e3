"""What a page replays beside what Agg paints: the same figure, the same size, pixel by pixel."""

import base64
import io
import pathlib

import matplotlib
import numpy as np
from PIL import Image

FONTS = pathlib.Path(matplotlib.get_data_path()) / "fonts/ttf"
LOOKS = {
    "DejaVuSans": {},
    "DejaVuSans-Bold": {"weight": "bold"},
    "DejaVuSans-Oblique": {"style": "italic"},
    "DejaVuSans-BoldOblique": {"weight": "bold", "style": "italic"},
}
SAME_FONT = """async ({fonts, width}) => {
  for (const [font, looks] of fonts) {
    const bytes = Uint8Array.from(atob(font), (letter) => letter.charCodeAt(0));
    document.fonts.add(await new FontFace('DejaVu Sans', bytes, looks).load());
  }
  Object.assign(document.getElementById('picture').style, { width: `${width}px`, maxWidth: 'none' });
}"""
REST = "new Promise((done) => setTimeout(done, 100))"
PIXELS = "document.querySelector('.picture').toDataURL('image/png').split(',')[1]"


def painted(pixels):
    """RGB on white, as numbers that can be subtracted."""
    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else Image.open(io.BytesIO(pixels))
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB")).astype(int)


def exported(lab, folder):
    """A page that holds the lab as it is now and nothing else."""
    movable = {name: control for name, control in lab.controls.items() if control.kind not in ("press", "words")}
    name = next(iter(movable))
    return lab.export(folder / "page.html", **{name: [getattr(lab, name)]})


def compare(lab, chromium, folder):
    """What differs between replay and painting; both, and what differs, are left in the folder.

    Returns:
        The share of pixels that differ by more than 64 of 255 in some channel, and the share of those for which the
        other picture has nothing of the kind within a pixel: Agg puts letters and markers on whole pixels, a canvas
        puts them where they belong.
    """
    context = chromium.new_context(viewport={"width": 1300, "height": 900}, device_scale_factor=1)
    page = context.new_page()
    page.goto(exported(lab, folder).as_uri())
    page.wait_for_selector(".picture[data-frame]")
    fonts = [(base64.b64encode((FONTS / f"{name}.ttf").read_bytes()).decode(), looks) for name, looks in LOOKS.items()]
    page.evaluate(SAME_FONT, {"fonts": fonts, "width": lab.picture.width})
    page.evaluate(REST)
    replayed = painted(base64.b64decode(page.evaluate(PIXELS)))
    context.close()
    agg = painted(lab.picture.painted(scale=1))
    assert replayed.shape == agg.shape, (replayed.shape, agg.shape)
    differs = (abs(replayed - agg) > 64).any(axis=2)
    alone = unmatched(agg, replayed) | unmatched(replayed, agg)
    marks = np.where(differs[..., None], (255, 170, 170), 230 + agg // 10)
    marks[alone] = 255, 0, 0
    Image.fromarray(np.vstack([agg, replayed, marks]).astype("uint8")).save(folder / "agg_page_difference.png")
    return differs.mean(), alone.mean()


def unmatched(one, other):
    """Where a pixel lies outside of what the other picture has around it, by more than 64."""
    shifted = np.pad(other, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = other.shape[:2]
    around = np.stack([shifted[y : y + height, x : x + width] for y in range(3) for x in range(3)])
    low, high = around.min(axis=0), around.max(axis=0)
    return (np.maximum(low - one, one - high) > 64).any(axis=2)
