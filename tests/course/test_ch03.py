"""The lab without a browser: controls are set, and the drawn artists and the words are read."""

import asyncio
import contextlib
import copy
import io
import random
import re
import sys
import threading
import time
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.text import Text
from PIL import Image

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch03_overfit, plots, prepared
from batchlab.course.ch03_overfit import exercise, views
from batchlab.course.ch03_overfit import lab as live

from ..live.page import Page, settled
from ..live.test_stage import until, waiting
from . import frameworks, labs

EPOCHS = 60
SINE = bl.data.DEFAULTS["noisy sine"]
DRAW = live.DRAWS["noisy sine"]
N = len(bl.data.noisy_sine().x)


def sine(**settings):
    """The draw of the sine that the lab shows first."""
    return bl.data.noisy_sine(seed=DRAW, **settings)


@pytest.fixture(autouse=True)
def compile_no_more_than_is_looked_at(request, monkeypatch):
    if "compilations" not in request.fixturenames:
        monkeypatch.setattr(prepared, "WIDTHS", ())


@pytest.fixture
def said_not_raised(monkeypatch):
    """As a reader has it: errors are said and not raised."""
    monkeypatch.delenv("BATCHLAB_STRICT")


def make(problem="noisy sine", **settings):
    return bl.Lab(problem, **{"hidden": (8,), "epochs": EPOCHS} | settings)


def trained(problem=None, num_epochs=EPOCHS, **settings):
    """The run that a lab's settings ask for, from `fit`."""
    asked = {"batch_size": SINE["batch_size"], "learning_rate": SINE["learning_rate"], "seed": 0}
    problem = problem or sine()
    return bl.fit(problem, num_epochs=0, hidden=(8,), **asked | settings).train(num_epochs)


def numbers(lab):
    names = ("batch_size", "epochs", "learning_rate", "noise", "data_seed", "seed", "dataset", "against", "band")
    return {name: getattr(lab, name) for name in names}


def line(lab, label):
    (found,) = (one for axes in lab.picture.figure.axes for one in axes.get_lines() if one.get_label() == label)
    return found


def curves(lab):
    """The drawn losses, of training and of validation: for each where it is drawn, and its values."""
    return [line(lab, f"{name} loss").get_data() for name in ("training", "validation")]


def beginnings(lab):
    """Both losses at the start of their curves."""
    return [losses[0] for _, losses in curves(lab)]


def ghosts(lab):
    """The curves that were kept: label -> (line of the validation loss)."""
    return {
        one.get_label(): one for one in lab.picture.figure.axes[1].get_lines() if str(one.get_label())[:4] == "kept"
    }


def texts(lab):
    return [text.get_text() for axes in lab.picture.figure.axes for text in axes.texts if text.get_text()]


def marked(lab):
    """Where the dots stand that mark the epoch shown: (x, training loss, validation loss)."""
    (dots,) = (one for one in lab.picture.figure.axes[1].get_lines() if one.get_marker() == "o")
    return (dots.get_xdata()[0], *dots.get_ydata())


def message(lab):
    return lab.frame["message"]


def shown(lab):
    """All that a page draws."""
    return lab.standing["strokes"], lab.frame["strokes"]


def assert_shows(lab, run, epoch):
    """Picture and words show this run at this epoch."""
    x, losses = plots.along(run, lab.against), [plots.median(run.train_loss), plots.median(run.val_loss)]
    for drawn, loss in zip(curves(lab), losses, strict=True):
        np.testing.assert_array_equal(drawn, plots.thinned(x, loss, across=plots.across(lab._axes, x)))
    assert marked(lab) == (x[epoch], losses[0][epoch], losses[1][epoch])
    assert lab.frame["words"].startswith(f"batch size {run.batch_size}, epoch {epoch}: ")
    said = f"training loss {losses[0][epoch]:.3g}", f"validation loss {losses[1][epoch]:.3g}"
    assert tuple(lab.frame["facts"][:2]) == said
    assert lab.words() == lab.frame["words"]
    shows = lab.frame["shows"]
    assert (shows["batch_size"], shows["learning_rate"]) == (run.batch_size, run.learning_rate)
    assert shows == numbers(lab) | {"logarithmic": lab.logarithmic, "device": lab.device}
    assert not lab.error
    assert any(f"after {epoch} epochs" in text for text in texts(lab))
    assert (f"best epoch {views.best_epoch(run)}" in texts(lab)) == (run.num_epochs > 0)


# ------------------------------------------------------------------------------------------------- what controls change


def test_the_lab_begins_with_the_dataset_s_defaults_trained_and_shown():
    lab = make()
    assert numbers(lab) == {
        "batch_size": SINE["batch_size"],
        "epochs": EPOCHS,
        "learning_rate": SINE["learning_rate"],
        "noise": 0.3,
        "data_seed": DRAW,
        "seed": 0,
        "dataset": "noisy sine",
        "against": "epochs",
        "band": False,
    }
    assert_shows(lab, trained(), EPOCHS)
    assert message(lab) == ""
    assert not lab.busy


CHANGES = {
    "batch size": ("batch_size", 5, {"batch_size": 5}),
    "one sample": ("batch_size", 1, {"batch_size": 1}),
    "all samples": ("batch_size", N, {"batch_size": N}),
    "learning rate": ("learning_rate", 0.02, {"learning_rate": 0.02}),
    "seed": ("seed", 7, {"seed": 7}),
    "band": ("band", True, {"seeds": live.BAND}),
    "noise": ("noise", 0.5, {"problem": sine(noise=0.5)}),
    "data seed": ("data_seed", 2, {"problem": bl.data.noisy_sine(seed=2)}),
}


@pytest.mark.parametrize(("name", "value", "settings"), CHANGES.values(), ids=CHANGES)
def test_a_control_changes_what_it_should_and_nothing_else(name, value, settings):
    lab = make()
    before, old, png = numbers(lab), lab.run, shown(lab)
    setattr(lab, name, value)
    assert numbers(lab) == before | {name: value}
    assert lab.run is not old
    assert_shows(lab, trained(**settings), EPOCHS)
    assert shown(lab) != png
    assert ("medians of 5 seeds" in lab.facts()) == (name == "band")
    setattr(lab, name, before[name])
    assert_shows(lab, trained(), EPOCHS)
    assert numbers(lab) == before


def test_runs_that_differ_in_batch_size_or_rate_start_from_the_same_parameters():
    lab = make()
    losses = [beginnings(lab)]
    for name, value in (("batch_size", 1), ("batch_size", N), ("learning_rate", 0.3)):
        setattr(lab, name, value)
        losses.append(beginnings(lab))
    np.testing.assert_array_equal(losses, losses[:1] * 4)
    lab.seed = 1
    assert beginnings(lab) != losses[0]


def test_noise_moves_the_samples_and_keeps_their_shapes():
    lab = make()
    old = lab.problem
    dots = line(lab, "training").get_ydata()
    lab.noise = 0.0
    assert [array.shape for array in (lab.problem.x, lab.problem.y, lab.problem.x_val, lab.problem.y_val)] == [
        array.shape for array in (old.x, old.y, old.x_val, old.y_val)
    ]
    np.testing.assert_array_equal(lab.problem.x, old.x)
    np.testing.assert_array_equal(np.ravel(line(lab, "training").get_ydata()), lab.problem.y.ravel())
    assert (np.ravel(dots) != lab.problem.y.ravel()).any()
    np.testing.assert_allclose(lab.problem.y, np.sin(3 * lab.problem.in_original_units(lab.problem.x)), atol=1e-5)
    x, y = line(lab, "truth").get_data()  # without noise the samples lie on the thin line
    np.testing.assert_allclose(np.interp(lab.problem.x.ravel(), x.ravel(), y.ravel()), lab.problem.y.ravel(), atol=2e-3)


@pytest.mark.parametrize("axis", plots.AXES)
def test_the_horizontal_axis_by_choice(axis):
    lab = make()
    run = lab.run
    lab.against = axis
    assert lab.run is run
    x = curves(lab)[0][0]
    per_epoch = -(-N // run.batch_size)
    expected = {
        "epochs": np.arange(EPOCHS + 1),
        "iterations": np.arange(EPOCHS + 1) * per_epoch,
        "samples seen": np.arange(EPOCHS + 1) * N,
        "seconds": run.seconds,
    }
    np.testing.assert_array_equal(x, expected[axis])
    right = lab.picture.figure.axes[1]
    assert right.get_xlabel() in (axis, f"{axis} (logarithmic)")
    assert right.get_xlim() == pytest.approx((0, x[-1]))
    assert_shows(lab, run, EPOCHS)
    lab.batch_size = 1
    assert_shows(lab, lab.run, EPOCHS)
    assert right.get_xlim()[1] >= curves(lab)[0][0][-1] * (1 - 1e-9)


def test_limits_only_grow_so_that_runs_can_be_compared():
    lab = make()
    axes = lab.picture.figure.axes[1]
    limits = []
    for value in (0.2, 0.001, 0.05):
        lab.learning_rate = value
        losses = np.concatenate([losses for _, losses in curves(lab)])
        limits.append(axes.get_ylim())
        assert limits[-1][0] < losses.min()
        assert limits[-1][1] > losses.max()
    lows, highs = zip(*limits, strict=True)
    assert sorted(lows, reverse=True) == list(lows)
    assert sorted(highs) == list(highs)


# ------------------------------------------------------------------------------------------------ the batch-size slider


def test_every_batch_size_can_be_wished():
    lab = make(epochs=1, batch_size=1)
    page = Page(lab)
    for size in range(1, N + 1):
        page.wish(batch_size=size)
        assert page.words.startswith(f"batch size {size}, epoch 1:")
        assert page.shows["batch_size"] == lab.run.batch_size == size
    row = page.row("batch_size")
    assert (row["low"], row["high"], row["log"]) == (1, N, True)


def test_a_wish_for_what_is_there_trains_nothing():
    lab = make(learning_rate=0.0512, epochs=38, batch_size=7)
    run, drawn, values = lab.run, shown(lab), numbers(lab)
    Page(lab).wish(**{name: value for name, value in values.items() if not isinstance(value, str)})
    assert lab.run is run
    assert (numbers(lab), shown(lab)) == (values, drawn)


def test_the_ends_are_named():
    hint = Page(make()).row("batch_size")["hint"]
    assert "SGD" in hint
    assert f"{N}: full-batch GD" in hint


# --------------------------------------------------------------------------------------------------------- typed values

BAD = {
    "batch_size": ([0, N + 1, -3, "abc", 2.5, "", "nan"], f"a whole number from 1 to {N}"),
    "epochs": ([-1, 100001, "abc", 2.5, ""], "a whole number from 0 to 100000"),
    "learning_rate": ([0, -1, "abc", "nan", "inf", 1e9, 1e-60, ""], "a number above 0, up to 1,000"),
    "noise": ([-0.1, 2, "x", ""], "a number from 0 to 1"),
    "data_seed": ([-1, 2**31, 1.5, "x", ""], "a whole number from 0 to"),
    "seed": ([-1, 2**31, 1.5, "x", ""], "a whole number from 0 to"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_answered_in_words_and_changes_nothing(name):
    lab = make()
    page, run, drawn, values, words = Page(lab), lab.run, shown(lab), numbers(lab), lab.frame["words"]
    for typed in BAD[name][0]:
        page.wish(**{name: typed})
        assert page.message.startswith(f"{page.row(name)['label']} is "), "the control"
        assert str(typed) in page.message, "the value"
        assert BAD[name][1] in page.message, "the range"
        assert lab.frame["alarm"]
        assert lab.frame["refused"] == {name: typed}  # to be corrected, not typed again
        assert (lab.run, shown(lab), numbers(lab), page.words) == (run, drawn, values, words)
        with pytest.raises((ValueError, TypeError), match=re.escape(page.message)):
            setattr(lab, name, typed)  # a cell is told the same
    page.wish(against="iterations")  # something else: the complaint goes, and what was refused with it
    assert (message(lab), lab.frame["refused"]) == ("", {})


def test_the_remedy_for_a_batch_size_names_both_ends():
    lab = make()
    Page(lab).wish(batch_size=0)
    assert f"1 is SGD, {N} (all samples) is full-batch gradient descent." in message(lab)


@pytest.mark.parametrize(
    "remedy", [{"batch_size": 5}, {"batch_size": SINE["batch_size"]}, {"learning_rate": 0.1}], ids=str
)
def test_the_complaint_goes_when_it_is_answered(remedy):
    lab = make()
    page = Page(lab)
    page.wish(batch_size="abc")
    assert message(lab)
    page.wish(**remedy)
    assert (message(lab), lab.frame["refused"], lab.frame["alarm"]) == ("", {}, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 7),
        ("batch_size", N),
        ("epochs", 37),
        ("epochs", 100),
        ("learning_rate", 0.0123),
        ("learning_rate", 2e-5),
        ("noise", 0.123),
        ("seed", 12345),
    ],
)
def test_a_good_value_can_be_typed_exactly(name, value):
    lab = make()
    Page(lab).wish(**{name: value})
    assert numbers(lab)[name] == value
    assert lab.run.num_epochs >= EPOCHS
    assert_shows(lab, lab.run, min(lab.epochs, lab.run.num_epochs))
    if name in ("batch_size", "learning_rate", "seed"):
        assert getattr(lab.run, name) == value
    row = Page(lab).row(name)
    assert row["low"] <= value <= row["high"]  # the slider reaches as far


# -------------------------------------------------------------------------------------------------------------- epochs


def test_the_epochs_slider_only_looks_up_what_has_been_trained(monkeypatch):
    lab = make()
    run, before = lab.run, curves(lab)
    monkeypatch.setattr(run, "train", None)
    for epoch in (0, 1, 37, EPOCHS - 1, 5):
        lab.epochs = epoch
        assert lab.run is run
        assert_shows(lab, run, epoch)
        for drawn, same in zip(curves(lab), before, strict=True):
            np.testing.assert_array_equal(drawn, same)
        x, y = line(lab, "fit").get_data()
        fitted = run.model.predict(run.params_at(epoch), np.asarray(x, np.float32).reshape(-1, 1))
        np.testing.assert_allclose(np.ravel(y), np.ravel(fitted), rtol=1e-5, atol=1e-6)


def test_moved_beyond_it_trains_on():
    lab = make()
    run = lab.run
    lab.epochs = 150
    assert lab.run is run
    assert_shows(lab, trained(num_epochs=150), 150)
    lab.epochs = 20
    assert_shows(lab, run, 20)
    assert run.num_epochs == 150
    lab.batch_size = 1  # what is trained anew goes as far as the lab began, whatever is looked at
    assert_shows(lab, trained(batch_size=1), 20)
    assert lab.run.num_epochs == EPOCHS


def test_the_words_say_on_which_side_of_the_best_epoch_the_picture_is():
    lab = make(hidden=(32, 32), epochs=3000)
    best = views.best_epoch(lab.run)
    assert 0 < best < 3000
    lab.epochs = 0
    assert "underfitting. The lowest validation loss is still to come." in lab.words()
    lab.go_to_best()
    assert lab.epochs == best
    assert "This is the best epoch." in lab.words()
    lab.epochs = 3000
    assert "overfitting. The validation loss is" in lab.words()
    assert {"underfitting", "overfitting", f"best epoch {best}"} <= set(texts(lab))
    assert f"lowest {lab.run.val_loss[best]:.3g} at epoch {best}" in lab.facts()


def test_a_lab_with_a_start_trains_no_further_than_the_slider_asks():
    lab = make(sine(), start=0, focus="epochs")
    assert (lab.run.num_epochs, lab.epochs, lab.rows["focus"]) == (0, 0, "epochs")
    assert "nothing has been trained yet" in lab.words()
    assert lab.picture.figure.axes[1].get_xlim() == (0, EPOCHS)
    assert Page(lab).row("epochs")["high"] == 2 * EPOCHS
    lab.epochs = 7
    assert lab.run.num_epochs == 7
    lab.learning_rate = 1000.0
    assert "diverged" in message(lab)
    lab.reset()
    assert (lab.run.num_epochs, lab.epochs, message(lab)) == (0, 0, "")
    assert "focus" not in make().rows


def test_while_a_run_grows_its_jumps_are_not_called_overfitting():
    lab = bl.Lab(bl.data.noisy_sine(n=60, noise=0.1), start=0, epochs=100, batch_size=4)  # chapter 0 begins with it
    for epoch in range(1, 100):
        lab.epochs = epoch
        assert "overfitting" not in lab.words()
        assert "overfitting" not in texts(lab)


# --------------------------------------------------------------------------------------- what is shown at first


@pytest.fixture(scope="module")
def first_runs():
    """The lab's default run on the draws 0 to 9 of every dataset."""
    return {
        name: [bl.fit(bl.data.load(name, seed=draw), **defaults | {"num_epochs": 0}).train(defaults["num_epochs"])
               for draw in range(10)]
        for name, defaults in bl.data.DEFAULTS.items()
    }  # fmt: skip


@pytest.mark.parametrize("name", bl.data.DATASETS)
def test_the_draw_that_is_shown_first_has_the_median_best_epoch_of_ten(first_runs, name):
    best = [run.best_epoch for run in first_runs[name]]
    rank = np.argsort(np.argsort(best, kind="stable"))[live.DRAWS[name]]
    assert 3 <= rank <= 6  # the sixth where it was measured; another processor rounds otherwise
    assert sorted(best)[2] <= best[live.DRAWS[name]] <= sorted(best)[7]


def test_at_the_best_epoch_the_fit_is_good_and_later_it_is_not(first_runs):
    run = first_runs["noisy sine"][DRAW]
    x = run.problem.x_val
    truth = run.problem.truth(run.problem.in_original_units(x))

    def error(epoch):
        return float(np.sqrt(np.mean((run.model.predict(run.params_at(epoch), x) - truth) ** 2)))

    good = error(run.best_epoch)
    assert good < 0.3  # less than the noise of one sample, from a dozen of them
    assert error(0) > 2.5 * good
    assert np.mean([error(epoch) for epoch in range(2900, 3000, 10)]) > 1.3 * good
    assert views.overfits(run)


def test_counters_in_words():
    lab = make(batch_size=5)
    per_epoch = -(-N // 5)
    for words in (
        f"{N} training samples, {per_epoch} iteration{'s' if per_epoch > 1 else ''} per epoch",
        f"{EPOCHS * per_epoch:,} iterations trained",
    ):
        assert words in " · ".join(lab.frame["facts"])


# ----------------------------------------------------------------------------------------- keep, reset, run, and pause


def test_kept_runs_stay_as_labelled_ghosts():
    lab = make()
    first = trained()
    lab.keep()
    assert list(ghosts(lab)) == [f"kept: B = {SINE['batch_size']}, rate 0.05, noise 0.3, seed 0"]
    png = shown(lab)
    lab.batch_size = 1
    assert shown(lab) != png
    assert_shows(lab, trained(batch_size=1), EPOCHS)
    (ghost,) = ghosts(lab).values()
    np.testing.assert_array_equal(ghost.get_ydata(), first.val_loss)
    legend = lab.picture.figure.axes[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(ghosts(lab))
    lab.against = "iterations"  # both are drawn against the updates that they made
    np.testing.assert_array_equal(ghosts(lab).popitem()[1].get_xdata(), first.iterations)
    assert lab.picture.figure.axes[1].get_xlim()[1] >= max(first.iterations[-1], lab.run.iterations[-1])


def test_several_runs_are_kept_and_the_oldest_goes():
    lab = make()
    labels = []
    for batch_size in range(1, 7):
        lab.batch_size = batch_size
        lab.keep()
        labels.append(f"kept: B = {batch_size}, rate 0.05, noise 0.3, seed 0")
        assert list(ghosts(lab)) == labels[-len(plots.KEPT) :]
    colors = [one.get_color() for one in ghosts(lab).values()]
    assert len(set(colors)) == len(plots.KEPT)
    for batch_size, one in zip(range(3, 7), ghosts(lab).values(), strict=True):
        np.testing.assert_array_equal(one.get_ydata(), trained(batch_size=batch_size).val_loss)
    lab.noise = 0.1  # the samples change, and the ghosts stay to compare with
    assert list(ghosts(lab)) == labels[-len(plots.KEPT) :]


def test_a_kept_band_says_that_it_is_one():
    lab = make()
    lab.band = True
    lab.keep()
    (label,) = ghosts(lab)
    assert f"{live.BAND} seeds" in label
    lab.seed = 3  # seeds 3 to 7 are another band
    lab.keep()
    assert len(ghosts(lab)) == 2


def test_keeping_the_same_run_twice_changes_nothing():
    lab = make()
    lab.keep()
    lab.keep()
    assert len(ghosts(lab)) == len(lab.kept) == 1


@pytest.mark.parametrize("pixels", [900, 380])
def test_runs_that_differ_in_one_setting_alone_are_told_apart(pixels):
    """On a phone two seeds were called alike, and draws of the data everywhere."""
    lab = make(epochs=3)
    lab._fit(pixels)
    lab.keep()
    for name, value in (("seed", 1), ("data_seed", 3), ("learning_rate", 0.05001)):
        setattr(lab, name, value)
        lab.keep()
    told = [text.get_text().replace("\n", " ") for text in lab._axes.get_legend().get_texts()]
    assert len(set(told)) == len(ghosts(lab)) == 4
    assert ["data seed 3" in words for words in told] == [False, False, True, True]
    assert [words[-6:] for words in told] == ["seed 0", "seed 1", "seed 1", "seed 1"]
    for text in lab._axes.get_legend().get_texts():
        box = text.get_window_extent()
        assert lab._axes.bbox.x0 <= box.x0 < box.x1 <= lab._axes.bbox.x1
        assert text.get_fontsize() >= 11


@pytest.mark.parametrize("pixels", [900, 380])
def test_no_curve_runs_over_the_key_of_kept_runs_and_no_word_stands_in_it(pixels):
    lab = make()
    lab._fit(pixels)
    for lab.batch_size in (1, 3, 6, 12):
        lab.keep()
    moving = [artist for view in lab.picture.views for artist in view.artists]
    key = lab._axes.get_legend()
    assert moving.index(key) > max(moving.index(line(lab, f"{name} loss")) for name in ("training", "validation"))
    assert key.get_animated()
    (best,) = (text for text in lab._axes.texts if text.get_text().startswith("best epoch"))
    assert not key.get_window_extent().overlaps(best.get_window_extent())
    low, high = lab._axes.get_ylim()
    lab._fit(300)  # a picture that is drawn anew holds the curves that were kept
    lab.wait()
    low, high = lab._axes.get_ylim()
    for ghost in ghosts(lab).values():
        assert low <= ghost.get_ydata().min() <= ghost.get_ydata().max() <= high


def test_a_run_is_kept_under_what_it_was_trained_with_not_under_what_is_wished_since():
    lab = make()
    Page(lab).wish(noise=0.5, keep=1)  # one message: the run is still that of before
    assert list(ghosts(lab)) == [f"kept: B = {SINE['batch_size']}, rate 0.05, noise 0.3, seed 0"]
    (ghost,) = ghosts(lab).values()
    np.testing.assert_array_equal(ghost.get_ydata(), trained().val_loss)


@pytest.mark.parametrize("name", ["noisy sine", "two moons", "digits"])
def test_the_ground_of_the_picture_is_white(name):
    lab = bl.Lab(name, epochs=100)
    for size in (lab.batch_size, 3, lab.n):
        lab.batch_size = size
        picture = np.asarray(Image.open(io.BytesIO(lab.picture.png(1))).convert("RGB"))
        assert (picture[:, -3:] == 255).all()
        assert (picture[-3:] == 255).all()


def test_reset_brings_everything_back():
    lab = make(batch_size=5, seed=3)
    before, png, words = numbers(lab), shown(lab), lab.words()
    lab.keep()
    for name, value in (("batch_size", 1), ("learning_rate", 0.2), ("noise", 0.6), ("seed", 5), ("epochs", 20)):
        setattr(lab, name, value)
    lab.against, lab.band = "iterations", True
    lab.reset()
    assert numbers(lab) == before
    assert not ghosts(lab)
    assert (shown(lab), lab.words()) == (png, words)
    assert_shows(lab, trained(batch_size=5, seed=3), EPOCHS)


def test_run_trains_on_when_there_is_nothing_left_to_do():
    lab = make()
    run = lab.run
    lab.run_or_pause()
    assert (lab.run, lab.epochs) == (run, 2 * EPOCHS)
    assert_shows(lab, trained(num_epochs=2 * EPOCHS), 2 * EPOCHS)


# ------------------------------------------------------------------------------------------------ datasets and problems


@pytest.fixture(scope="module")
def tour():
    """One lab that visits every dataset with its defaults: what it showed, and the bytes of its frames."""
    seen = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared, "WIDTHS", ())
        lab = bl.Lab()
        lab.against = "iterations"
        lab.keep()
        for name in ("noisy sine", "two moons", "digits", "noisy sine"):
            lab.dataset = name
            labels = [Page(lab).row(control)["label"] for control in ("noise", "batch_size")]
            said = lab.words(), " ".join(lab.facts())
            seen[name] = lab.run, numbers(lab), labels, texts(lab), said, list(lab.frame_bytes), lab.kept
            lab.frame_bytes = []
    return seen


@pytest.mark.parametrize("name", bl.data.DATASETS)
def test_the_dataset_menu_brings_each_dataset_with_its_defaults(tour, name):
    run, values, labels, drawn, (words, facts), _, kept = tour[name]
    defaults = bl.data.DEFAULTS[name]
    assert run.problem.name == values["dataset"] == name
    assert (run.batch_size, run.learning_rate) == (defaults["batch_size"], defaults["learning_rate"])
    assert run.num_epochs == values["epochs"] == defaults["num_epochs"]
    assert (values["noise"], values["data_seed"]) == (bl.data.NOISE[name], live.DRAWS[name])
    assert values["against"] == "iterations"  # how one looks at it is no part of the dataset
    assert labels == ["label noise" if name == "digits" else "noise", "batch size"]
    assert any(f"after {run.num_epochs} epochs" in text for text in drawn)
    assert words.startswith(f"batch size {run.batch_size}, epoch {run.num_epochs}: overfitting.")
    assert ("validation accuracy" in facts) == (run.problem.kind == "classification")
    assert kept == []  # curves of another dataset cannot be compared


@pytest.mark.parametrize("name", bl.data.DATASETS)
def test_frames_are_small(tour, name):
    frames = tour[name][5]
    assert 0 < np.median(frames) < 30_000
    assert max(frames) < 40_000


OWN = {
    "one input": bl.Problem.from_arrays(np.linspace(0, 1, 20), np.linspace(0, 1, 20) ** 2, name="squares"),
    "four inputs": bl.Problem.from_arrays(
        np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) / 7, name="of 4"
    ),
    "two targets": bl.Problem.from_arrays(np.arange(20.0), np.random.default_rng(0).normal(size=(20, 2))),
    "three classes": bl.Problem.from_arrays(np.arange(36).reshape(18, 2), np.arange(18) % 3, name="thirds"),
    "two samples": bl.Problem([[0.0], [1.0]], [[0.0], [1.0]], [[0.5]], [[0.4]]),
    "one sample": bl.Problem([[0.0]], [[1.0]], [[0.5]], [[0.4]]),
}


@pytest.mark.parametrize("problem", OWN.values(), ids=OWN)
def test_a_reader_s_own_problem(problem):
    lab = make(problem, hidden=(3,), epochs=4)
    n = len(problem.x)
    assert Page(lab).row("dataset")["options"] == [problem.name, *bl.data.DATASETS]
    assert Page(lab).row("noise")["hidden"]  # what is measured has the noise that it has
    for batch_size in (1, n):
        lab.batch_size = batch_size
        run = bl.fit(problem, num_epochs=0, hidden=(3,), batch_size=batch_size, learning_rate=lab.learning_rate)
        assert_shows(lab, run.train(4), 4) if problem.kind == "regression" else None
        assert lab.words().startswith(f"batch size {batch_size}, epoch 4: ")
    Page(lab).wish(batch_size=max(n - 1, 1))
    assert lab.batch_size == max(n - 1, 1)
    for epochs in (0, 6):
        lab.epochs = epochs
        assert f"epoch {epochs}:" in lab.words()
    lab.keep()
    lab.reset()
    assert lab.problem is problem
    assert lab.epochs == 4


def test_batches_of_the_default_size_need_not_exist():
    assert bl.data.OWN["batch_size"] > 2
    assert make(OWN["two samples"], hidden=(3,), epochs=2).batch_size == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"problem": "two suns"}, "there is no dataset 'two suns'; choose one of noisy sine, two moons, digits"),
        ({"problem": [1, 2]}, "problem is a list; it must be a bl.Problem"),
        ({"batch_size": 0}, f"batch size is 0; it must be a whole number from 1 to {N}"),
        ({"batch_size": N + 1}, f"batch size is {N + 1}; it must be"),
        ({"learning_rate": -1}, "learning rate is -1; it must be"),
        ({"epochs": 2.5}, "epochs is 2.5; it must be a whole number"),
        ({"seed": -1}, "seed is -1; it must be"),
        ({"controls": ("batch size", "brake")}, "there is no control 'brake'; choose from batch size, epochs"),
    ],
    ids=str,
)
def test_a_lab_that_cannot_be_is_refused_in_words(settings, words):
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        make(**settings)


def test_only_the_controls_asked_for_are_shown():
    def labels(lab):
        return [row["label"] for row in lab.rows["list"]]

    assert labels(make(controls=("batch size", "epochs"))) == ["batch size", "epochs"]
    assert set(labels(make())) == {
        *("batch size", "epochs", "learning rate", "dataset", "noise", "data seed", "seed", "against"),
        *("run", "best epoch", "keep", "reset", f"band over {live.BAND} seeds", "logarithmic axis", "device"),
    }


# ------------------------------------------------------------------------------------------- locked until predicted


@pytest.fixture
def guess():
    quiz.progress_file("off")
    yield quiz.Prediction(quiz.Question("99.lab", "What will happen?", {"This.": "Yes.", "That.": "No."}, answer=0))
    quiz.progress_file("off")


def assert_locked(lab, locked):
    assert lab.rows["locked"] is lab.locked is locked
    if locked:
        before = numbers(lab)
        Page(lab).wish(batch_size=1, run_or_pause=True, keep=True, dataset="digits", band=True)
        assert (numbers(lab), lab.kept) == (before, [])


def test_a_locked_lab_shows_the_start_alone_until_a_prediction_is_made(guess):
    lab = make(locked=True)
    assert_locked(lab, True)
    assert lab.run.num_epochs == 0
    assert_shows(lab, trained(num_epochs=0), 0)
    assert "nothing has been trained yet." in lab.frame["words"]
    assert "prediction" in message(lab)
    guess.unlock(lab)
    assert lab.locked
    guess.commit(1)
    assert_locked(lab, False)
    assert_shows(lab, trained(), EPOCHS)
    assert message(lab) == ""


def test_skipping_unlocks_and_an_answer_of_old_opens_at_once(guess):
    lab = make(locked=True)
    guess.unlock(lab)
    guess.skip()
    assert lab.run.num_epochs == EPOCHS
    late = make(locked=True)
    guess.unlock(late)
    assert_locked(late, False)
    assert_shows(late, trained(), EPOCHS)


def test_unlocking_on_a_running_kernel(guess):
    async def main():
        lab = make(locked=True)
        guess.unlock(lab)
        await settled(lab)
        assert lab.run.num_epochs == 0
        await asyncio.to_thread(guess.commit, 0)
        await settled(lab)
        assert_locked(lab, False)
        assert_shows(lab, trained(), EPOCHS)

    asyncio.run(main())


def test_a_dataset_chosen_while_the_lab_is_unlocked_is_taken():
    """It ended in "AttributeError: 'NoneType' object has no attribute 'seeds'"."""

    async def main():
        lab = make(locked=True)
        await settled(lab)
        lab.locked, lab.dataset = False, "two moons"
        await settled(lab)
        assert (lab.error, lab.run.problem.name) == (None, "two moons")
        assert lab.run.num_epochs == bl.data.DEFAULTS["two moons"]["num_epochs"]
        lab.locked = True
        await settled(lab)
        assert lab.run.num_epochs == 0

    asyncio.run(main())


# ------------------------------------------------------------------------------------------------ what can go wrong


@pytest.mark.parametrize("where", ["everywhere", "in validation alone"])
def test_data_whose_loss_is_not_finite_even_before_training_are_named(where):
    """An IndexError was all that the reader got."""
    x = np.linspace(-1, 1, 20)[:, None]
    lab = make(bl.Problem(x, 1e25 * x if where == "everywhere" else x, x, 1e25 * x))
    assert "The loss is no finite number even before training. Its data go up to 1e+25" in message(lab)
    assert lab.words().endswith("epoch 0: the run diverged at epoch 0.")
    assert lab.frame["alarm"]
    lab.keep()
    lab.band = True
    assert lab.error is None


@pytest.mark.parametrize("rate", [1000.0, 30.0])
@pytest.mark.parametrize("band", [False, True], ids=["one run", "band"])
def test_divergence_is_said_in_words_and_the_picture_stays_sensible(rate, band):
    lab = make()
    lab.band = band
    lab.learning_rate = rate
    assert lab.lost_at() is not None
    assert f"The run diverged: from epoch {lab.lost_at()} on" in message(lab)
    assert f"learning rate {rate:.3g} is too high for batch size {SINE['batch_size']}; lower it" in message(lab)
    assert lab.frame["alarm"]
    assert f"the run diverged at epoch {lab.lost_at()}." in lab.words()
    assert lab.words().startswith(f"batch size {SINE['batch_size']}, epoch ")
    assert "nan" not in lab.words()
    assert "inf" not in lab.words()
    right = lab.picture.figure.axes[1]
    assert np.isfinite([*right.get_xlim(), *right.get_ylim(), *marked(lab)]).all()
    assert np.isfinite(line(lab, "fit").get_ydata()).all()
    assert right.get_ylim()[1] < 1e4
    assert np.isfinite(beginnings(lab)).all()
    assert np.isfinite([text.get_position() for text in right.texts]).all()
    for epochs in (0, 5, EPOCHS, 2 * EPOCHS):
        lab.epochs = epochs
        assert np.isfinite(marked(lab)).all()
        assert "diverged" in message(lab)
    lab.keep()
    lab.run_or_pause()
    assert "diverged" in message(lab)
    lab.learning_rate = 0.05
    assert message(lab) == ""
    assert lab.lost_at() is None


@pytest.mark.parametrize("axis", plots.AXES)
def test_the_horizontal_axis_is_logarithmic_or_not(axis):
    lab = make()
    lab.keep()
    lab.against = axis
    assert lab._axes.get_xlabel() == f"{axis} (logarithmic)"
    assert_shows(lab, lab.run, EPOCHS)
    drawn = shown(lab)
    lab.logarithmic = False
    assert (lab._axes.get_xscale(), lab._axes.get_xlabel()) == ("linear", axis)
    assert shown(lab) != drawn
    assert_shows(lab, lab.run, EPOCHS)
    assert len(ghosts(lab)) == 1
    lab.reset()
    assert lab.logarithmic
    assert lab._axes.get_xlabel() == "epochs (logarithmic)"


def test_a_run_that_diverged_is_not_called_overfitting():
    lab = make()
    lab.learning_rate = 1000.0
    assert "diverged" in texts(lab)
    assert not any(word.startswith(("under", "over", "best")) for word in texts(lab))
    assert (
        lab.picture.figure.axes[1].get_xlim()[1] == lab.run.num_epochs < EPOCHS
    )  # as far as there is something to see
    lab.learning_rate = 0.05
    assert lab.picture.figure.axes[1].get_xlim()[1] == EPOCHS
    assert "diverged" not in texts(lab)


@pytest.mark.parametrize("factor", [1, 1000])
def test_data_that_are_not_standardised_are_named_where_they_make_a_run_diverge(factor):
    x = np.linspace(-1, 1, 20)[:, None]
    lab = make(bl.Problem(x, factor * x, x, factor * x), learning_rate=1000.0)
    assert "The run diverged" in message(lab)
    assert ("Its data go up to 1e+03: bl.Problem.from_arrays standardises them." in message(lab)) == (factor > 1)


RNG = np.random.default_rng(0)
NAMES = np.array(["short", "a name of more than twenty letters", "versicolor"])
LABELLED = {
    "one input": (RNG.normal(size=60), RNG.normal(size=60)),
    "one input, in thousands": (RNG.normal(size=60), 1e4 * RNG.normal(size=60)),
    "several inputs": (RNG.normal(size=(60, 3)), RNG.normal(size=60)),
    "two classes": (RNG.normal(size=(60, 2)), np.arange(60) % 2),
    "long names": (RNG.normal(size=(60, 4)), NAMES[np.arange(60) % 3]),
}


@pytest.mark.parametrize("name", [*LABELLED, "not standardised", *bl.data.DATASETS])
def test_all_labels_lie_within_the_picture(name):
    problem = bl.Problem.from_arrays(*LABELLED[name]) if name in LABELLED else name
    if name == "not standardised":
        x, y = (1e4 * np.abs(values[:, None]) for values in LABELLED["one input"])
        problem = bl.Problem(x, y, x, y)
    lab = make(problem, epochs=2, learning_rate=1e-9)
    box, frame = lab.picture.figure.axes[0].get_tightbbox(), lab.picture.figure.bbox
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.y1 <= frame.y1
    assert box.x1 <= lab.picture.figure.axes[1].get_window_extent().x0
    label = lab.picture.figure.axes[0].get_xlabel()
    assert ("standardised" in label) == (name not in ("not standardised", "long names", "digits"))


def fail(*args, **kwargs):
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "said"])
@pytest.mark.parametrize("where", ["drawing", "training", "start"])
def test_an_exception_is_said_in_words_and_the_lab_recovers(where, strict, monkeypatch):
    lab = make()
    if not strict:
        monkeypatch.delenv("BATCHLAB_STRICT")
    target = {"drawing": (lab.picture, "move"), "training": (type(lab.run), "train"), "start": (live, "fit")}[where]
    with monkeypatch.context() as patch:
        patch.setattr(*target, fail)
        with pytest.raises(ZeroDivisionError) if strict else contextlib.nullcontext():
            lab.batch_size = 5
    assert "This did not work: ZeroDivisionError: division by zero." in message(lab)
    assert lab.frame["alarm"]
    assert not lab.busy
    lab.batch_size = 6
    assert message(lab) == ""
    assert lab.error is None
    assert_shows(lab, trained(batch_size=6), EPOCHS)


def test_on_a_running_kernel_an_exception_is_said_and_kept(monkeypatch):
    async def main():
        lab = make()
        await settled(lab)
        with monkeypatch.context() as patch:
            patch.setattr(lab.picture, "move", fail)
            await asyncio.to_thread(setattr, lab, "batch_size", 5)
            await settled(lab)
        assert "ZeroDivisionError" in message(lab)
        with pytest.raises(ZeroDivisionError):
            lab.wait()
        lab.batch_size = 6
        await settled(lab)
        assert message(lab) == ""
        assert_shows(lab, trained(batch_size=6), EPOCHS)

    asyncio.run(main())


# ------------------------------------------------------------------------------------------ where no kernel runs


def test_a_static_picture_with_words_stands_beside_the_widget():
    lab, twin = make(), make()
    bundle, metadata = lab._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == lab.words()
    assert metadata["image/png"]["alt"].startswith(f"batch size {SINE['batch_size']}, epoch {EPOCHS}: ")
    assert "application/vnd.jupyter.widget-view+json" in bundle
    again, words = twin._repr_mimebundle_()  # the same cell writes the same notebook
    assert (again["image/png"], words) == (bundle["image/png"], metadata)
    assert again["text/plain"] == bundle["text/plain"] == "Lab: noisy sine"
    lab.batch_size = 1
    again, words = lab._repr_mimebundle_()
    assert again["image/png"] != bundle["image/png"]
    assert words["image/png"]["alt"] == lab.words() != metadata["image/png"]["alt"]


# ---------------------------------------------------------------------------------------------- on a running kernel


def test_on_a_running_kernel_controls_move_the_picture_and_nothing_runs_when_idle():
    async def main():
        lab = make()
        await settled(lab)
        assert_shows(lab, trained(), EPOCHS)
        await until_idle()
        lab.batch_size = 5
        assert lab.run.batch_size == SINE["batch_size"]  # whoever sets it does not wait
        await settled(lab)
        assert_shows(lab, trained(batch_size=5), EPOCHS)
        await until_idle()
        frames = len(lab.frame_bytes)
        await asyncio.sleep(0.1)
        assert (len(lab.frame_bytes), waiting(), lab.busy) == (frames, [], False)

    asyncio.run(main())


async def until_idle():
    for _ in range(200):
        await asyncio.sleep(0.01)
        if not waiting():
            return
    assert waiting() == []


def watch(lab):
    """Which run each frame shows, and on which thread it is drawn and trained."""
    frames, threads, move = [], set(), lab.picture.move

    def watched():
        frames.append(lab.run)
        threads.add(threading.current_thread())
        return move()

    lab.picture.move = watched
    return frames, threads


def test_new_settings_supersede_the_running_ones():
    async def main():
        lab = make()
        await settled(lab)
        frames, _ = watch(lab)
        lab.epochs = 100000
        await until(lambda: lab.run.num_epochs > 300)
        old = lab.run
        lab.epochs = EPOCHS
        lab.batch_size = 1
        reached = old.num_epochs
        await settled(lab)
        assert lab.run is not old
        assert old.num_epochs == reached, "the old run went on"
        last = len(frames) - 1 - frames[::-1].index(old) if old in frames else -1
        assert old not in frames[last + 1 :]
        assert frames[-1] is lab.run
        assert_shows(lab, trained(batch_size=1), EPOCHS)
        await asyncio.sleep(0.05)
        assert old.num_epochs == reached

    asyncio.run(main())


def test_curves_grow_while_training_goes_on_and_other_callbacks_get_their_turn():
    async def main():
        lab = make()
        await settled(lab)
        points, turns, move = [], 0, lab.picture.move

        def watched():
            points.append(curves(lab)[0][0][-1])
            return move()

        lab.picture.move = watched
        lab.epochs = 100000
        async with asyncio.timeout(20):
            while len(set(points)) < 5:
                await asyncio.sleep(0)
                lab._turns.acknowledged(lab.frame["count"])
                turns += 1
        lab.close()
        assert points == sorted(points)
        assert points[0] < 100_000
        assert turns > len(points)

    asyncio.run(main())


def test_callbacks_from_another_thread_as_ipykernel_7_has_them():
    async def main():
        lab = make(epochs=20)
        await settled(lab)
        _, threads = watch(lab)
        choose = random.Random(0)

        def hammer():
            for _ in range(60):
                name, values = choose.choice(
                    [("batch_size", range(1, N + 1)), ("epochs", range(25)), ("seed", range(5)), ("band", [False])]
                )
                setattr(lab, name, choose.choice(values))
                if choose.random() < 0.4:
                    time.sleep(choose.random() * 0.01)

        await asyncio.to_thread(hammer)
        await settled(lab)
        assert threads == {threading.main_thread()}, "drawn on one thread only"
        values = numbers(lab)
        run = trained(num_epochs=lab.run.num_epochs, batch_size=values["batch_size"], seed=values["seed"])
        assert_shows(lab, run, values["epochs"])
        assert waiting() == []

    asyncio.run(main())


def test_pausing_stops_where_it_is_and_running_goes_on_to_where_it_was_headed():
    async def main():
        lab = make()
        await settled(lab)
        lab.epochs = 4000
        await until(lambda: lab.run.num_epochs > 200)
        lab.run_or_pause()
        await settled(lab)
        run, reached = lab.run, lab.run.num_epochs
        assert reached < 4000
        assert_shows(lab, run, reached)
        await asyncio.sleep(0.05)
        assert (run.num_epochs, lab.busy) == (reached, False)
        lab.run_or_pause()
        await settled(lab)
        assert lab.run is run
        assert (run.num_epochs, lab.epochs) == (4000, 4000)
        assert_shows(lab, run, 4000)

    asyncio.run(main())


def test_keeping_does_not_stop_the_run():
    async def main():
        lab = make()
        await settled(lab)
        lab.epochs = 3000
        await until(lambda: lab.run.num_epochs > 200)
        lab.keep()
        await settled(lab)
        assert lab.run.num_epochs == 3000
        assert len(ghosts(lab)) == 1
        assert Page(lab).row("run_or_pause")["label"] == "run"

    asyncio.run(main())


def test_several_labs_do_not_disturb_each_other():
    async def main():
        one, other = make(), make(seed=1)
        await settled(one)
        await settled(other)
        still = other.run, shown(other), other.frame["words"], numbers(other)
        one.batch_size = 5
        one.against = "iterations"
        await settled(one)
        assert (other.run, shown(other), other.frame["words"], numbers(other)) == still
        one.batch_size, other.batch_size = 1, N  # both at once
        await settled(one)
        await settled(other)
        assert_shows(one, trained(batch_size=1), EPOCHS)
        assert_shows(other, trained(batch_size=N, seed=1), EPOCHS)
        one.epochs = other.epochs = 100_000
        await until(lambda: min(one.run.num_epochs, other.run.num_epochs) > 200)
        one.close()
        reached, beyond = one.run.num_epochs, other.run.num_epochs
        await until(lambda: other.run.num_epochs > beyond)
        assert one.run.num_epochs == reached
        other.close()
        await until_idle()

    asyncio.run(main())


def test_nothing_runs_after_closing():
    async def main():
        lab = make()
        await settled(lab)
        lab.epochs = 100000
        await until(lambda: lab.run.num_epochs > 200)
        lab.close()
        run, reached, frames = lab.run, lab.run.num_epochs, len(lab.frame_bytes)
        await until_idle()
        lab.batch_size = 1  # a late message from the page
        lab.keep()
        await asyncio.sleep(0.05)
        assert (lab.run, run.num_epochs, len(lab.frame_bytes), lab.busy) == (run, reached, frames, False)
        assert waiting() == []

    asyncio.run(main())


def test_where_updates_show_only_in_callbacks_the_work_is_done_there(monkeypatch):
    async def main():
        lab = make()
        lab.batch_size = 5
        assert_shows(lab, trained(batch_size=5), EPOCHS)
        await until_idle()

    monkeypatch.setitem(sys.modules, "google.colab", object())
    asyncio.run(main())


def test_a_cell_can_wait_for_the_outcome():
    async def main():
        lab = make()
        lab.batch_size = 5
        lab.wait()
        assert_shows(lab, trained(batch_size=5), EPOCHS)
        await settled(lab)

    asyncio.run(main())


# ------------------------------------------------------------------------------------------------- nothing compiles


def test_no_position_of_any_control_compiles_after_the_first_run(compilations):
    labs = bl.Lab(hidden=(5,), epochs=3), bl.Lab(bl.data.noisy_sine(n=100), hidden=(5,), epochs=3)
    for lab in labs:
        lab.batch_size = 2  # where no loop runs, the widths are prepared with the first wish
    assert compilations  # so that it is known to count
    compilations.clear()
    for lab in labs:
        n = lab.n
        for batch_size in {1, 2, n // 3, n - 1, n, *(size for size in (15, 16, 17, 63, 64, 65) if size < n)}:
            lab.batch_size = batch_size
            lab.batch_size = max(batch_size - 1, 1)
        for name, values in (
            ("learning_rate", (1e-4, 0.3, 1000.0, 0.05)),
            ("seed", (1, 2)),
            ("epochs", (0, 70, 2, 200)),
        ):
            for value in values:
                setattr(lab, name, value)
        for axis in plots.AXES:
            lab.against = axis
        lab.keep()
        lab.run_or_pause()
        lab.reset()
    for noise in (0.0, 0.5, 1.0):
        labs[0].noise = noise
    labs[0].data_seed = 3
    assert compilations == []
    make(hidden=(5,)).batch_size = 2  # nor does a second lab of the kind
    assert compilations == []


def test_a_lab_that_a_prediction_has_unlocked_compiles_no_more(compilations):
    async def main():
        lab = bl.Lab(hidden=(6,), epochs=3, locked=True)
        await settled(lab)
        lab.locked = False
        await settled(lab)
        assert compilations
        compilations.clear()
        for lab.batch_size in (1, 2, 5, N):
            await settled(lab)
        assert compilations == []

    asyncio.run(main())


def test_a_band_compiles_once(compilations):
    lab = bl.Lab(hidden=(5,), epochs=3)
    lab.batch_size = 2  # the widths of a single run are prepared here
    compilations.clear()
    lab.band = True
    assert compilations
    compilations.clear()
    for batch_size in (1, 2, N):
        lab.batch_size = batch_size
    lab.seed, lab.learning_rate, lab.epochs = 3, 0.2, 70
    lab.band = False
    lab.band = True
    assert compilations == []


# ------------------------------------------------------------------------------------------- every slider, dragged


def places(row):
    """Forty places of a slider from one end to the other."""
    if row["kind"] in ("menu", "steps"):
        return row.get("options") or row["steps"]
    low, high = row["low"], row["high"]
    values = np.expm1(np.linspace(np.log1p(low), np.log1p(high), 40)) if row.get("log") else np.linspace(low, high, 40)
    return sorted({min(max(round(value), low), high) if row["kind"] == "whole" else value for value in values.tolist()})


def test_every_slider_dragged_in_both_directions_leaves_no_error_and_words_that_agree():
    async def main():
        lab = make(epochs=30)
        await settled(lab)
        page, wrong = Page(lab), []

        def agree(change):
            shows = change["new"]["shows"]
            size, epoch = re.match(r"batch size (\d+), epoch (\d+):", change["new"]["words"]).groups()
            if int(size) != shows["batch_size"] or int(epoch) > shows["epochs"] or change["new"]["alarm"]:
                wrong.append(change["new"])

        lab.observe(agree, "frame")
        for name in ("batch_size", "epochs", "learning_rate", "noise", "data_seed", "seed"):
            start, values = getattr(lab, name), places(page.row(name))
            if name == "learning_rate":
                values = [value for value in values if value < 0.5]  # beyond it diverges, and says so
            for value in [*values, *values[::-1], start]:
                page.wish(**{name: value})
                await asyncio.sleep(0.002)
                lab._turns.acknowledged(lab.frame["count"])
            await settled(lab)
            assert (lab.error, page.message, page.shows[name]) == (None, "", start)
        assert wrong == []
        assert_shows(lab, lab.run, 30)

    asyncio.run(main())


@pytest.mark.parametrize("name", bl.data.DATASETS)
def test_the_picture_can_be_read_at_every_width(name):
    lab = bl.Lab(name, epochs=100)
    for pixels in (900, 420, 380):
        lab._fit(pixels)
        for epochs in (0, 5, 100):
            lab.epochs = epochs
            lab.wait()
            labs.readable(lab.picture)


# -------------------------------------------------------------------------------------------- what ten draws say


def test_ten_draws_are_runs_of_fit_and_are_not_trained_again(monkeypatch):
    drawn = ch03_overfit.ten_draws("noisy sine", n=8, noise=0.1, num_epochs=20)
    assert drawn.val_loss.shape == drawn.train_loss.shape == (10, 21)
    run = bl.fit(bl.data.noisy_sine(n=8, noise=0.1, seed=4), seed=4, **SINE | {"num_epochs": 20})
    np.testing.assert_array_equal(drawn.val_loss[4], run.val_loss)
    np.testing.assert_array_equal(drawn.train_loss[4], run.train_loss)
    assert (drawn.best_epoch[4], drawn.iterations_per_epoch) == (run.best_epoch, 3)
    usual = ch03_overfit.ten_draws("noisy sine", num_epochs=20)
    monkeypatch.setattr(ch03_overfit.draws, "fit", None)
    assert ch03_overfit.ten_draws("noisy sine", num_epochs=20, noise=0.1, n=8) is drawn
    assert ch03_overfit.ten_draws("noisy sine", num_epochs=20, noise=0.3, progress=True) is usual


def test_draws_of_digits_have_wrong_labels_for_noise_and_a_dataset_that_there_is_not_is_named():
    few = {"n": 10, "num_epochs": 1}
    wrong, right = (ch03_overfit.ten_draws("digits", noise=noise, **few).train_loss for noise in (1.0, 0.0))
    assert wrong.shape == (10, 2)
    assert (wrong != right).any()
    with pytest.raises(ValueError, match="there is no dataset 'sine'; choose one of noisy sine"):
        ch03_overfit.ten_draws("sine")


def test_the_interval_of_a_median_leaves_out_one_draw_on_either_side():
    losses = np.ones((10, 100))
    losses[range(10), [3, 90, 10, 20, 30, 40, 50, 60, 70, 80]] = 0.5
    assert ch03_overfit.draws.Draws(losses, losses, 4).interval() == (45, 10, 80)
    losses[0, 7:] = np.nan  # this draw diverges, after its best epoch
    assert ch03_overfit.draws.Draws(losses, losses, 4).interval() == (45, 10, 80)
    assert ch03_overfit.draws.Draws(losses, losses, 4).lowest.tolist() == [0.5] * 10


def test_one_number_for_all_is_the_best_compromise():
    falling, rising = np.linspace(2, 1, 11), np.linspace(1, 2, 11)
    runs = {"a": ch03_overfit.draws.Draws(None, np.array([falling] * 10), 1)}
    assert ch03_overfit.one_for_all(runs) == (10, 1.0)
    runs["b"] = ch03_overfit.draws.Draws(None, np.array([rising] * 10), 1)
    assert ch03_overfit.one_for_all(runs) == (5, 1.5)


@pytest.fixture(scope="module")
def short():
    """Ten draws of a short run, for pictures."""
    return ch03_overfit.ten_draws("noisy sine", n=8, num_epochs=200)


STILLS = {
    "turn": (lambda short: ch03_overfit.turn(short), "times the lowest after one epoch"),
    "condition": (lambda short: ch03_overfit.condition({0.3: short, 0.4: short}, {8: short, 9: short}), "8 0."),
    "batch": (lambda short: ch03_overfit.against_batch({3: short, 4: short}), "B = 4: "),
    "datasets": (lambda short: ch03_overfit.best_epochs({"one": short, "other": short}), "other: median "),
    "patience": (lambda short: ch03_overfit.patience(short, (1, 10, 100)), "10: "),
}


@pytest.mark.parametrize("name", STILLS)
def test_what_was_measured_stands_in_a_picture_with_words_of_a_readable_size(short, name):
    make_still, told = STILLS[name]
    still = make_still(short)
    shown, alt = labs.static_picture(still)
    assert shown == repr(still)
    assert told in alt
    texts = [text for text in still.figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 11
    picture = np.asarray(Image.open(io.BytesIO(still._repr_mimebundle_()[0]["image/png"])).convert("RGB"))
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        assert (edge == 255).all(), "cut off"


def test_a_patience_of_thirty_finds_the_best_of_most_runs_and_a_few_epochs_do_not():
    losses = ch03_overfit.ten_draws("noisy sine").val_loss

    def cost(patience):
        found = [ch03_overfit.early_stopping(loss, patience)[0] for loss in losses]
        return losses[range(10), found] / losses.min(axis=1)

    assert np.median(cost(3)) > 1.3
    assert (cost(30) < 1.1).sum() >= 6
    assert (cost(100) < 1.1).sum() >= 8


# -------------------------------------------------------------------------------------------------- the experiment


def handed_in(rate=0.1, small=None, large=None):
    """An answer to the experiment; what is not given is measured."""
    small = np.median(exercise._measured(3, 0.05)[0]) if small is None else small
    return rate, small, np.median(exercise._measured(6, rate)[0]) if large is None else large


EXPERIMENTS = {
    "the rate as it was": (lambda: handed_in(0.05), "is the rate of B = 3"),
    "the rate halved": (lambda: handed_in(0.025), "A lower rate takes more epochs, not fewer."),
    "too small a step": (lambda: handed_in(0.06), "at the rate 0.06 the best epoch"),
    "a rate that diverges": (lambda: handed_in(0.4), "diverge. Look at `diverged_at`."),
    "updates, not epochs": (lambda: handed_in(small=4 * handed_in()[1]), "counts updates, 4 an epoch"),
    "one seed": (lambda: handed_in(small=exercise._measured(3, 0.05)[0].max()), "is the best epoch of one seed"),
    "a loss": (lambda: handed_in(small=0.13), "is a loss"),
    "not measured": (lambda: handed_in(large=1234), "ten seeds do not give 1234"),
    "one number": (lambda: 0.1, "hand in three numbers"),
    "no rate": (lambda: (150, *handed_in()[1:]), "the first number must be the learning rate"),
}


@pytest.fixture
def experiment():
    quiz.progress_file("off")
    yield quiz.exercise("03.same_turn").check
    quiz.progress_file("off")


def test_twice_the_rate_for_twice_the_batch_passes(experiment):
    assert experiment(handed_in())
    names = {"bl": bl, "np": np, "lab": SimpleNamespace(problem=sine())}
    exec(quiz.exercise("03.same_turn").code, names)
    assert experiment(names["answer"])


@pytest.mark.parametrize("mistake", EXPERIMENTS)
def test_a_wrong_experiment_is_told_what_is_wrong(experiment, mistake):
    told = {name: (make_answer(), words) for name, (make_answer, words) in EXPERIMENTS.items()}
    labs.has_its_own_words(experiment, told, mistake)


@pytest.mark.parametrize("epoch", [np.nan, np.inf, 2.5])
def test_what_is_no_epoch_is_told_so_without_a_warning(epoch):
    words = quiz.exercise("03.early_stopping").check(lambda val_loss, patience: (epoch, 3))
    assert "Return epochs, which are positions in the list, not losses." in repr(words)


# ------------------------------------------------------------------------------------------- in other frameworks


def full_batch():
    """A full-batch run, so that shuffles play no part, and what early stopping finds in it."""
    problem = sine()
    run = bl.fit(problem, batch_size=N, num_epochs=3000, learning_rate=0.05)
    return problem, run, ch03_overfit.early_stopping(run.val_loss, 100)


def test_early_stopping_in_optax_stops_where_the_course_does():
    problem, run, (best, stopped) = full_batch()
    loss = jax.jit(lambda params, x, y: jnp.mean((run.model.predict(params, x) - y) ** 2))
    names = {"jax": jax, "optax": optax, "loss": loss, "params": run.params_at(0)}
    names |= {"batches": lambda: [(problem.x, problem.y)], "x_val": problem.x_val, "y_val": problem.y_val}
    found = frameworks.run("03", "Optax", **names)
    assert found["best_loss"] == pytest.approx(run.val_loss[best], abs=1e-5)
    assert found["epoch"] - found["best_epoch"] == stopped - best == 100
    assert found["best_epoch"] == pytest.approx(best, rel=0.02)  # the curve is flat there, and each rounds its own way
    assert float(loss(found["best"], problem.x_val, problem.y_val)) == pytest.approx(
        float(found["best_loss"]), abs=1e-6
    )


def test_early_stopping_in_pytorch_stops_where_the_course_does():
    torch = pytest.importorskip("torch")
    problem, run, (best, stopped) = full_batch()
    layers = [torch.nn.Linear(*weight.shape) for weight, _ in run.params_at(0)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, run.params_at(0), strict=True):
            layer.weight.copy_(torch.tensor(weight.T))
            layer.bias.copy_(torch.tensor(bias))
    model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2])
    x, y, x_val, y_val = (torch.tensor(np.array(a)) for a in (problem.x, problem.y, problem.x_val, problem.y_val))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=N)
    names = {"torch": torch, "copy": copy, "model": model, "loader": loader, "x_val": x_val, "y_val": y_val}
    found = frameworks.run("03", "PyTorch", mse=torch.nn.functional.mse_loss, **names)
    assert found["best_loss"] == pytest.approx(run.val_loss[best], abs=1e-5)
    assert found["epoch"] - found["best_epoch"] == stopped - best == 100
    assert found["best_epoch"] == pytest.approx(best, rel=0.02)  # the curve is flat there, and each rounds its own way
    with torch.no_grad():
        assert torch.nn.functional.mse_loss(model(x_val), y_val).item() == pytest.approx(
            float(found["best_loss"]), abs=1e-6
        )


@pytest.mark.parametrize("against", plots.AXES)
@pytest.mark.parametrize("logarithmic", [True, False])
def test_a_click_on_the_curves_goes_to_that_epoch(against, logarithmic):
    lab = bl.Lab("noisy sine", epochs=EPOCHS, against=against, logarithmic=logarithmic)
    page, curves = Page(lab), lab.picture.figure.axes[1]
    for epoch in (0, 7, 31, EPOCHS):
        where = plots.along(lab.run, against)[epoch]
        x, y = curves.transData.transform((where, np.mean(curves.get_ylim())))
        page.click(x + 1e-6 * (1 if epoch == 0 else -1), lab.picture.height - y)
        assert lab.epochs == epoch
        assert lab.words().startswith(f"batch size 3, epoch {epoch}: ")
    page.click(5, 5)  # beside the curves
    assert lab.epochs == EPOCHS
    lab.close()
