"""Chapter 02: its exercise's check, its surfaces and paths, and its lab."""

import asyncio

import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch02_descend as ch02
from batchlab.course.ch02_descend import surfaces
from batchlab.course.ch02_descend.lab import Descents
from batchlab.course.ch02_descend.surfaces import N, surface

from ..live.page import Page, compilations, kernel, settled
from . import frameworks, labs

# ---- the exercise ----------------------------------------------------------------------------------------------------

MISTAKES = {
    "one rate for all": ({1: 0.05, 8: 0.05, 64: 0.05}, "at batch size 1 and rate 0.05 the loss ends"),
    "the rate of 1": ({1: 0.0125, 8: 0.0125, 64: 0.0125}, "still on its way"),
    "proportional": ({1: 0.0125, 8: 0.1, 64: 0.8}, "the rate is above the highest stable one"),
    "as high as can be": ({1: 0.2, 8: 0.3, 64: 0.3}, "the floor is too high"),
    "a list": ([0.0125, 0.1, 0.3], "as {1: ..., 8: ..., 64: ...}"),
    "no number": ({1: "low", 8: 0.1, 64: 0.3}, "the rate of batch size 1 is 'low'; it must be a number above 0"),
    "nothing": ({1: ..., 8: ..., 64: ...}, "nothing is filled in"),
}


@pytest.mark.parametrize("rates", [{1: 0.0125, 8: 0.1, 64: 0.3}, {1: 0.01, 8: 0.08, 64: 0.25}])
def test_the_best_rates_pass(rates):
    assert quiz.exercise("02.own_rate").check(rates)


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_is_told_what_it_is(name):
    answer, words = MISTAKES[name]
    said = quiz.exercise("02.own_rate").check(answer)
    assert not said
    assert words in repr(said)


def test_the_solution_is_one_that_passes():
    scene, minima = surface("straight line")
    namespace = {"surface": scene, "minima": minima, "np": np, "print": lambda *_: None}
    exec(quiz.exercise("02.own_rate").code, namespace)
    assert quiz.exercise("02.own_rate").check(namespace["my_rates"])


# ---- in your framework -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["PyTorch", "Optax"])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_a_framework_ends_the_epoch_where_the_course_does(framework, batch_size):
    scene, _ = surface("straight line")
    names = {"x": scene.problem.x[:, 0], "y": scene.problem.y[:, 0], "order": bl.data.shuffles(0, 0, N)[0]}
    if framework == "PyTorch":
        torch = pytest.importorskip("torch")
        names = {
            "x": torch.tensor(scene.problem.x),
            "y": torch.tensor(scene.problem.y),
            "order": names["order"].tolist(),
        }
    made = frameworks.run("02", framework, start=scene.start, batch_size=batch_size, **names)
    if framework == "PyTorch":
        made["params"] = made["line"].weight.item(), made["line"].bias.item()
    run = scene.fit(batch_size=batch_size, num_epochs=1, learning_rate=0.05)
    np.testing.assert_allclose(made["params"], run.params_at(1), atol=1e-5)


# ---- paths -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(surfaces.SURFACES))
def scene(request):
    return surface(request.param)[0]


@pytest.mark.parametrize("batch_size", [1, 7, 33, 64])
def test_a_path_meets_the_parameters_of_every_epoch(scene, batch_size):
    run = scene.fit(batch_size=batch_size, num_epochs=150)
    points = ch02.path(run)
    assert len(points) == run.iterations[-1] + 1
    assert (points[run.iterations] == [run.params_at(epoch) for epoch in range(151)]).all()
    assert (ch02.path(run, 70) == points[run.iterations[70] :]).all()


def test_paths_of_several_seeds(scene):
    run = scene.fit(batch_size=8, num_epochs=5, seed=3, seeds=2)
    points = ch02.path(run)
    assert points.shape == (2, 41, 2)
    np.testing.assert_allclose(points[1], ch02.path(scene.fit(batch_size=8, num_epochs=5, seed=4)), atol=1e-6)


def test_recording_changes_nothing(scene):
    start = np.float32(scene.start)
    settings = {"batch_size": 8, "num_epochs": 20, "learning_rate": 0.05}
    plain = bl.fit(scene.problem, model=scene.model, params=start, **settings)
    assert (plain.params_at(20) == scene.fit(**settings).params_at(20)).all()


def test_the_losses_are_those_of_the_run(scene):
    run = scene.fit(batch_size=8, num_epochs=20)
    losses = scene.losses(ch02.path(run)[run.iterations])
    np.testing.assert_allclose(losses, run.train_loss, rtol=1e-5)


@pytest.mark.parametrize("name", list(surfaces.SURFACES))
def test_a_minimum_is_lower_than_all_around_it(name):
    scene, minima = surface(name)
    angles = np.linspace(0, 2 * np.pi, 24)
    for at, minimum in enumerate(minima):
        around = minimum + 0.05 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        assert scene.losses(minimum) < scene.losses(around).min() - 1e-5
        assert scene.losses(minima[0]) <= scene.losses(minima[at])


def test_an_unknown_surface_is_said():
    with pytest.raises(ValueError, match="straight line, two bumps"):
        surface("valley")


def test_the_highest_rate_is_not_a_number_where_all_are_too_high():
    scene, _ = surface("straight line")
    assert np.isnan(ch02.highest_rates(scene, 1, np.array([5.0, 6.0]), seeds=2)).all()
    assert ch02.highest_rates(scene, 64, np.array([0.1, 5.0]), seeds=2) == (0.1, 0.1)


# ---- fit from given parameters ---------------------------------------------------------------------------------------


def test_fit_goes_on_where_another_run_ended():
    problem = bl.data.noisy_sine(n=20)
    settings = {"hidden": (4,), "batch_size": 20, "learning_rate": 0.1}
    whole = bl.fit(problem, num_epochs=10, **settings)
    rest = bl.fit(problem, num_epochs=6, params=whole.params_at(4), **settings)
    assert (rest.train_loss == whole.train_loss[4:]).all()


def test_fit_starts_every_seed_from_the_given_parameters():
    scene, _ = surface("straight line")
    runs = scene.fit((0.5, 0.25), batch_size=1, num_epochs=1, seeds=3, optimizer=optax.adam)
    assert (runs.params_at(0) == [0.5, 0.25]).all()


@pytest.mark.parametrize("params", [[1.0, 2.0], np.zeros(3), (np.zeros(2),), "up"])
def test_fit_refuses_parameters_of_another_model(params):
    scene, _ = surface("straight line")
    with pytest.raises(ValueError, match=r"the model starts with \(2,\)"):
        bl.fit(scene.problem, model=scene.model, params=params)


# ---- the lab ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab():
    lab = Descents("straight line")
    yield lab
    lab.close()


@pytest.fixture
def page(lab):
    return Page(lab)


def updates(lab):
    return [lab.shown(role) for role in ("GD", "mini-batch", "SGD")]


def test_no_control_compiles(lab):
    lab.batch_size = 2
    with compilations() as names:
        for batch_size in (1, 3, 17, 64):
            lab.batch_size = batch_size
        lab.learning_rate, lab.seed, lab.epochs = 0.03, 5, 70
        lab.start_across, lab.start_up = 0.2, 0.1
        lab.same = "iterations"
        lab.iterations = 300
        lab.play()
        lab.reset()
        lab.same, lab.batch_size = "iterations", 64
    assert names == []
    assert lab.words().startswith("batch size 64, epoch 200: ")


def test_the_words_begin_with_batch_size_and_epoch(lab, page):
    page.wish(batch_size=16, epochs=12)
    assert page.words.startswith("batch size 16, epoch 12: mini-batch descent made 48 updates, to slope ")
    assert page.words == lab.words()
    assert lab.frame["facts"][:3] == [
        "N = 64 training samples",
        "GD: 1 iteration per epoch",
        "mini-batch: 4 iterations per epoch",
    ]


def test_every_budget_stops_all_three_where_it_says(lab, page):
    assert updates(lab) == [20, 160, 1280]
    page.wish(same="iterations")
    assert updates(lab) == [200, 200, 200]
    assert {"epochs", "device"} == {row["name"] for row in lab.rows["list"] if row.get("hidden")}
    page.wish(iterations=7)
    assert updates(lab) == [7, 7, 7]


def test_what_is_drawn_are_the_points_and_losses_of_the_runs(lab):
    lab.batch_size, lab.epochs = 16, 30
    lines = lab.picture.views[0].artists
    for role, at in {"mini-batch": 6, "GD": 11}.items():
        run = lab.scene.fit(batch_size=lab._settings()[role]["batch_size"], num_epochs=30)
        points = ch02.path(run)
        np.testing.assert_allclose(np.transpose(lines[at].get_data()), points[:101], atol=1e-6)
        places, above = lines[at + 2].get_data()
        np.testing.assert_allclose(places, np.arange(len(points)) / run.iterations_per_epoch)
        np.testing.assert_allclose(
            above[:: run.iterations_per_epoch], np.maximum(run.train_loss - lab._floor, 1e-5), rtol=1e-3, atol=1e-5
        )
        fit = points[-1][0] * lines[at + 1].get_xdata() + points[-1][1]
        np.testing.assert_allclose(lines[at + 1].get_ydata(), fit, atol=1e-5)


def test_a_long_path_is_a_line_and_then_a_dot_for_each_epoch(lab):
    lab.epochs = 100
    points = lab.walks["SGD"].points[:6401]
    line, dots = ch02.views.drawn_path(points, 64)
    assert (line == points[:101]).all()
    assert (dots == points[128::64]).all()
    line, dots = ch02.views.drawn_path(np.zeros((2001, 2)), 1)
    assert (len(line), len(dots)) == (101, 96)
    assert len(ch02.views.drawn_path(points[:50], 64)[1]) == 0
    # The star is drawn after every path, and before the plus of the start alone.
    artists = lab.picture.views[0].artists
    assert [artist.get_marker() for artist in artists[-2:]] == ["*", "P"]


def test_the_start_moves_by_a_number(lab, page):
    page.wish(start_across=1.5)
    assert (lab.walks["GD"].points[0] == np.float32([1.5, -1.4])).all()
    assert lab.walks["GD"].settings[0] == (1.5, -1.4)
    assert "batch size 8, epoch 20: " in page.words
    page.wish(start_up=-2.5)
    assert page.message == "start intercept is -2.5; it must be a number from -1.9 to 1.9."
    assert lab.start_up == -1.4


BAD = {
    "batch_size": ([0, N + 1, -3, "abc", 2.5, ""], f"a whole number from 1 to {N}"),
    "learning_rate": ([0, -1, "abc", "nan", 1e9, ""], "a number above 0, up to 1,000"),
    "epochs": ([-1, 101, "x", 2.5], "a whole number from 0 to 100"),
    "seed": ([-1, 2**31, "x"], "a whole number from 0 to"),
    "same": (["seconds"], "choose one of epochs, iterations"),
    "surface": (["valley"], "choose one of straight line, two bumps"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_in_words(lab, page, name):
    before, walks = lab._values(), dict(lab.walks)
    for value in BAD[name][0]:
        page.wish(**{name: value})
        assert BAD[name][1] in page.message
        assert lab.frame["alarm"]
        assert lab._values() == before
        with pytest.raises((ValueError, TypeError), match=BAD[name][1]):
            setattr(lab, name, value)
    assert lab.walks == walks
    page.wish(batch_size=5)
    assert page.message == ""


def test_wrong_settings_are_refused():
    for wrong in ({"surface": "valley"}, {"batch_size": 65}, {"start_across": 9}, {"learning_rate": 0}, {"speed": 1}):
        with pytest.raises(ValueError, match=r"choose|must be"):
            Descents(**wrong)
    lab = Descents("two bumps", start_across=0.5, start_up=0.5, learning_rate=0.1, epochs=3)
    assert (lab.start_across, lab.start_up, lab.learning_rate, updates(lab)[0]) == (0.5, 0.5, 0.1, 3)


def test_only_what_changed_is_trained_anew(lab):
    walks = dict(lab.walks)
    lab.batch_size = 5
    assert lab.walks["GD"] is walks["GD"]
    assert lab.walks["mini-batch"] is not walks["mini-batch"]


def test_divergence_is_said_and_left_again(lab, page):
    page.wish(learning_rate=3.0)
    assert "Diverged: SGD (B = 1), mini-batch (B = 8), GD (B = 64)." in page.message
    assert lab.frame["alarm"]
    assert "updates, and diverged" in page.words
    page.wish(learning_rate=0.05)
    assert page.message == ""
    assert "diverged" not in page.words


@pytest.mark.parametrize("rate", [0.5, 3.0])
def test_what_is_said_of_divergence_is_true_of_what_is_shown(lab, page, rate):
    page.wish(learning_rate=rate, epochs=100)
    assert "GD (B = 64)." in page.message
    for epochs in (30, 1, 0):  # the paths go on to where they had diverged, but are shown this far
        page.wish(epochs=epochs)
        fresh = Descents("straight line", learning_rate=rate, epochs=epochs)
        assert (page.message, lab.frame["alarm"]) == (fresh.frame["message"], fresh.frame["alarm"])
        assert page.words.count("diverged") == page.message.count("(B = ")
        assert "nan" not in page.words
        fresh.close()
    assert page.message == ""


def test_reset_and_another_surface(lab, page):
    first = page.words
    page.wish(learning_rate=0.01, same="iterations", decay=True)
    page.press("reset")
    assert page.words == first
    page.wish(batch_size=4)
    page.wish(surface="two bumps")
    assert "nearest to the lowest minimum" in page.words
    assert page.words.startswith("batch size 4, epoch 20: ")
    assert page.row("start_across")["label"] == "start centre"
    assert (lab.learning_rate, lab.start_across, lab.start_up) == (0.2, -0.35, 0.95)
    page.wish(learning_rate=0.01)
    page.press("reset")
    assert (lab.surface, lab.learning_rate, lab.batch_size) == ("two bumps", 0.2, 4)


def test_what_is_set_together_with_the_surface_is_meant_for_it(lab, page):
    page.wish(learning_rate=0.03, epochs=5)
    before = page.words
    with lab.aside():
        lab.surface, lab.learning_rate = "two bumps", 0.1
        assert "to centre" in lab.outcome()["words"]
        assert (lab.learning_rate, lab.epochs) == (0.1, 20)
    assert page.words == lab.wait().words() == before
    assert (lab.learning_rate, lab.epochs, lab.start_up) == (0.03, 5, -1.4)


def test_locked_until_the_prediction():
    lab = Descents("two bumps", locked=True)
    page = Page(lab)
    guess = quiz.ask("02.nearest_minimum", unlocks=lab)
    page.wish(batch_size=4, surface="straight line")
    page.press("play")
    assert lab.rows["locked"]
    assert page.words.startswith("batch size 8, epoch 0: ")
    assert page.words.endswith("Nothing has been drawn yet.")
    assert "Make your prediction" in page.message
    assert all(len(walk.points) == 1 for walk in lab.walks.values())
    assert all(len(line.get_xdata()) == 1 for line in lab.picture.views[0].artists[1::5][:3])
    guess.skip()
    assert not lab.rows["locked"]
    assert page.words.startswith("batch size 8, epoch 20: ")
    assert page.message == ""
    assert lab.epochs == 20
    lab.close()


def test_play_draws_the_paths_as_they_go(monkeypatch):
    monkeypatch.setattr(ch02.lab, "PLAY_SECONDS", 0.5)
    seen, labels = [], set()

    async def play():
        lab = Descents("straight line")
        page = Page(lab)
        await settled(lab)

        def look(_change):
            seen.append((lab.shown("SGD"), page.values["epochs"], page.words.split(":")[0]))

        lab.observe(look, "frame")
        lab.observe(lambda _change: labels.add(page.row("play")["label"]), "rows")
        page.press("play")
        await settled(lab)
        assert (lab.epochs, lab.shown("SGD")) == (20, 1280)
        lab.close()

    kernel(play)
    shown = [updates for updates, _, _ in seen]
    assert len(set(shown)) > 10
    assert shown == sorted(shown)
    assert shown[0] < 640
    assert shown[-1] == 1280
    assert labels == {"play", "pause"}
    for made, epochs, words in seen:
        assert epochs == made // 64  # the slider follows
        assert words == f"batch size 8, epoch {epochs}"


def test_play_can_be_paused_and_goes_on_and_newer_settings_end_it(monkeypatch):
    monkeypatch.setattr(ch02.lab, "PLAY_SECONDS", 2.0)

    async def until(lab, condition):
        async with asyncio.timeout(20):
            while not condition():
                lab._acknowledged(lab, {"seen": lab.frame["count"]}, [])
                await asyncio.sleep(0.002)

    async def play():
        lab = Descents("straight line")
        page = Page(lab)
        await settled(lab)
        page.press("play")
        await until(lab, lambda: lab.playing and lab.epochs == 3)
        page.press("play")
        await settled(lab)
        paused = lab.epochs
        assert 3 <= paused < 20
        assert page.words.startswith(f"batch size 8, epoch {paused}: ")
        page.press("play")
        await until(lab, lambda: lab.playing and lab.epochs > paused)
        page.wish(batch_size=16)
        await settled(lab)
        assert (lab.epochs, lab.playing) == (20, False)  # where it was headed
        assert page.words.startswith("batch size 16, epoch 20: ")
        page.wish(epochs=5)
        await settled(lab)
        page.press("play")
        await until(lab, lambda: lab.playing and lab.epochs < 2)
        await settled(lab)
        assert lab.epochs == 5
        lab.close()

    kernel(play)


def test_play_goes_as_far_as_the_slider_that_is_moved_with_it(lab, page):
    page.wish(epochs=7, play=1)
    assert (lab.epochs, lab.playing, page.values["epochs"]) == (7, False, 7)


def test_the_axis_stays_while_play_pauses():
    ends = set()

    async def play():
        lab = Descents("straight line")
        page = Page(lab)
        await settled(lab)
        axes = lab.picture.figure.axes[2]
        lab.observe(lambda _change: ends.add(axes.get_xlim()[1]), "frame")
        page.press("play")
        while not (lab.playing and lab.epochs == 3):
            lab._acknowledged(lab, {"seen": lab.frame["count"]}, [])
            await asyncio.sleep(0.002)
        page.press("play")
        await settled(lab)
        assert not lab.playing
        assert lab.epochs < 5
        assert ends == {20}
        page.wish(epochs=4 if lab.epochs == 3 else 3)
        await settled(lab)
        assert axes.get_xlim()[1] == 5
        lab.close()

    kernel(play)


def test_frames_are_small(lab):
    for batch_size in (1, 8):
        lab.batch_size = batch_size
    assert np.median(lab.frame_bytes) <= 4_500
    for epochs, rate in ((100, 0.05), (100, 0.3), (100, 0.5), (30, 1.0)):
        lab.epochs, lab.learning_rate = epochs, rate
    lab.surface = "two bumps"
    lab.epochs, lab.learning_rate = 100, 0.3
    assert max(lab.frame_bytes) <= 7_000


@pytest.mark.parametrize("room", [900, 420, 380])
def test_every_text_can_be_read(lab, room):
    lab._fit(room)
    for name in ("straight line", "two bumps"):
        lab.surface = name
        labs.readable(lab.picture)


def test_the_static_picture_has_words(lab):
    bundle, about = lab._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == "Descents: straight line"
    assert about["image/png"]["alt"].startswith("batch size 8, epoch 20: ")


# ---- on a running loop -----------------------------------------------------------------------------------------------

SLIDERS = ["batch_size", "learning_rate", "epochs", "iterations", "seed", "start_across", "start_up"]


@pytest.mark.parametrize("name", SLIDERS)
def test_every_slider_can_be_dragged_from_end_to_end(name):
    async def main():
        lab = Descents("two bumps", same=name if name == "iterations" else "epochs")
        page = Page(lab)
        row = page.row(name)
        whole = row["kind"] == "whole"
        there = np.linspace(row["low"], row["high"], 25)
        there = [int(value) if whole else float(value) for value in there]
        for value in [*there, *reversed(there), *there]:
            page.wish(**{name: value})
            lab._acknowledged(lab, {"seen": lab.frame["count"]}, [])
            await asyncio.sleep(0.003)
        await settled(lab, 60)
        assert lab.error is None
        assert page.values[name] == page.shows[name] == there[-1]
        mini = lab.walks["mini-batch"]
        epoch = lab.shown("mini-batch") // mini.run.iterations_per_epoch
        assert page.words.startswith(f"batch size {lab.batch_size}, epoch {epoch}: ")
        assert mini.settings == ((lab.start_across, lab.start_up), lab._settings()["mini-batch"])
        if name == "epochs":
            assert epoch == lab.epochs
        page.press("reset")
        await settled(lab)
        page.wish(batch_size=2, same="epochs", epochs=3)
        await settled(lab)
        assert (lab.error, page.message) == (None, "")
        assert page.words.startswith("batch size 2, epoch 3: mini-batch descent made 96 updates")
        lab.close()

    kernel(main)


def test_after_an_error_the_next_movement_works(lab, page, monkeypatch):
    monkeypatch.delenv("BATCHLAB_STRICT", raising=False)
    for place, name in ((ch02.lab.views.plots, "thinned"), (surfaces, "path"), (ch02.lab, "Walk")):
        with monkeypatch.context() as broken:
            broken.setattr(place, name, lambda *args, **kwargs: 1 / 0)
            page.wish(batch_size=7, epochs=lab.epochs + 10)
            assert "This did not work: ZeroDivisionError" in page.message
        page.wish(batch_size=8)
        assert (lab.error, page.message) == (None, "")
        assert page.words.startswith(f"batch size 8, epoch {lab.epochs}: mini-batch descent made {8 * lab.epochs} ")
        assert (
            lab.walks["GD"].points[: lab.epochs + 1] == ch02.path(lab.scene.fit(batch_size=N, num_epochs=lab.epochs))
        ).all()


# ---- clicks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [900, 420])
def test_a_click_on_the_surface_places_the_start(lab, page, pixels):
    page.wish(width=pixels)
    plane = lab.picture.figure.axes[0]
    x, y = plane.transData.transform((-0.5, 0.8))
    page.click(x, lab.picture.height - y)
    assert (lab.start_across, lab.start_up) == pytest.approx((-0.5, 0.8), abs=0.02)
    assert all(walk.points[0] == pytest.approx((lab.start_across, lab.start_up)) for walk in lab.walks.values())
    before = lab.start_across, lab.start_up
    page.click(lab.picture.width - 2, 2)  # beside the surface
    assert (lab.start_across, lab.start_up) == before
    lab.pressed(lab.controls["reset"])
    assert (lab.start_across, lab.start_up) == surface("straight line")[0].start


def test_a_click_before_the_prediction_changes_nothing():
    locked = Descents("straight line", locked=True)
    start = locked.start_across, locked.start_up
    Page(locked).click(200, 250)
    assert (locked.start_across, locked.start_up) == start
    locked.close()
