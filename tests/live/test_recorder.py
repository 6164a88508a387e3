"""What matplotlib draws is written down: every kind of stroke, its style, and its bytes, read back by a decoder."""

import base64
import functools
import json
import zlib

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text

from batchlab.live import recorder

WIDTH, HEIGHT, DPI = 300, 200, 100


def decoded(text):
    """The strokes of a packed recording, by a reader of its own: [(head, points), ...]."""
    whole = zlib.decompress(base64.b64decode(text))
    length = int.from_bytes(whole[:4], "little")
    heads, data = json.loads(whole[4 : 4 + length].decode()), iter(whole[4 + length :])

    def number():
        value, shift = 0, 0
        for byte in data:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return -(value + 1) // 2 if value % 2 else value // 2
        raise EOFError

    strokes = []
    for *head, count in heads:
        points = np.cumsum([[number(), number()] for _ in range(count)] or np.zeros((0, 2)), axis=0) / recorder.EIGHTH
        strokes.append((head, points))
    assert next(data, None) is None, "bytes are left over"
    return strokes


@pytest.fixture
def figure():
    return Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)


@pytest.fixture
def record():
    return recorder.Recorder(WIDTH, HEIGHT, DPI).record


def of(strokes, kind):
    return [(head, points) for head, points in strokes if head[0] == kind]


def drawn(artist, figure, record, kind="p"):
    """The strokes of one artist of a figure in pixels."""
    figure.add_artist(artist)
    artist.set_transform(matplotlib.transforms.IdentityTransform())
    return of(record(artist.draw), kind)


def outline(path, **looks):
    return PathPatch(path, **{"facecolor": "none", "snap": False} | looks)


def line(*points, **looks):
    """A line through points in pixels, not yet in a figure."""
    return matplotlib.lines.Line2D(*zip(*points, strict=True), snap=False, **looks)


# ------------------------------------------------------------------------------------------------------------- bytes


@pytest.mark.parametrize(
    "points",
    [
        [[0, 0]],
        [[1, 2], [-3, -4.125], [0.125, -0.125]],
        [[7.875, 8], [8, 8.125], [-8, -8.125]],  # 63, 64, 65 eighths: one byte and two
        [[1023.875, 1024], [1024.125, -1024], [3000, -3000]],  # 8191 to 8193: two bytes and three
        [[16383 / 8, 16384 / 8], [-16383 / 8, -16384 / 8], [0, 0]],
        [[recorder.FAR, -recorder.FAR], [-recorder.FAR, recorder.FAR], [recorder.FAR, recorder.FAR]],
    ],
    ids=["zero", "negative", "a byte", "two bytes", "14 bits", "far"],
)
def test_numbers_come_back_exactly(points):
    head = ["p", {}, [len(points)], ""]
    [(back, same)] = decoded(recorder.pack([(head, np.array(points, float))]))
    assert back == head
    np.testing.assert_array_equal(same, points)


def test_strokes_come_back_one_by_one_also_those_without_points():
    rng = np.random.default_rng(0)
    strokes = [(["p", {"s": "#000000"}, [n], "ü"], rng.integers(-4000, 4000, (n, 2)) / 8) for n in (3, 0, 1, 50, 0)]
    for (head, points), (same, back) in zip(strokes, decoded(recorder.pack(strokes)), strict=True):
        assert head == same
        np.testing.assert_array_equal(points, back)
    data, ends = recorder.encode(strokes)
    assert ends[-1] == len(data)
    assert (ends[0], ends[2]) == (ends[1], len(recorder.encode(strokes[:3])[0]))
    assert decoded(recorder.pack([])) == []
    assert [len(points) for _, points in decoded(recorder.pack([strokes[1]]))] == [0]


def test_equal_strokes_have_equal_bytes_wherever_they_stand():
    one, other = (["p"], np.array([[5.0, 6], [7, 8]])), (["p"], np.array([[900.0, -6], [0, 8]]))
    data, ends = recorder.encode([one, other, one])
    assert data[: ends[0]] == data[ends[1] :]


def test_what_is_no_number_or_lies_beyond_is_kept_within_reach():
    points = np.array([[np.nan, 1], [np.inf, 1e9], [-np.inf, -1e9], [1e300, 2]])
    [(_, back)] = decoded(recorder.pack([(["p"], points)]))
    far = recorder.FAR
    np.testing.assert_array_equal(back, [[0, 1], [far, far], [-far, -far], [far, 2]])


def test_the_same_figure_has_the_same_bytes():
    def once():
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        axes = figure.add_subplot()
        axes.plot([1, 2, 3], [1, 100, 3], "o--", label=r"$x^2$ and words")
        axes.imshow(np.arange(12).reshape(3, 4), extent=(1, 2, 1, 2))
        axes.fill_between([1, 2], [1, 2], hatch="//", alpha=0.3)
        axes.legend()
        return recorder.pack(recorder.Recorder(WIDTH, HEIGHT, DPI).record(figure.draw))

    assert once() == once()


# ------------------------------------------------------------------------------------------------------------- paths


def test_y_is_counted_from_the_top(figure, record):
    [(head, points)] = drawn(line((10, 20), (110, 180)), figure, record)
    np.testing.assert_allclose(points, [[10, HEIGHT - 20], [110, HEIGHT - 180]], atol=0.01)
    assert head[2:] == [[2], ""]


def test_a_line_is_interrupted_where_there_is_no_number(figure, record):
    points = [(0, 0), (50, 50), (np.nan, 1), (60, 20), (70, 50), (80, 20), (1, np.nan), (5, 5)]
    [(head, found)] = drawn(line(*points, solid_joinstyle="miter"), figure, record)
    assert [abs(part) for part in head[2]][:2] == [2, 3]
    assert np.isfinite(found).all()
    assert min(head[2]) > 0  # open


def test_nothing_to_draw_writes_nothing(figure, record):
    assert drawn(line((np.nan, 1), (2, np.nan)), figure, record) == []
    assert drawn(outline(Path(np.zeros((0, 2)))), figure, record) == []


SQUARE, HOLE = [(10, 10), (110, 10), (110, 110), (10, 110)], [(40, 40), (40, 80), (80, 80), (80, 40)]
CLOSED = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]


def test_closed_parts_are_marked_and_holes_run_the_other_way(figure, record):
    path = Path([*SQUARE, (0, 0), *HOLE, (0, 0)], CLOSED * 2)
    [(head, points)] = drawn(outline(path, facecolor="red"), figure, record)
    assert head[2] == [-4, -4]

    def area(p):
        return np.sum(p[:, 0] * np.roll(p[:, 1], 1) - p[:, 1] * np.roll(p[:, 0], 1)) / 2

    assert area(points[:4]) * area(points[4:]) < 0  # so that the canvas leaves it out
    assert abs(area(points[:4])) == pytest.approx(10_000)


def test_curves_stay_curves(figure, record):
    path = Path([(0, 0), (50, 90), (100, 0), (120, 50), (150, 60), (160, 0), (200, 0)],
                [Path.MOVETO, Path.CURVE3, Path.CURVE3, *[Path.CURVE4] * 3, Path.LINETO])  # fmt: skip
    [(head, points)] = drawn(outline(path, facecolor="red"), figure, record)
    assert head[3] == "MQQCCCL"
    np.testing.assert_allclose(points[:, 0], [p[0] for p in path.vertices], atol=0.01)


def test_many_points_are_simplified_and_those_that_matter_stay(figure, record):
    x = np.linspace(10, 290, 5000)
    [(_, straight)] = drawn(line(*zip(x, 0.5 * x, strict=True)), figure, record)
    assert len(straight) < 10
    y = np.where(np.arange(5000) == 2500, 150, 50)
    [(_, spiked)] = drawn(line(*zip(x, y, strict=True)), figure, record)
    assert len(spiked) < 30
    assert spiked[:, 1].min() == pytest.approx(HEIGHT - 150, abs=0.5)
    ends = spiked[[0, -1], 0]
    np.testing.assert_allclose(ends, [10, 290], atol=1)


def test_an_open_line_is_cut_near_the_picture_s_edge(figure, record):
    [(_, points)] = drawn(line((-1e9, 100), (1e9, 100)), figure, record)
    assert points[:, 0].min() >= -30
    assert points[:, 0].max() <= WIDTH + 30
    np.testing.assert_allclose(points[:, 1], 100)


# ------------------------------------------------------------------------------------------------------------- style


@functools.cache
def pixels(points):
    return points * DPI / 72


def test_width_dashes_caps_and_joins(figure, record):
    looks = {"linewidth": 3, "linestyle": (2, (4, 1)), "dash_capstyle": "projecting", "dash_joinstyle": "bevel"}
    [(head, _)] = drawn(line((0, 0), (9, 9), color="#123456", **looks), figure, record)
    style = head[1]
    assert (style["s"], style["e"], style["j"]) == ("#123456", "square", "bevel")
    assert style["w"] == pytest.approx(pixels(3), abs=0.01)
    assert style["d"] == pytest.approx([3 * pixels(4), 3 * pixels(1)], abs=0.1)  # as matplotlib scales them
    assert style["o"] == pytest.approx(3 * pixels(2), abs=0.1)
    [(head, _)] = drawn(line((0, 0), (9, 9), solid_capstyle="butt", solid_joinstyle="miter"), figure, record)
    assert set(head[1]) == {"s", "w"}  # what a canvas has by itself is left out
    [(head, _)] = drawn(line((0, 0), (9, 9), solid_capstyle="round", solid_joinstyle="round"), figure, record)
    assert (head[1]["e"], head[1]["j"]) == ("round", "round")


@pytest.mark.parametrize(
    ("looks", "stroke", "fill"),
    [
        ({}, "#0000ff", "#ff0000"),
        ({"alpha": 0.5}, "#0000ff80", "#ff000080"),
        ({"facecolor": (1, 0, 0, 0.2)}, "#0000ff", "#ff000033"),
        ({"edgecolor": (0, 0, 1, 0.2)}, "#0000ff33", "#ff0000"),
        ({"edgecolor": (0, 0, 1, 0.2), "facecolor": (1, 0, 0, 0.4)}, "#0000ff33", "#ff000066"),
        ({"edgecolor": (0, 0, 1, 0.2), "alpha": 0.6}, "#0000ff99", "#ff000099"),  # one for both replaces them
        ({"facecolor": "none"}, "#0000ff", None),
        ({"edgecolor": "none"}, None, "#ff0000"),
        ({"linewidth": 0}, None, "#ff0000"),
    ],
)
def test_edge_and_face_have_a_transparency_of_their_own_or_one_for_both(looks, stroke, fill, figure, record):
    looks = {"facecolor": "red", "edgecolor": "blue", "linewidth": 1} | looks
    [(head, _)] = drawn(outline(Path([*SQUARE, (0, 0)], CLOSED), **looks), figure, record)
    assert (head[1].get("s"), head[1].get("f")) == (stroke, fill)


@pytest.mark.parametrize("looks", [{"color": "red", "alpha": 0.2}, {"color": (1, 0, 0, 0.2)}])
def test_lines_and_their_markers_are_as_transparent_as_they_should_be(looks, figure, record):
    [(head, _)] = drawn(line((0, 0), (9, 9), **looks), figure, record)
    assert head[1]["s"] == "#ff000033"
    [(head, _)] = drawn(line((0, 0), (9, 9), marker="o", linestyle="", **looks), figure, record, "m")
    assert (head[1]["s"], head[1]["f"]) == ("#ff000033", "#ff000033")


def test_collections_have_a_colour_for_each_part(figure, record):
    lines = LineCollection([[(0, 0), (9, 9)], [(0, 9), (9, 0)]], colors=[(1, 0, 0, 0.2), (0, 0, 1, 1)])
    figure.add_artist(lines)
    lines.set_transform(matplotlib.transforms.IdentityTransform())
    assert [head[1]["s"] for head, _ in of(record(lines.draw), "p")] == ["#ff000033", "#0000ff"]
    circles = PatchCollection([Circle((0, 0), 9), Circle((20, 0), 9)], facecolors=["r", "b"], alpha=0.4)
    figure.add_artist(circles)
    assert [head[1]["f"] for head, _ in of(record(circles.draw), "p")] == ["#ff000066", "#0000ff66"]


def test_clip_rectangles_are_whole_pixels_from_the_top(figure, record):
    artist = line((0, 0), (300, 200))
    figure.add_artist(artist)
    artist.set_clip_box(matplotlib.transforms.Bbox([[20.2, 30.4], [120.6, 90]]))
    [(head, _)] = of(record(artist.draw), "p")
    assert head[1]["c"] == [20, HEIGHT - 90, 101, 60]


@pytest.mark.parametrize("kind", ["line", "markers", "text", "image"])
def test_a_clip_path_stands_before_what_it_clips(kind, figure, record):
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    artist = {
        "line": lambda: axes.plot([0, 1], [0, 1])[0],
        "markers": lambda: axes.plot([0, 1], [0, 1], "o")[0],
        "text": lambda: axes.text(0, 0, "words", clip_on=True),
        "image": lambda: axes.imshow([[0, 1]]),
    }[kind]()
    artist.set_clip_path(Circle((150, 100), 50))
    strokes = record(artist.draw)
    assert [head[0] for head, _ in strokes] == ["c", {"line": "p", "markers": "m", "text": "t", "image": "i"}[kind]]
    points = strokes[0][1]
    np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [[100, 50], [200, 150]], atol=0.5)


def test_hatches_lie_within_their_shape_and_within_its_clip(figure, record):
    bar = Rectangle((20, 20), 130, 90, facecolor="white", edgecolor="red", hatch="//", linewidth=2)
    figure.add_artist(bar)
    bar.set_transform(matplotlib.transforms.IdentityTransform())
    bar.set_clip_box(matplotlib.transforms.Bbox([[0, 0], [100, 100]]))
    kinds = [head[0] for head, _ in record(bar.draw)]
    assert kinds == ["p", "c", "p"]
    (shape, _), (_, clip), (lines, points) = record(bar.draw)
    np.testing.assert_allclose([clip.min(axis=0), clip.max(axis=0)], [[20, 90], [150, 180]], atol=1)
    assert lines[1]["c"] == shape[1]["c"] == [0, 100, 100, 100]
    assert lines[1]["s"] == "#ff0000"
    assert (points.min(axis=0) <= [20, 90]).all()  # over the whole of it
    assert (points.max(axis=0) >= [150, 180]).all()
    bar.set_clip_path(Circle((60, 60), 30))
    assert [head[0] for head, _ in record(bar.draw)] == ["c", "p", "c", "c", "p"]


# ----------------------------------------------------------------------------------------------------------- markers


def test_markers_are_written_once_with_their_places(figure, record):
    artist = line((10, 20), (np.nan, 5), (1e9, 5), (110, 180), marker="s", linestyle="", markersize=9)
    [(head, points)] = drawn(artist, figure, record, "m")
    _, style, parts, codes, count = head
    assert (parts, codes, count) == ([-4], "", 2)
    np.testing.assert_allclose(points[4:], [[10, HEIGHT - 20], [110, HEIGHT - 180]], atol=0.01)
    np.testing.assert_allclose(np.ptp(points[:4], axis=0), pixels(9), atol=0.51)  # on whole pixels
    assert {"s", "f", "w"} <= set(style)
    assert drawn(line((np.nan, 1), marker="o", linestyle=""), figure, record, "m") == []


def test_a_marker_points_upwards_as_it_should(figure, record):
    [(_, points)] = drawn(line((50, 50), marker="^", linestyle=""), figure, record, "m")
    triangle = points[:3]
    tip = triangle[triangle[:, 1].argmin()]
    assert tip[0] == pytest.approx(0, abs=0.51)  # on whole pixels


def test_a_tick_stands_where_its_line_does(figure, record):
    """Both are put on whole pixels, in the same way."""
    axes = figure.add_subplot()
    axes.set(ylim=(0, 1), yticks=np.linspace(0, 1, 12))
    axes.grid(axis="y")
    strokes = record(axes.draw)
    lines = {points[0, 1] for head, points in of(strokes, "p") if len(points) == 2 and np.ptp(points[:, 1]) == 0}
    ticks = {points[0, 1] + y for head, points in of(strokes, "m") for y in points[2:, 1] if not np.ptp(points[:2, 1])}
    assert len(ticks) == 12
    assert ticks <= lines


def test_round_markers_are_curves(figure, record):
    [(head, points)] = drawn(line((50, 50), marker="o", linestyle=""), figure, record, "m")
    assert set(head[3]) <= set("MCL")
    assert "C" in head[3]
    assert len(points) == sum(map(abs, head[2])) + 1


# ------------------------------------------------------------------------------------------------------------ images


def image(axes, values, **looks):
    return axes.imshow(values, interpolation="none", aspect="auto", extent=(0, 3, 0, 2), **looks)


@pytest.fixture
def whole(figure):
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 3), ylim=(0, 2))
    return axes


def numbers(stroke):
    head, points = stroke
    _, _, _, columns, rows, colors = head
    return [colors[int(n)] for n in np.rint(points.ravel() * 8)[: columns * rows]]


def test_an_image_is_sent_as_it_is_with_its_place(whole, record):
    artist = image(
        whole, [[0, 1, 2], [2, 1, 0]], cmap=matplotlib.colors.ListedColormap(["#ff0000", "#00ff00", "#0000ff"])
    )
    [stroke] = of(record(artist.draw), "i")
    a, b, c, d, e, f = stroke[0][2]
    assert stroke[0][3:5] == [3, 2]
    corners = [(a * x + c * y + e, b * x + d * y + f) for x, y in ((0, 0), (3, 2))]
    names = {"#ff0000": "r", "#00ff00": "g", "#0000ff": "b"}
    seen = [names[color] for color in numbers(stroke)]
    if corners[0][1] < corners[1][1]:  # from the top, or from the bottom
        assert seen == list("rgbbgr")
    else:
        assert seen == list("bgrrgb")
    assert sorted(x for x, _ in corners) == [0, WIDTH]
    assert sorted(y for _, y in corners) == [0, HEIGHT]


def test_an_image_may_be_masked_and_transparent(whole, record):
    values = np.ma.masked_equal([[0.0, 1.0], [np.nan, 7.0]], 7.0)
    [stroke] = of(record(image(whole, values, cmap="gray", vmin=0, vmax=1, alpha=0.5).draw), "i")
    assert sorted(numbers(stroke)) == ["#00000000", "#00000000", "#00000080", "#ffffff80"]
    colors = [[(1.0, 0, 0, 0.2), (0, 0, 1.0, 0.6)]]
    [stroke] = of(record(image(whole, colors).draw), "i")
    assert sorted(numbers(stroke)) == ["#0000ff99", "#ff000033"]
    [stroke] = of(record(image(whole, colors, alpha=0.5).draw), "i")
    assert sorted(numbers(stroke)) == ["#0000ff4c", "#ff00001a"]  # multiplied


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (28, 28), (5, 300)])
def test_every_pixel_of_an_image_comes_back(shape, whole, record):
    values = np.random.default_rng(0).random(shape)
    artist = image(whole, values, cmap="viridis")
    [stroke] = decoded(recorder.pack(of(record(artist.draw), "i")))
    colors = artist.to_rgba(values, bytes=True).reshape(-1, 4) / 255
    expected = [matplotlib.colors.to_hex(color) for color in colors]
    flipped = np.reshape(numbers(stroke), shape)
    upright = stroke[0][2][3] > 0
    assert (flipped if upright else flipped[::-1]).ravel().tolist() == expected


# -------------------------------------------------------------------------------------------------------------- text


def test_text_is_written_as_text_with_its_width(figure, record):
    artist = Text(30, 50, "batch size ü", fontsize=12, color=(1, 0, 0, 0.2), weight="bold", style="italic")
    [(head, points)] = drawn(artist, figure, record, "t")
    _, style, text, font, angle, width = head
    assert (style, text, angle) == ({"f": "#ff000033"}, "batch size ü", 0)
    assert font == f"italic bold {pixels(12):.2f}px"
    assert width == pytest.approx(artist.get_window_extent(record.__self__).width, abs=0.1)
    assert points[0, 0] == pytest.approx(30, abs=0.5)
    assert HEIGHT - 60 < points[0, 1] < HEIGHT - 45  # the baseline
    [(head, _)] = drawn(Text(30, 50, "words", fontsize=12, alpha=0.5), figure, record, "t")
    assert (head[1]["f"], head[3]) == ("#00000080", f"{pixels(12):.2f}px")


def test_text_is_rotated_counterclockwise_and_each_line_is_a_stroke(figure, record):
    [(head, _)] = drawn(Text(30, 50, "up", rotation=90), figure, record, "t")
    assert head[4] == 90
    lines = drawn(Text(30, 50, "two\nlines"), figure, record, "t")
    assert [head[2] for head, _ in lines] == ["two", "lines"]
    assert lines[0][1][0, 1] < lines[1][1][0, 1]
    assert drawn(Text(30, 50, ""), figure, record, "t") == []


def test_mathematics_is_drawn_as_paths_and_money_is_not(figure, record):
    artist = Text(30, 50, r"$\sigma^2$")
    paths = drawn(artist, figure, record)
    assert len(paths) >= 1
    assert {head[1]["f"] for head, _ in paths} == {"#000000"}
    assert not any("s" in head[1] for head, _ in paths)
    assert all(head[3] for head, _ in paths)
    [(head, _)] = drawn(Text(30, 50, r"5 \$"), figure, record, "t")
    assert head[2] in ("5 $", r"5 \$")


def test_a_box_lies_below_its_text(figure, record):
    artist = Text(50, 50, "words", bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0})
    figure.add_artist(artist)
    artist.set_transform(matplotlib.transforms.IdentityTransform())
    strokes = record(artist.draw)
    assert [head[0] for head, _ in strokes] == ["p", "t"]
    assert strokes[0][0][1] == {"f": "#ffffffcc"}
    (low, high), (x, y) = np.array([strokes[0][1].min(axis=0), strokes[0][1].max(axis=0)]), strokes[1][1][0]
    assert low[0] < x < high[0]
    assert low[1] < y < high[1]


# -------------------------------------------------------------------------------------------------------- whole axes


def test_a_logarithmic_axis_with_legend_and_band(figure, record):
    axes = figure.add_subplot()
    axes.plot([1, 10, 1000], [1, 2, 3], "--", label="training")
    axes.fill_between([1, 10, 1000], [1, 1, 1], [2, 3, 4], alpha=0.2, label="band")
    axes.set_xscale("log")
    axes.legend()
    strokes = decoded(recorder.pack(record(figure.draw)))
    assert {"training", "band"} <= {head[2] for head, _ in of(strokes, "t")}
    lines = [points for head, points in of(strokes, "p") if head[1].get("d")]
    x = max(lines, key=lambda points: np.ptp(points[:, 0]))[:, 0]
    assert (x[1] - x[0]) * 2 == pytest.approx(x[2] - x[1], abs=0.5)  # decades
    assert any(head[1].get("f", "").endswith("33") for head, _ in of(strokes, "p"))


def test_each_recording_begins_empty(figure):
    one = recorder.Recorder(WIDTH, HEIGHT, DPI)
    first = one.record(figure.draw)
    kept = len(first)
    again = one.record(figure.draw)
    assert len(first) == len(again) == kept
    assert first is not again
