"""A page on which a live picture moves without a kernel: a frame for every position of some controls, in one file.

Whatever is equal in two frames is stored once: each stroke, each layer. So a page of two thousand frames is about as
large as a photograph. The page replays them with the same script that shows the live picture.
"""

import collections
import html
import itertools
import json
import math
import pathlib

from ..progress import progress_bar
from .controls import ERRORS, Steps
from .recorder import deflated, encode

HERE = pathlib.Path(__file__).parent
MOST_FRAMES = 10_000
LOOKS = {"kind", "name", "label", "hint", "tip", "hidden", "disabled"}  # of a control whose values are recorded
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif; }}
body {{ max-width: 1240px; margin: 1rem auto; padding: 0 1rem; }}
{style}
</style>
<h1>{title}</h1>
<main id="picture"><noscript>{words}</noscript></main>
<script type="module">
{script}
playBack(document.getElementById("picture"), "{recording}");
</script>
</html>
"""


def export(lab, path, positions, *, title=None, progress=True):
    """Write a self-contained page in which the controls move through these positions.

    Args:
        lab: a `Live`.
        path: the file to write.
        positions: control -> its values; of two controls the later one moves first, so put last what costs least, such
            as the epoch that is shown. None at all: what the lab has as `recorded`.
        title: of the page; by default the lab's name.
        progress: show a progress bar when it takes longer than a second.

    Returns:
        The path, as a `pathlib.Path`.

    Raises:
        ValueError: a control or a folder that there is not, a value out of its range, too many frames, or a lab that is
            closed; nothing is written then.
    """
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}. Make it, or name another.")
    if lab._turns.closed:
        raise ValueError(f"{lab!r} was closed; make it anew to export it.")
    recording = record(lab, positions, progress=progress)
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("live.css", "live.js"))
    said = {"title": html.escape(title or type(lab).__name__), "words": html.escape(lab.words())}
    path.write_text(PAGE.format(style=style, script=script, recording=recording, **said), encoding="utf-8")
    return path


def record(lab, positions, *, progress=True):
    """The recording of an `export` as text: deflated JSON and points, in base64."""
    optional, positions = not positions, _checked(lab, positions or usual(lab))
    places = list(itertools.product(*positions.values()))
    strokes, layers, looks = (collections.defaultdict(itertools.count().__next__) for _ in range(3))  # thing: number
    frames, start, locked = [], {name: getattr(lab, name) for name in positions}, lab.locked
    rows = [lab.controls[name].row(lab) | {"values": values} for name, values in positions.items()]

    def frame(seen):
        pair = [layers[tuple(strokes[one] for one in _encoded(seen[layer]))] for layer in ("standing", "moving")]
        present = [lab.controls[name].row(lab) for name in positions]
        now = [{name: look for name, look in row.items() if name in LOOKS} for row in present]
        return [*pair, seen["words"], seen["facts"], *seen["said"], looks[json.dumps(now)]]

    with lab.aside(), progress_bar(len(places), " frames", progress) as bar:
        before = frame(lab.outcome()) if locked else None
        try:
            lab.locked = False
            for place in places:
                try:
                    frames.append(frame(reach(lab, dict(zip(positions, place, strict=True)))))
                except ERRORS:  # not every step exists at every batch size
                    if not optional:
                        raise
                    frames.append(None)
                bar.update()
        finally:
            lab.locked = locked
    about = {
        "rows": rows,
        "start": start,
        "size": {"width": lab.picture.width, "height": lab.picture.height, "panels": lab.picture.panels},
        "strokes": [[*json.loads(head), points, len(data)] for head, points, data in strokes],
        "layers": list(layers),
        "looks": [json.loads(now) for now in looks],
        "frames": frames,
        "locked": before,
    }
    return deflated(about, b"".join(data for _, _, data in strokes))


def reach(lab, values):
    """The outcome at these values of controls: again, where one of them brings limits or defaults of its own.

    Another dataset, say, allows batch sizes that were refused before, and begins with its own batch size.
    """
    for _ in range(3):
        refused = None
        for name, value in values.items():
            try:
                setattr(lab, name, value)
            except ERRORS as error:
                refused = error
        seen = lab.outcome()
        if refused is None and all(getattr(lab, name) == value for name, value in values.items()):
            return seen
    raise refused or ValueError(f"{lab!r} does not stay at {values}.")


def _encoded(strokes):
    """A layer's strokes one by one, so that equal ones are equal: head, number of points, bytes."""
    data, ends = encode(strokes)
    for (head, points), start, end in zip(strokes, [0, *ends], ends, strict=False):
        yield json.dumps(head), len(points), data[start:end]


def _checked(lab, positions):
    """The positions as lists of what the controls take, or an error in words."""
    movable = [name for name, control in lab.controls.items() if control.kind not in ("press", "words")]
    lists = {}
    for name, values in positions.items():
        if name not in movable:
            raise ValueError(f"there is no control {name!r} to move; choose from {', '.join(movable)}.")
        one = isinstance(values, str) or not hasattr(values, "__iter__")
        lists[name] = [_plain(lab, lab.controls[name], value) for value in ([values] if one else values)]
        if not lists[name]:
            raise ValueError(f"{name} has no values; give at least one.")
    count = math.prod(map(len, lists.values()))
    if count > MOST_FRAMES:
        raise ValueError(
            f"these positions make {count:,} frames; at most {MOST_FRAMES:,} fit into a page. Give fewer values of "
            f"{max(lists, key=lambda name: len(lists[name]))!r}."
        )
    return lists


def usual(lab):
    """The positions where none are named: those that the lab has as `recorded`, or its first two sliders.

    Of these a page leaves out those that another control does not allow: there the other control gives way.
    """
    sliders = [name for name, control in lab.controls.items() if control.kind in ("whole", "number", "steps")]
    counts = dict(lab.recorded or zip(sliders, (12, 40), strict=False))
    return {name: lab.controls[name].along(lab, count) for name, count in counts.items() if name in lab.controls}


def _plain(lab, control, value):
    """A value as JSON has it, and as the control takes it where it takes the nearest of a few."""
    value = value.item() if hasattr(value, "item") else value
    return control.validate(lab, value) if isinstance(control, Steps) else value
