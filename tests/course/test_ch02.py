"""Chapter 02: its exercise's check, its surfaces and paths, and its lab."""

import asyncio
import logging

import jax
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch02_descend as ch02
from batchlab.course.ch02_descend import surfaces
from batchlab.course.ch02_descend.lab import Descents, N, surface

# ---- the exercise ----------------------------------------------------------------------------------------------------


def check(answer):
    return quiz.exercise("02.one_epoch").check(answer)


def test_the_solution_that_is_shown_passes():
    namespace = {}
    exec(quiz.exercise("02.one_epoch").code, namespace)
    assert check(namespace["one_epoch"])


def test_an_array_is_as_good_as_a_list():
    assert check(lambda *case: np.array(ch02.one_epoch(*case)))


def variant(update=lambda p, g, rate, b: p - rate * g.mean(axis=0), batches=None, keep=lambda path: path[1:]):
    """The exercise with one part written wrongly."""

    def one_epoch(params, gradients, order, batch_size, learning_rate):
        path, cut = [params], batches or (lambda o, b: [o[i : i + b] for i in range(0, len(o), b)])
        for batch in cut(order, batch_size):
            path.append(update(path[-1], gradients(path[-1], batch), learning_rate, batch_size))
        return keep(path)

    return one_epoch


def in_place(params, gradients, order, batch_size, learning_rate):
    path = []
    for start in range(0, len(order), batch_size):
        params -= learning_rate * gradients(params, order[start : start + batch_size]).mean(axis=0)
        path.append(params)
    return path


def stale(params, gradients, order, batch_size, learning_rate):
    path, first = [], params
    for start in range(0, len(order), batch_size):
        params = params - learning_rate * gradients(first, order[start : start + batch_size]).mean(axis=0)
        path.append(params)
    return path


MISTAKES = {
    "plus": (variant(lambda p, g, rate, b: p + rate * g.mean(axis=0)), "uphill"),
    "sum": (variant(lambda p, g, rate, b: p - rate * g.sum(axis=0)), "the sum of the batch's gradients"),
    "by batch_size": (variant(lambda p, g, rate, b: p - rate * g.sum(axis=0) / b), "divide by how many samples it has"),
    "by N": (variant(lambda p, g, rate, b: p - rate * g.sum(axis=0) / 7), "number of all samples"),
    "no rate": (variant(lambda p, g, rate, b: p - g.mean(axis=0)), "the learning rate is missing"),
    "full gradient": (variant(batches=lambda o, b: [o] * -(-len(o) // b)), "every update uses the full gradient"),
    "one batch": (variant(batches=lambda o, b: [o]), "one update with all samples"),
    "single samples": (variant(batches=lambda o, b: [o[i : i + 1] for i in range(len(o))]), "every single sample"),
    "ragged dropped": (variant(batches=lambda o, b: [o[i : i + b] for i in range(0, len(o) - b + 1, b)]), "is missing"),
    "no order": (
        variant(batches=lambda o, b: [np.arange(7)[i : i + b] for i in range(0, 7, b)]),
        "not taken in the given order",
    ),
    "first batch": (variant(batches=lambda o, b: [o[:b]] * -(-len(o) // b)), "go on to the next samples"),
    "stale": (stale, "at the first parameters"),
    "in place": (in_place, "one and the same array"),
    "with the start": (variant(keep=lambda path: path), "before the first update"),
    "before": (variant(keep=lambda path: path[:-1]), "before each update; keep them after"),
    "last in a list": (variant(keep=lambda path: path[-1:]), "the last parameters alone"),
    "last": (variant(keep=lambda path: path[-1]), "the last parameters alone"),
    "no list": (lambda *case: 3.0, "return a list of arrays"),
    "something else": (variant(lambda p, g, rate, b: p - 2 * rate * g.mean(axis=0)), "right is"),
    "nothing": (lambda *case: None, "nothing is filled in"),
}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_is_told_what_it_is(name):
    answer, words = MISTAKES[name]
    said = check(answer)
    assert not said
    assert words in repr(said)


# ---- paths -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(surfaces.SURFACES))
def scene(request):
    return surface(request.param)[0]


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_a_path_is_what_the_exercise_makes_of_the_same_samples(batch_size):
    scene, _ = surface("straight line")
    x, y = scene.problem.x[:, 0], scene.problem.y[:, 0]

    def gradients(params, batch):
        error = params[0] * x[batch] + params[1] - y[batch]
        return 2 * error[:, None] * np.stack([x[batch], np.ones(len(batch))], axis=1)

    run = scene.fit(batch_size=batch_size, num_epochs=3, seed=4)
    params, points = np.array(scene.start), [np.array(scene.start)]
    for epoch in range(3):
        points += ch02.one_epoch(params, gradients, bl.data.shuffles(4, 0, N)[epoch], batch_size, scene.learning_rate)
        params = points[-1]
    np.testing.assert_allclose(ch02.path(run), points, atol=2e-5)


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


def test_no_slider_compiles(lab, caplog):
    lab.batch_size.value = 2
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for batch_size in (1, 3, 17, 64):
            lab.batch_size.value = batch_size
        lab.learning_rate.value, lab.seed.value, lab.amount.value = 0.03, 5, 70.0
        lab.begin[0].value, lab.begin[1].value = 0.2, 0.1
        lab.same.value = "iterations"
    assert not [record for record in caplog.records if "Compiling" in record.getMessage()]
    assert lab.words().startswith("batch size 64, epoch 200: ")


def test_the_words_begin_with_batch_size_and_epoch(lab):
    lab.batch_size.value, lab.amount.value = 16, 12.0
    assert lab.words().startswith("batch size 16, epoch 12: mini-batch descent made 48 updates, to slope ")
    assert lab.words() in lab.status.value
    assert 'aria-live="polite"' in lab.status.value


def test_every_budget_stops_all_three_where_it_says(lab):
    assert [lab.shown(role) for role in ("GD", "mini-batch", "SGD")] == [20, 160, 1280]
    lab.same.value = "iterations"
    assert [lab.shown(role) for role in ("GD", "mini-batch", "SGD")] == [200, 200, 200]
    lab.same.value = "milliseconds"
    assert all(lab.shown(role) > 0 for role in lab.walks)


def test_the_start_moves_by_a_number(lab):
    before = lab.picture.png
    lab.begin[0].box.value = "1.5"
    assert lab.picture.png != before
    assert (lab.walks["GD"].points[0] == np.float32([1.5, -1.4])).all()
    assert lab.walks["GD"].settings[0] == (1.5, -1.4)


def test_only_what_changed_is_trained_anew(lab):
    walks = dict(lab.walks)
    lab.batch_size.value = 5
    assert lab.walks["GD"] is walks["GD"]
    assert lab.walks["mini-batch"] is not walks["mini-batch"]


def test_divergence_is_said_and_left_again(lab):
    lab.learning_rate.value = 3.0
    assert "Diverged: SGD (B = 1), mini-batch (B = 8), GD (B = 64)." in lab.message.value
    assert "updates, and diverged" in lab.words()
    lab.learning_rate.value = 0.05
    assert lab.message.value == ""
    assert "diverged" not in lab.words()


def test_reset_and_another_surface(lab):
    first = lab.words()
    lab.learning_rate.value, lab.same.value, lab.decay.value = 0.01, "iterations", True
    lab._buttons[1].click()
    assert lab.words() == first
    lab.surface.value = "two bumps"
    assert "nearest to the poorer minimum" in lab.words()
    assert lab.begin[0].slider.description == "start centre"


def test_locked_until_the_prediction(progress_off):
    lab = Descents("two bumps", locked=True)
    guess = quiz.ask("02.nearest_minimum", unlocks=lab)
    assert lab.batch_size.box.disabled
    assert lab.surface.disabled
    assert lab.words().startswith("batch size 8, epoch 0: ")
    assert "Make your prediction" in lab.message.value
    blank = lab.picture.png
    guess.skip()
    assert not lab.batch_size.box.disabled
    assert lab.picture.png != blank
    assert lab.words().startswith("batch size 8, epoch 20: ")
    lab.close()


@pytest.fixture
def progress_off():
    quiz.progress_file("off")
    quiz.reset()


def test_play_draws_the_paths_as_they_go(monkeypatch):
    monkeypatch.setattr(ch02.lab, "PLAY_SECONDS", 0.5)
    seen = []

    async def play():
        lab = Descents("straight line")
        lab.picture.image.observe(lambda _change: seen.append(lab.shown("SGD")), "value")
        lab._buttons[0].click()
        while lab.busy:
            await asyncio.sleep(0.01)
        lab.close()

    asyncio.run(play())
    assert len(seen) > 5
    assert seen[-1] == 1280
    growing = seen[next(at for at, updates in enumerate(seen) if updates < 1280) :]
    assert growing == sorted(growing)
    assert growing[0] < 640


def test_frames_are_small(lab):
    for batch_size in (1, 8):
        lab.batch_size.value = batch_size
    assert np.median(lab.frame_bytes) < 16_500
    lab.surface.value = "two bumps"
    assert len(lab.picture.png) < 15_000


def test_the_static_picture_has_words(lab):
    bundle, about = lab._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert about["image/png"]["alt"].startswith("batch size 8, epoch 20: ")
