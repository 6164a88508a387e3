"""A matplotlib renderer that writes draw calls down instead of painting them; the page replays them on a canvas.

A recording is a list of strokes. A stroke is `(head, points)`: the head, a short list that JSON can hold, says what to
do in which style; the points are pixels from the picture's upper left corner, (n, 2). The kinds are

    p  style, parts, codes          a path; parts: how many points each piece has, negative where it is closed
    m  style, parts, codes, marks   a marker around (0, 0), and the places where it stands
    c  parts, codes                 a clip path for the next stroke that is none; of several, all hold
    t  style, text, font, angle, width     text from its baseline's left end, to be scaled to this width
    i  matrix, width, height, colors       an image, its pixels as numbers of colors

`pack` makes bytes of a recording: deflated JSON, then points in eighths of a pixel as differences from point to point,
seven bits a byte, small numbers of either sign first (the "varint" and "zigzag" of Protocol Buffers).

Source of the interface: matplotlib.backend_bases.RendererBase and its backend_svg.
"""

import base64
import functools
import json
import zlib

import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

EIGHTH = 8  # parts of a pixel
FAR = 65_000  # pixels: what lies beyond is cut off there; twice as far is as long a step as three bytes hold
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
CAPS = {"projecting": "square"}  # other names are the same on a canvas


class Recorder(RendererBase):
    """A renderer for a picture of `width` times `height` pixels; `strokes` holds what has been drawn."""

    def __init__(self, width, height, dpi):
        super().__init__()
        self.width, self.height, self.dpi = width, height, dpi
        self.strokes = []
        # Agg measures text, so that the layout is the painted picture's; labels come back frame after frame.
        measure = RendererAgg(1, 1, dpi).get_text_width_height_descent
        self.get_text_width_height_descent = functools.lru_cache(maxsize=4096)(measure)
        self._flip = np.array([[1.0, 0, 0], [0, -1, height], [0, 0, 1]])

    def record(self, draw):
        """The strokes that `draw(renderer)` makes."""
        self.strokes = []
        draw(self)
        return self.strokes

    # ---- what matplotlib asks ----------------------------------------------------------------------------------------

    def get_canvas_width_height(self):  # noqa: D102
        return self.width, self.height

    def flipy(self):  # noqa: D102
        return True

    def points_to_pixels(self, points):  # noqa: D102
        return points * self.dpi / 72

    def option_scale_image(self):  # noqa: D102
        return True

    def option_image_nocomposite(self):  # noqa: D102
        return True

    def draw_path(self, gc, path, transform, rgbFace=None):  # noqa: D102
        open_line = rgbFace is None and not gc.get_hatch()
        clip = (-20, -20, self.width + 20, self.height + 20) if open_line else None
        parts, codes, points = self._outline(gc, path, transform, clip, path.should_simplify and open_line)
        if not parts:
            return
        self._write(gc, ["p", self._style(gc, rgbFace), parts, codes], points)
        if gc.get_hatch():
            self._write(gc, ["c", parts, codes], points)
            self._hatch(gc, points)

    def draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace=None):  # noqa: D102
        flipped = Affine2D(np.diag([1.0, -1, 1]) @ marker_trans.get_matrix())
        snap, width = bool(gc.get_snap()), self.points_to_pixels(gc.get_linewidth())
        parts, codes, outline = _parts(
            marker_path.cleaned(transform=flipped, snap=snap, stroke_width=width, curves=True)
        )
        places = Affine2D(self._flip @ trans.get_matrix()).transform(path.vertices)
        if snap:  # as Agg does with every marker: so a tick stands where its line does
            places = np.floor(places + 0.5)
        near = (np.abs(places) < FAR).all(axis=1)  # NaN is not near
        if parts and near.any():
            head = ["m", self._style(gc, rgbFace), parts, codes, int(near.sum())]
            self._write(gc, head, np.concatenate([outline, places[near]]))

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):  # noqa: D102
        if ismath:
            self._draw_text_as_path(gc, x, y, s, prop, angle, ismath)
            return
        width = self.get_text_width_height_descent(s, prop, False)[0]
        style = {"f": _color(gc.get_rgb())} | self._clip_rectangle(gc)
        size = round(self.points_to_pixels(prop.get_size_in_points()), 2)
        looks = [prop.get_style(), str(prop.get_weight())]
        font = " ".join([*(look for look in looks if look not in ("normal", "400")), f"{size:g}px"])
        self._write(gc, ["t", style, s, font, round(angle, 2), round(width, 1)], np.array([[x, y]]))

    def draw_image(self, gc, x, y, im, transform=None):  # noqa: D102
        rows, columns = im.shape[:2]
        if not rows or not columns:
            return
        place = Affine2D().scale(1 / columns, 1 / rows) + (transform or Affine2D().scale(columns, rows))
        matrix = self._flip @ (place + Affine2D().translate(x, y)).get_matrix()
        whole = np.ascontiguousarray(im).view(np.uint32)  # a pixel as one number: a tenth of the time
        colors, pixels = np.unique(whole, return_inverse=True)
        colors = colors.view(np.uint8).reshape(-1, 4)
        pixels = np.pad(pixels.ravel(), (0, pixels.size % 2)).reshape(-1, 2) / EIGHTH
        table = [_color(color / 255, gc.get_alpha() * color[3] / 255) for color in colors]
        abcdef = [round(float(v), 4) for v in matrix[:2].T.ravel()]
        self._write(gc, ["i", self._clip_rectangle(gc), abcdef, columns, rows, table], pixels)

    # ---- how it is written down --------------------------------------------------------------------------------------

    def _write(self, gc, head, points):
        """A stroke, behind the path that clips it."""
        path, transform = gc.get_clip_path()
        if path is not None:
            parts, codes, outline = self._outline(gc, path, transform)
            self.strokes.append((["c", parts, codes], outline))
        self.strokes.append((head, points))

    def _outline(self, gc, path, transform, clip=None, simplify=False):
        """A path in pixels from the upper left corner, snapped to them as Agg does: parts, codes, points."""
        cleaned = path.cleaned(
            transform=Affine2D(self._flip @ transform.get_matrix()),
            remove_nans=True,
            clip=clip,
            simplify=simplify,
            curves=path.codes is not None and clip is None,
            snap=gc.get_snap(),
            stroke_width=self.points_to_pixels(gc.get_linewidth()),
        )
        return _parts(cleaned)

    def _style(self, gc, face):
        """Stroke, width, fill, dashes, cap, join and clip rectangle; what a canvas has by itself is left out."""
        style = self._clip_rectangle(gc)
        width = self.points_to_pixels(gc.get_linewidth())
        if width and gc.get_rgb()[3]:
            style |= {"s": _color(gc.get_rgb()), "w": round(width, 2)}
            offset, dashes = gc.get_dashes()
            if dashes is not None:
                style["d"] = [round(self.points_to_pixels(length), 3) for length in dashes]
                if offset:
                    style["o"] = round(self.points_to_pixels(offset), 3)
            cap, join = gc.get_capstyle(), gc.get_joinstyle()
            style |= {"e": CAPS.get(cap, cap)} if cap != "butt" else {}
            style |= {"j": join} if join != "miter" else {}
        if face is not None and (len(face) < 4 or face[3]):
            style["f"] = _color(face, gc.get_alpha() if gc.get_forced_alpha() or len(face) < 4 else None)
        return style

    def _clip_rectangle(self, gc):
        box = gc.get_clip_rectangle()
        if box is None:
            return {}
        x, y = round(box.x0), round(self.height - box.y1)
        return {"c": [x, y, round(box.x1) - x, round(self.height - box.y0) - y]}

    def _hatch(self, gc, points):
        """The hatch of a path, tiled over its bounding box as inch by inch as Agg does; the clip is set already."""
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        tiles = [np.arange(np.floor(a / self.dpi), np.ceil(b / self.dpi)) for a, b in zip(low, high, strict=True)]
        lines = gc.get_hatch_path()
        vertices, codes = [], []
        for right in tiles[0]:
            for down in tiles[1]:
                vertices.append(lines.vertices * [1, -1] + [right, down + 1])
                codes.append(lines.codes)
        tiled = Path(np.concatenate(vertices) * self.dpi, np.concatenate(codes))
        parts, codes, points = _parts(tiled.cleaned(curves=True))
        width = round(self.points_to_pixels(gc.get_hatch_linewidth()), 2)
        style = {"s": _color(gc.get_hatch_color()), "w": width} | self._clip_rectangle(gc)
        self.strokes.append((["p", style, parts, codes], points))


def _color(rgb, alpha=None):
    """A colour as CSS has it; its own alpha is replaced by one that is given."""
    alpha = (rgb[3] if len(rgb) > 3 else 1) if alpha is None else alpha
    red, green, blue, alpha = (round(255 * float(v)) for v in (*rgb[:3], alpha))
    return f"#{red:02x}{green:02x}{blue:02x}" + (f"{alpha:02x}" if alpha < 255 else "")


def _parts(cleaned):
    """The parts of a cleaned path, its codes where it has curves, and its points."""
    codes, points = cleaned.codes, cleaned.vertices
    real = (codes != Path.STOP) & (codes != Path.CLOSEPOLY)
    starts = np.flatnonzero(codes == Path.MOVETO)
    if not len(starts):
        return [], "", points[:0]
    count = np.add.reduceat(real.astype(int), starts)
    closed = np.logical_or.reduceat(codes == Path.CLOSEPOLY, starts)
    curved = (codes[real] > Path.LINETO).any()
    letters = "".join(LETTERS[code] for code in codes[real].tolist()) if curved else ""
    return np.where(closed, -count, count).tolist(), letters, points[real]


# ---- bytes -----------------------------------------------------------------------------------------------------------


def encode(strokes):
    """The points of all strokes as bytes, and where those of each stroke end: bytes, (strokes,) int."""
    lengths = np.array([len(points) for _, points in strokes], int)
    if not lengths.sum():
        return b"", np.zeros(len(strokes), int)
    points = np.concatenate([points for _, points in strokes])
    whole = np.rint(np.clip(np.nan_to_num(points), -FAR, FAR) * EIGHTH).astype(np.int32)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int32))
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])[lengths > 0]
    steps[starts] = whole[starts]  # each stroke by itself, so that equal ones have equal bytes
    numbers = ((steps << 1) ^ (steps >> 31)).ravel().astype(np.uint32)
    sizes = 1 + (numbers > 0x7F) + (numbers > 0x3FFF)
    ends = np.cumsum(sizes)
    data, at = np.zeros(ends[-1], np.uint8), ends - sizes
    for byte in range(3):
        here = sizes > byte
        data[at[here] + byte] = (numbers[here] >> (7 * byte)) & 0x7F | (sizes[here] > byte + 1).astype(np.uint32) << 7
    return data.tobytes(), np.concatenate([[0], ends])[2 * np.cumsum(lengths)]


def pack(strokes):
    """A recording as text that arrives in every front end: deflated, then base64."""
    data, _ = encode(strokes)
    return deflated([[*head, len(points)] for head, points in strokes], data)


def deflated(head, data):
    """JSON and bytes behind it, with the length of the JSON before; deflated, in base64."""
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.b64encode(zlib.compress(len(text).to_bytes(4, "little") + text + data, 6)).decode()
