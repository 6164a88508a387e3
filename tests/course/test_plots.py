"""The views: artists are made once and then only brought up to date, and numbers that are none do no harm."""

import inspect
import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from batchlab import Problem
from batchlab.course import plots
from batchlab.course.ch03_overfit import views
from batchlab.live import columns, still
from batchlab.live.picture import DPI, STYLE

RNG = np.random.default_rng(0)


@pytest.fixture
def axes():
    """One of two columns, in the style of the live pictures."""
    figure = Figure(figsize=(4.5, 3.6), dpi=DPI)
    FigureCanvasAgg(figure)
    with matplotlib.rc_context(STYLE):
        yield columns(figure, (1,))[0]


def draw(axes):
    """Draw; a warning is an error here. The pixels."""
    axes.figure.canvas.draw()
    return np.asarray(axes.figure.canvas.buffer_rgba()).copy()


def regression(inputs=1, outputs=1):
    x, y = RNG.normal(size=(50, inputs)), RNG.normal(size=(50, outputs))
    return Problem(x[:20], y[:20], x[20:], y[20:])


def classification(k, inputs=2, image_shape=()):
    x, label = RNG.uniform(0, 1, size=(20 * k, inputs)), np.arange(20 * k) % k
    y, names = np.eye(k)[label], tuple(f"class {i}" for i in range(k))
    cut = 12 * k
    return Problem(x[:cut], y[:cut], x[cut:], y[cut:], kind="classification", classes=names, image_shape=image_shape)


def linear(params, x):
    return x @ params


def answers(problem, wrong=()):
    """A `predict` that is right on every validation sample but those."""
    logits = problem.y_val.copy()
    logits[list(wrong)] = np.roll(logits[list(wrong)], 1, axis=1)
    return lambda params, x: params * logits


def texts(view):
    return [artist.get_text() for artist in view.artists if hasattr(artist, "get_text")]


VIEWS = {
    "curve": (regression(), "fitted_curve", (1, 1)),
    "scatter": (regression(inputs=3), "predicted_against_measured", (3, 1)),
    "two outputs": (regression(outputs=2), "predicted_against_measured", (1, 2)),
    "regions": (classification(2), "decision_regions", (2, 2)),
    "images": (classification(3, 6, (2, 3)), "misread_images", (6, 3)),
    "confusion": (classification(3), "confusion", (2, 3)),
    "two classes of one input": (classification(2, 1), "confusion", (1, 2)),
}


@pytest.mark.parametrize(("problem", "name", "shape"), VIEWS.values(), ids=VIEWS)
def test_each_problem_has_its_view_whose_artists_are_made_once(axes, problem, name, shape, monkeypatch):
    made, view = [], getattr(views, name)
    monkeypatch.setattr(views, name, lambda *args: made.append(name) or view(*args))
    view = views.fit_view(axes, problem, linear)
    assert made == [name]
    limits, children, artists = (axes.get_xlim(), axes.get_ylim()), axes.get_children(), list(view.artists)
    view.update(RNG.normal(size=shape).astype(np.float32), 1)
    first = draw(axes)
    view.update(RNG.normal(size=shape).astype(np.float32), 20)
    assert (draw(axes) != first).any()
    assert all(one is other for one, other in zip(view.artists, artists, strict=True))
    assert axes.get_children() == children
    assert (axes.get_xlim(), axes.get_ylim()) == limits
    assert set(artists) <= set(children)
    assert len(set(artists)) == len(artists)
    assert any("after 20 epochs" in text for text in texts(view)), "which epoch is shown stands above the picture"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38, -1e38])
@pytest.mark.parametrize(("problem", "name", "shape"), VIEWS.values(), ids=VIEWS)
def test_a_fit_that_has_diverged_can_still_be_drawn(axes, problem, name, shape, value):
    view = views.fit_view(axes, problem, lambda params, x: np.full((len(x), shape[1]), value, np.float32))
    limits = axes.get_xlim(), axes.get_ylim()
    view.update(None, 3)
    draw(axes)
    assert (axes.get_xlim(), axes.get_ylim()) == limits


def test_the_curve_is_the_prediction_across_all_validation_samples(axes):
    problem = regression()
    view = views.fitted_curve(axes, problem, linear)
    (curve,) = (line for line in axes.get_lines() if line in view.artists)
    for slope in (0.5, -2.0):
        view.update(np.array([[slope]]), 7)
        x, y = curve.get_data()
        np.testing.assert_allclose(np.ravel(y), slope * np.ravel(x), rtol=1e-6)
        assert (np.min(x), np.max(x)) == (problem.x_val.min(), problem.x_val.max())
    labels = {text.get_text() for text in axes.get_legend().get_texts()}
    assert labels == {"training", "validation", "fit"}
    for label, x, y in (("training", problem.x, problem.y), ("validation", problem.x_val, problem.y_val)):
        (dots,) = (line for line in axes.get_lines() if line.get_label() == label)
        np.testing.assert_array_equal(np.ravel(dots.get_xdata()), x[:, 0])
        np.testing.assert_array_equal(np.ravel(dots.get_ydata()), y[:, 0])


def test_constant_targets_leave_room_for_the_curve(axes):
    problem = Problem(np.zeros((3, 1)), np.ones((3, 1)), np.arange(3.0)[:, None], np.ones((3, 1)))
    views.fitted_curve(axes, problem, linear).update(np.ones((1, 1)), 1)
    low, high = axes.get_ylim()
    assert low < 1 < high
    draw(axes)


def test_with_several_inputs_predictions_stand_against_measurements(axes):
    problem = regression(inputs=3, outputs=2)
    view = views.predicted_against_measured(axes, problem, linear)
    params = RNG.normal(size=(3, 2)).astype(np.float32)
    view.update(params, 7)
    drawn = {line.get_label(): line.get_data() for line in axes.get_lines() if line in view.artists}
    for label, x, y in (("training", problem.x, problem.y), ("validation", problem.x_val, problem.y_val)):
        measured, predicted = drawn[f"{label} sample"]
        np.testing.assert_array_equal(measured, y.ravel())
        np.testing.assert_allclose(predicted, (x @ params).ravel())


def test_regions_show_the_probability_of_the_second_class(axes):
    problem = classification(2)
    view = views.decision_regions(axes, problem, linear)
    image = axes.get_images()[0]
    view.update(np.array([[0.0, 1.0], [0.0, 0.0]]), 7)  # log odds x_1
    shown = image.get_array()
    low, high = image.get_extent()[:2]
    x = np.linspace(low, high, shown.shape[1])
    np.testing.assert_allclose(shown, np.tile(1 / (1 + np.exp(-x)), (len(shown), 1)), atol=1e-5)
    view.update(np.array([[0.0, 0.0], [0.0, 1e30]]), 7)  # and upwards is up
    assert image.origin == "lower"
    assert image.get_array()[0].max() < 1e-6
    assert image.get_array()[-1].min() > 1 - 1e-6
    assert {text.get_text() for text in axes.get_legend().get_texts()} == set(problem.classes)
    markers = [line.get_marker() for line in axes.get_lines() if line.get_label() in problem.classes]
    assert len(set(markers)) == 2  # colour is not the only sign


def test_misread_images_are_shown_with_what_they_are_and_what_they_were_read_as(axes):
    problem = classification(3, 6, (2, 3))
    view = views.misread_images(axes, problem, answers(problem, wrong=[4, 9]))
    view.update(1.0, 7)
    heading, labels = texts(view)[-1], [text for text in texts(view)[:-1] if text]
    assert heading == f"2 of {len(problem.x_val)} misread after 7 epochs"
    truth = problem.y_val.argmax(axis=1)
    assert labels == [f"class {truth[i]} as class {(truth[i] + 1) % 3}" for i in (4, 9)]
    shown = axes.get_images()[0].get_array()
    np.testing.assert_allclose(shown[:2, :3], problem.x_val[4].reshape(2, 3), rtol=1e-6)
    np.testing.assert_allclose(shown[:2, 6:9], problem.x_val[9].reshape(2, 3), rtol=1e-6)


def test_when_nothing_is_misread_any_more_the_old_images_are_gone(axes):
    problem = classification(3, 6, (2, 3))
    view = views.misread_images(axes, problem, answers(problem))
    view.update(-1.0, 1)  # every one is misread: more than there is room for
    assert sum(map(bool, texts(view))) == 13
    assert axes.get_images()[0].get_array().any()
    view.update(1.0, 2)
    assert [text for text in texts(view) if text] == ["0 of 24 misread after 2 epochs"]
    assert not axes.get_images()[0].get_array().any()


@pytest.mark.parametrize(("k", "counts_shown"), [(3, True), (12, True), (13, False)])
def test_confusion_counts_which_class_is_taken_for_which(axes, k, counts_shown):
    problem = classification(k)
    truth = problem.y_val.argmax(axis=1)
    wrong = [int(np.flatnonzero(truth == 1)[0])]
    view = views.confusion(axes, problem, answers(problem, wrong))
    view.update(1.0, 7)
    shares = axes.get_images()[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[1, 2] == pytest.approx(1 / 8)  # 8 validation samples of a class
    assert shares[1, 1] == pytest.approx(7 / 8)
    assert np.count_nonzero(shares) == k + 1
    assert texts(view)[-1] == f"1 of {len(truth)} wrong after 7 epochs"
    cells = np.reshape(texts(view)[:-1], (k, k))
    assert (cells[1, 1], cells[1, 2], cells[1, 0]) == (("7", "1", "") if counts_shown else ("", "", ""))


def test_a_class_without_validation_samples_divides_nothing_by_zero(axes):
    y_val = np.eye(3)[[0, 0, 1]]
    problem = Problem(np.ones((3, 3)), np.eye(3), np.eye(3), y_val, kind="classification")
    views.confusion(axes, problem, linear).update(np.eye(3), 1)
    np.testing.assert_array_equal(axes.get_images()[0].get_array()[2], 0)


# ---------------------------------------------------------------------------------------------------- the loss curves


def make_run(train, val, **more):
    """What the views look at of a `History`."""
    train, val = np.asarray(train, float), np.asarray(val, float)
    epochs = np.arange(train.shape[-1])
    return SimpleNamespace(
        train_loss=train,
        val_loss=val,
        num_epochs=len(epochs) - 1,
        iterations=4 * epochs,
        samples_seen=13 * epochs,
        seconds=0.01 * epochs,
        **more,
    )


TRAIN = np.array([2.0, 1.0, 0.5, 0.2, 0.1, 0.05])
VAL = np.array([2.2, 1.4, 0.9, 1.2, 1.5, 1.9])
TURNING = make_run(TRAIN, VAL)
FALLING = make_run(TRAIN, TRAIN + 0.1)
BAND = make_run(TRAIN * [[0.5], [1.0], [3.0]], VAL * [[0.9], [1.0], [1.2]])


@pytest.mark.parametrize(
    "value", [1e-9, 0.0999, 0.1, 0.3, 1, 1.0000001, 2, 3, 7, 10, 99.9, np.nextafter(1e3, 0), 1e3, 3e8]
)
def test_round_numbers_lie_at_or_beyond_a_value_and_not_far(value):
    down, up = views.round_number(value, up=False), views.round_number(value, up=True)
    assert down <= value <= up <= 2.5001 * down
    for number in (down, up):
        assert number == float(f"{number:.0e}")  # as a tick has it
        assert f"{number:e}"[0] in "125"
        assert views.round_number(number, up=True) == views.round_number(number, up=False)
    assert views.round_number(np.float32(0.1), up=False) == 0.1  # whose float32 is a little more


@pytest.fixture
def curves(axes):
    view = views.loss_curves(axes, regression())
    views.set_limits(axes, 5, 0.01, 10, "epochs")
    return view


def line(axes, label):
    (found,) = (one for one in axes.get_lines() if one.get_label() == label)
    return found


def said(axes):
    """The words on the picture, and where they are."""
    return {text.get_text(): text for text in axes.texts if text.get_text()}


@pytest.mark.parametrize("axis", plots.AXES)
@pytest.mark.parametrize("run", [TURNING, BAND], ids=["one run", "band"])
def test_the_curves_run_along_the_chosen_axis(axes, curves, axis, run):
    steps = {"epochs": 1, "iterations": 4, "samples seen": 13, "seconds": 0.01}
    curves.update(run, 3, axis)
    for label, values in (("training loss", TRAIN), ("validation loss", VAL)):
        x, y = line(axes, label).get_data()
        np.testing.assert_allclose(x, steps[axis] * np.arange(6))
        np.testing.assert_allclose(y, values)  # the middle one of the band
    (dots,) = (one for one in axes.get_lines() if one.get_marker() == "o")
    np.testing.assert_allclose(dots.get_xdata(), 3 * steps[axis])
    np.testing.assert_allclose(dots.get_ydata(), [TRAIN[3], VAL[3]])
    upright = [one.get_xdata()[0] for one in axes.get_lines() if len(set(one.get_xdata())) == 1 and one is not dots]
    np.testing.assert_allclose(sorted(upright), [2 * steps[axis], 3 * steps[axis]])  # the best epoch, and now


def test_the_artists_of_the_curves_are_made_once(axes, curves):
    artists, children, images = list(curves.artists), axes.get_children(), []
    for run, epoch, axis in ((TURNING, 3, "epochs"), (BAND, 5, "epochs"), (FALLING, 0, "iterations")):
        curves.update(run, epoch, axis)
        images.append(draw(axes))
    assert all(one is other for one, other in zip(curves.artists, artists, strict=True))
    assert axes.get_children() == children
    assert set(artists) <= set(children)
    assert (images[0] != images[1]).any()
    assert (images[1] != images[2]).any()
    curves.update(TURNING, 3, "epochs")
    np.testing.assert_array_equal(draw(axes), images[0])


def test_a_band_spans_the_seeds_and_is_gone_for_a_single_run(axes, curves):
    bands = axes.collections[:2]
    curves.update(BAND, 3, "epochs")
    for band, values in zip(bands, (BAND.train_loss, BAND.val_loss), strict=True):
        assert band.get_visible()
        (path,) = band.get_paths()
        for epoch in range(6):
            heights = path.vertices[path.vertices[:, 0] == epoch, 1]
            assert heights.min() == pytest.approx(values[:, epoch].min())
            assert heights.max() == pytest.approx(values[:, epoch].max())
    curves.update(TURNING, 3, "epochs")
    assert not any(band.get_visible() for band in bands)


def test_both_sides_of_the_best_epoch_are_named(axes, curves):
    curves.update(TURNING, 3, "epochs")
    words = said(axes)
    assert set(words) == {"underfitting", "overfitting", "best epoch 2"}
    assert words["underfitting"].get_position()[0] < 2 / 5 < words["overfitting"].get_position()[0]
    curves.update(FALLING, 3, "epochs")
    assert set(said(axes)) == {"underfitting", "best epoch 5"}


def test_what_comes_after_the_best_epoch_is_no_underfitting_even_where_nothing_overfits(axes):
    curves = views.loss_curves(axes, regression())
    views.set_limits(axes, 100, 0.01, 10, "epochs")
    epochs = np.arange(101)
    loss = np.where(epochs < 60, 2 - epochs / 60, 1.01)
    loss[60] = 1.0
    curves.update(make_run(loss, loss), 100, "epochs")
    assert set(said(axes)) == {"underfitting", "best epoch 60"}
    draw(axes)
    end = axes.transData.inverted().transform(said(axes)["underfitting"].get_window_extent().max)[0]
    assert 40 < end < 60


@pytest.mark.parametrize(("n", "size"), [(views.MANY, 6), (views.MANY + 1, 3.5)])
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_many_samples_are_drawn_small(axes, kind, n, size):
    x = RNG.normal(size=(n, 1 if kind == "regression" else 2))
    y = x if kind == "regression" else np.eye(2)[np.arange(n) % 2]
    problem = Problem(x, y, x[:9], y[:9], kind=kind, classes=("a", "b") if kind == "classification" else ())
    views.fit_view(axes, problem, linear)
    names = {"training"} if kind == "regression" else {"a", "b"}
    assert names <= {one.get_label() for one in axes.get_lines()}
    assert {one.get_markersize() for one in axes.get_lines() if one.get_label() in names} == {size}


def test_underfitting_ends_where_the_validation_loss_is_near_its_lowest(axes):
    curves = views.loss_curves(axes, regression())
    views.set_limits(axes, 100, 0.01, 10, "epochs")
    epochs = np.arange(101)
    loss = np.where(epochs < 40, 2 - epochs / 40, 1.04 - 0.0004 * epochs)  # flat, and lowest at the very end
    run = make_run(loss, loss)
    assert (views.near_lowest(run), views.best_epoch(run)) == (38, 100)
    curves.update(run, 100, "epochs")
    draw(axes)
    end = axes.transData.inverted().transform(said(axes)["underfitting"].get_window_extent().max)[0]
    assert 20 < end < 38


@pytest.mark.parametrize("first", [None, 1.0], ids=["linear", "logarithmic"])
@pytest.mark.parametrize("turn", [0, 1, 20, 50, 80, 95, 99])
def test_the_words_stay_within_the_picture_and_apart(axes, turn, first):
    curves = views.loss_curves(axes, regression())
    views.set_limits(axes, 100, 0.01, 10, "epochs", first)
    epochs = np.arange(101)
    curves.update(make_run(np.ones(101), 1 + abs(epochs - turn) / 30 * (1 + (epochs > turn))), 100, "epochs")
    draw(axes)
    frame, boxes = axes.get_window_extent(), [text.get_window_extent() for text in said(axes).values()]
    for box in boxes:
        assert frame.x0 - 2 <= box.x0
        assert box.x1 <= frame.x1 + 2
    pairs = [(one, other) for i, one in enumerate(boxes) for other in boxes[:i]]
    assert not any(one.overlaps(other) for one, other in pairs)


@pytest.mark.parametrize("points", [1, 2, 361, 1000, 3001, 100_001])
def test_a_long_curve_is_drawn_with_few_points_between_the_same_heights(points):
    x = np.arange(points)
    y = RNG.normal(size=points).cumsum()
    few_x, few_y = plots.thinned(x, y)
    assert len(few_x) == len(few_y) <= max(360 + points // 180, points if points < 541 else 0)
    assert (np.diff(few_x) >= 0).all()
    assert (few_x[[0, -1]].tolist(), few_y[[0, -1]].tolist()) == (x[[0, -1]].tolist(), y[[0, -1]].tolist())
    assert (few_y.min(), few_y.max()) == (y.min(), y.max())
    np.testing.assert_array_equal(few_y, y[few_x])  # what is drawn at a place was there


@pytest.mark.parametrize("points", [400, 3001, 100_001])
def test_on_a_logarithmic_axis_the_first_epochs_are_all_drawn(points):
    x = np.arange(points)
    y = RNG.normal(size=points).cumsum()
    few_x, few_y = plots.thinned(x, y, across=np.log1p(x))
    assert len(few_x) <= 2 * 180 + 2
    assert few_x[:10].tolist() == list(range(10))
    assert (few_y.min(), few_y.max()) == (y.min(), y.max())
    np.testing.assert_array_equal(few_y, y[few_x])


def test_points_that_are_no_numbers_are_left_out():
    y = np.append(np.linspace(1, 2, 1000), np.full(1000, np.nan))
    few_x, few_y = plots.thinned(np.arange(2000), y)
    assert np.isnan(few_y[few_x > 1000]).all()
    assert (few_y[few_x < 1000] == y[few_x[few_x < 1000]]).all()


@pytest.mark.parametrize("points", [400, 1000, 3001])
def test_a_thinned_curve_that_falls_has_no_teeth(points):
    x = np.arange(points)
    few_y = plots.thinned(x, np.exp(-x / 100))[1]
    assert (np.diff(few_y) < 0).all()
    assert (np.diff(plots.thinned(x, x**2)[1]) > 0).all()


def test_training_and_validation_differ_in_colour_and_in_style(axes, curves):
    train, val = (line(axes, f"{name} loss") for name in ("training", "validation"))
    assert to_hex(train.get_color()) != to_hex(val.get_color())
    assert train.get_linestyle() == "-"
    assert val.get_linestyle() == "--"
    (legend,) = (child for child in axes.get_children() if isinstance(child, Legend))
    assert [text.get_text() for text in legend.get_texts()] == ["training loss", "validation loss"]


NAN, INF = np.nan, np.inf
LOST = {
    "NaN at the end": make_run([2.0, 1.0, NAN, NAN], [2.0, 1.5, NAN, NAN]),
    "infinite at the end": make_run([2.0, 1.0, INF, NAN], [2.0, 1.5, INF, NAN]),
    "huge at the end": make_run([2.0, 1.0, 1e37, 1e38], [2.0, 1.5, 1e37, 1e38]),
    "validation alone": make_run([2.0, 1.0, 0.5, 0.4], [2.0, 1.5, INF, NAN]),
    "one of the seeds": make_run([[2.0, 1.0, NAN], [2.0, 1.0, 0.5], [2.0, 1.0, 0.5]], np.ones((3, 3))),
    "all seeds": make_run([[2.0, 1.0, NAN]] * 3, [[2.0, 1.0, NAN]] * 3),
    "from the start": make_run([NAN, NAN], [NAN, NAN]),
    "zero": make_run([2.0, 0.0, 0.0], [2.0, 0.0, 0.0]),
    "the start alone": make_run([2.0], [2.5]),
}


@pytest.mark.parametrize("run", LOST.values(), ids=LOST)
@pytest.mark.parametrize("axis", ["epochs", "seconds"])
def test_curves_that_end_in_no_number_can_be_drawn(axes, curves, run, axis):
    for epoch in range(run.num_epochs + 1):
        curves.update(run, epoch, axis)
        draw(axes)
    assert axes.get_xlim() == (0, 5)
    assert axes.get_ylim() == (0.01, 10)
    assert all(np.isfinite(text.get_position()).all() for text in axes.texts)


def test_the_best_epoch_is_the_lowest_validation_loss_that_is_a_number():
    assert views.best_epoch(TURNING) == views.best_epoch(BAND) == 2
    assert views.best_epoch(make_run([1, 1, 1, 1], [NAN, 3, 2, NAN])) == 2
    assert views.best_epoch(make_run([1, 1, 1], [2, 1, 1])) == 1
    assert views.best_epoch(make_run([NAN], [NAN])) == 0


def test_overfitting_is_a_rise_beyond_the_wobble_of_a_noisy_loss():
    assert views.overfits(TURNING)
    assert views.overfits(BAND)
    assert not views.overfits(FALLING)
    assert not views.overfits(make_run([1.0], [1.0]))
    rising = np.linspace(1, 2, 1000)
    for deviation, found in ((0.05, 20), (0.1, 20), (0.2, 17)):
        wobbles = [1 + deviation * np.random.default_rng(seed).normal(size=1000) for seed in range(20)]
        assert not any(views.overfits(make_run(np.ones(1000), wobble)) for wobble in wobbles)
        assert sum(views.overfits(make_run(np.ones(1000), rising * wobble)) for wobble in wobbles) >= found


@pytest.mark.parametrize("run", LOST.values(), ids=LOST)
def test_whether_a_lost_run_overfits_is_answered_without_a_warning(run):
    assert views.overfits(run) in (True, False)


# ---------------------------------------------------------------------------------------------------- words and ticks


@pytest.mark.parametrize(("x", "y", "ha", "va"), [(0.02, 0.97, "left", "top"), (0.98, 0.03, "right", "bottom")])
def test_a_note_keeps_to_its_corner(axes, x, y, ha, va):
    said = plots.note(axes, x, y, "a note", color="red")
    assert (said.get_ha(), said.get_va(), said.get_color()) == (ha, va, "red")
    draw(axes)
    inside, box = axes.bbox, said.get_window_extent()
    assert inside.x0 <= box.x0 < box.x1 <= inside.x1
    assert inside.y0 <= box.y0 < box.y1 <= inside.y1
    assert plots.note(axes, x, y, va="center").get_va() == "center"


@pytest.mark.parametrize("away", [(9, 0), (-9, 0), (0, 9), (0, -9), (9, 9)])
def test_words_beside_a_point_do_not_cover_it(axes, away):
    said = plots.beside(axes, "words", (0.5, 0.5), away)
    draw(axes)
    (x, y), box = axes.transData.transform((0.5, 0.5)), said.get_window_extent()
    centre = box.x0 / 2 + box.x1 / 2 - x, box.y0 / 2 + box.y1 / 2 - y
    for offset, middle in zip(away, centre, strict=True):
        assert np.sign(np.round(middle / 3)) == np.sign(offset)
    assert not (box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1)


def test_ticks_are_those_and_no_others(axes):
    axes.set(xscale="log", yscale="log", xlim=(1, 100), ylim=(0.1, 2000))
    plots.ticks(axes.xaxis, [1, 8, 64])
    plots.ticks(axes.yaxis, [0.1, 1000], ["low", "high"])
    draw(axes)
    for axis, names in ((axes.xaxis, ["1", "8", "64"]), (axes.yaxis, ["low", "high"])):
        assert [text.get_text() for text in axis.get_ticklabels()] == names
        assert len(axis.get_minorticklocs()) == 0


def test_numbers_have_three_figures_or_are_whole():
    said = {0.0123456: "0.0123", 2: "2", 999.4: "999", 999.7: "1,000", 1234.5: "1,234", 2e6: "2,000,000"}
    assert {value: plots.figures(value) for value in said} == said


def test_things_are_counted_in_words():
    assert [plots.counted(n, "batch", "batches") for n in (0, 1, 2)] == ["0 batches", "1 batch", "2 batches"]
    assert plots.counted(1500, "update") == "1,500 updates"


def test_a_still_is_drawn_in_the_style_and_called_without_its_figure():
    @still(width=4.0, height=2.0)
    def made(figure, told, *, size=1):
        """Say it."""
        axes = figure.subplots()
        axes.set_title("left")
        axes.text(0, 0, told)
        return f"{told} {size}"

    shown = made("words", size=2)
    axes = shown.figure.axes[0]
    assert (shown.alt, made.__doc__, str(inspect.signature(made))) == ("words 2", "Say it.", "(told, *, size=1)")
    assert (axes.get_title(loc="left"), axes.get_title()) == ("left", "")
    assert axes.texts[0].get_fontsize() == STYLE["font.size"]
    assert not axes.spines["top"].get_visible()
    assert shown._repr_mimebundle_()[1]["image/png"] == {"alt": "words 2", "width": 400, "height": 200}


# ------------------------------------------------------------------------------------------- limits, kept runs, stills


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.3), (0.02, 3.0), (1e-6, 10.0), (1e-30, 1e3)])
def test_the_loss_axis_has_readable_ticks(axes, curves, low, high):
    views.set_limits(axes, 3000, low, high, "iterations")
    draw(axes)
    assert axes.get_xlabel() == "iterations"
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert 1 <= len(ticks) <= 12
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert "0.1" in labels or low > 0.1 or high > 100
    assert not any("$" in label for label in labels)


@pytest.mark.parametrize(
    ("right", "first", "ticks"),
    [
        (3000, 1, [0, 1, 10, 100, 1000]),
        (1000, 1, [0, 1, 10, 100, 1000]),
        (36_000, 10, [0, 10, 100, 1000, 10_000]),
        (0.21, 1e-4, [0, 1e-4, 1e-3, 0.01, 0.1]),
    ],
)
def test_a_logarithmic_axis_begins_at_zero(axes, curves, right, first, ticks):
    views.set_limits(axes, right, 0.01, 10, "epochs", first)
    draw(axes)
    assert (axes.get_xlim(), axes.get_xlabel()) == ((0, right), "epochs (logarithmic)")
    np.testing.assert_allclose([tick for tick in axes.get_xticks() if tick <= right], ticks)
    assert not any("$" in text.get_text() for text in axes.get_xticklabels())
    places = plots.across(axes, [0, first, 10 * first, 100 * first, right])
    assert (places[0], places[-1]) == (0, 1)
    assert places[3] - places[2] == pytest.approx(places[2] - places[1])
    views.set_limits(axes, right, 0.01, 10, "epochs")
    np.testing.assert_allclose(plots.across(axes, [0, right / 2, right]), [0, 0.5, 1])
    assert axes.get_xlabel() == "epochs"


def test_an_axis_that_ends_before_its_first_epoch_is_linear(axes, curves):
    views.set_limits(axes, 1.0, 0.01, 10, "epochs", 1.0)
    assert (axes.get_xscale(), axes.get_xlabel()) == ("linear", "epochs")


@pytest.mark.parametrize("axis", plots.AXES)
def test_kept_runs_are_thin_curves_with_a_label(axes, curves, axis):
    view = views.kept_runs(axes)
    assert view.artists == []
    kept = make_run(TRAIN, VAL, settings=["B = 4", "noise 0.3", "seed 0"])
    band = make_run(BAND.train_loss, BAND.val_loss, settings=["B = 4", "noise 0.3", "5 seeds from 0"])
    before = len(axes.lines)
    # A narrow page has no room for all that a label says, and says in what the runs differ.
    for width, labels in (
        (9.0, ["kept: B = 4, noise 0.3, seed 0", "kept: B = 4, noise 0.3, 5 seeds from 0"]),
        (4.5, ["B = 4, seed 0", "B = 4, 5 seeds from 0"]),
    ):
        axes.figure.set_figwidth(width)
        view.update([kept, band], axis)
        for one, values in zip(axes.lines[before:], (TRAIN, VAL, TRAIN, VAL), strict=True):
            np.testing.assert_array_equal(one.get_xdata(), plots.along(kept, axis))
            np.testing.assert_allclose(one.get_ydata(), values)
        (key,) = view.artists
        assert [text.get_text() for text in key.get_texts()] == labels
    view.update([band], axis)
    (key,) = view.artists
    assert [text.get_text() for text in key.get_texts()] == ["B = 4, noise 0.3, 5 seeds from 0"]
    view.update([], axis)
    assert (view.artists, len(axes.lines), axes.get_legend()) == ([], before, None)
    assert len(set(plots.KEPT)) == len(plots.KEPT)


def test_pyplot_stays_out_of_it():
    """Its global state is what breaks when figures are drawn from two threads."""
    code = """
import sys
import numpy as np
import batchlab as bl
from batchlab.live import Picture
from batchlab.live.recorder import pack
from batchlab.course.ch03_overfit import views
from matplotlib.figure import Figure
made, make = [], Figure.__init__
Figure.__init__ = lambda self, *args, **kwargs: (made.append(self), make(self, *args, **kwargs))[1]
def draw(figure):
    left, right = figure.subplots(1, 2)
    problem = bl.data.noisy_sine()
    return [views.fit_view(left, problem, lambda params, x: x), views.loss_curves(right, problem)]
picture = Picture(9, 3.6)
picture.draw(draw)
picture.views[0].update(None, 1)
print(len(pack(picture.stand())) > 200 < len(pack(picture.move())), picture.png()[1:4] == b"PNG")
print(made == [picture.figure], "matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True", "False"]
