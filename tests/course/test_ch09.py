"""Chapter 9: the bumpy loss and its control against NumPy, the exercise, and the picture of who escapes."""

import asyncio

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch09_escape

from ..live.page import Page, compilations, kernel, settled, unpacked
from . import frameworks, labs
from .dragging import drag_every_slider

# ---- the surface and the control -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene():
    return ch09_escape.wheel()


def loss_and_grads(scene, place):
    """The mean loss and the per-sample gradients of the wheel, by hand."""
    x, y = scene.problem.x[:, 0].astype(float), scene.problem.y.astype(float)
    turn = 2 * np.pi * place * x
    loss = (np.cos(turn) - y[:, 0]) ** 2 + (np.sin(turn) - y[:, 1]) ** 2
    return loss.mean(), 4 * np.pi * x * (np.sin(turn) * y[:, 0] - np.cos(turn) * y[:, 1])


def test_the_loss_its_minima_and_its_curvature(scene):
    for place in (-0.3, 1.0, 2.9, 6.1):
        by_hand = loss_and_grads(scene, place)[0]
        assert np.interp(place, scene.grid, scene.losses) == pytest.approx(by_hand, abs=1e-4)
        run = scene.fit(place, batch_size=64, num_epochs=0, seeds=1)
        assert run.train_loss[0, 0] == pytest.approx(by_hand, abs=1e-5)
    for place in (*scene.minima, *scene.tops):  # stationary, to the step of the grid
        assert abs(loss_and_grads(scene, place)[1].mean()) < 0.1
    assert len(scene.tops) == len(scene.minima) - 1
    assert all(left < top < right for left, top, right in zip(scene.minima, scene.tops, scene.minima[1:], strict=False))
    assert scene.minima[scene.good] == pytest.approx(3.0, abs=0.1)
    h = 1e-3
    for place in scene.minima[1:-1]:
        by_hand = (loss_and_grads(scene, place + h)[1].mean() - loss_and_grads(scene, place - h)[1].mean()) / (2 * h)
        assert scene.curvature(place) == pytest.approx(by_hand, rel=0.05, abs=0.5)


@pytest.mark.parametrize("seed", [6, 7, 21])  # of their losses on the grid two side by side are equal, at a turn
def test_between_two_minima_lies_one_top_of_every_wheel(seed):
    scene = ch09_escape.wheel(seed)
    assert len(scene.tops) == len(scene.minima) - 1
    assert (scene.basin(scene.minima) == np.arange(len(scene.minima))).all()
    assert (scene.basin(scene.tops + 1e-3) == scene.basin(scene.tops - 1e-3) + 1).all()


def test_the_seed_changes_the_errors_and_not_the_times():
    first, second = (ch09_escape.wheel(seed).problem for seed in (0, 1))
    np.testing.assert_array_equal(first.x, second.x)
    assert np.abs(first.y - second.y).mean() > 0.3
    assert len(ch09_escape.wheel(n=640).problem.x) == 640


def test_without_noise_the_control_is_the_full_batch(scene):
    starts = np.array([1.0, 1.3, 2.6, 4.4])
    places = ch09_escape.descend(scene, starts, 0.02, batch_size=64, updates=100)
    for noise in ch09_escape.NOISES:
        assert (ch09_escape.descend(scene, starts, 0.02, noise=noise, updates=100, seed=7) == places).all()
    for start, path in zip(starts, places, strict=True):
        run = scene.fit(start, batch_size=64, learning_rate=0.02, num_epochs=100, seeds=1)
        same = [run.params_at(epoch)[0, 0] for epoch in range(101)]
        np.testing.assert_allclose(path, same, atol=2e-5)


@pytest.mark.parametrize("noise", ch09_escape.NOISES)
@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_the_noise_of_the_control_has_the_variance_of_a_batch(scene, noise, batch_size):
    place, rate = 1.2, 0.01
    grads = loss_and_grads(scene, place)[1]
    settings = {"batch_size": batch_size, "updates": 1, "noise": noise}
    moved = ch09_escape.descend(scene, np.full(20_000, place), rate, **settings)[:, 1] - place
    batches = bl.measure.draw_batches(64, batch_size, 20_000) @ grads
    # Of 20,000 draws: mean within a hundredth of the deviation, deviations within 4 %.
    assert -moved.mean() / rate == pytest.approx(grads.mean(), abs=0.05 * grads.std())
    assert moved.std() / rate == pytest.approx(batches.std(), rel=0.04)
    said = np.sqrt(grads.var() / batch_size * (64 - batch_size) / 63)
    assert moved.std() / rate == pytest.approx(said, rel=0.04)


def test_ends_says_which_have_not_settled(scene):
    starts = np.array([1.0, 2.7])
    calm, wild = ch09_escape.ends(scene, starts, np.array([0.03, 0.15]))
    assert (calm == scene.basin(starts)).all()
    assert wild[1] == -1


def test_bad_settings_are_refused_in_words(scene):
    with pytest.raises(ValueError, match="batch_size is 65; it must be a whole number from 1 to 64"):
        ch09_escape.descend(scene, [1.0], 0.02, batch_size=65)
    with pytest.raises(ValueError, match="there is no noise 'white'; choose one of gaussian, redrawn"):
        ch09_escape.descend(scene, [1.0], 0.02, noise="white")
    with pytest.raises(ValueError, match="batch size is 65"):
        ch09_escape.EscapeLab(batch_size=65)


def test_the_interval_of_a_share_holds_what_it_promises():
    rng = np.random.default_rng(0)
    for p in (0.02, 0.3, 0.9):
        held = [
            low <= p <= high for _, low, high in (bl.measure.share(int(k), 200) for k in rng.binomial(200, p, 2000))
        ]
        assert 0.92 < np.mean(held) < 0.985
    assert bl.measure.share(200, 200)[::2] == (1.0, 1.0)
    value, low, high = bl.measure.share(50, 100)
    assert (value, low + high) == (0.5, pytest.approx(1))
    assert low == pytest.approx(0.4038, abs=1e-4)
    with pytest.raises(ValueError, match="hits is 3; it must be a whole number from 0 to 2"):
        bl.measure.share(3, 2)


def test_at_training_loss_finds_the_first_epoch():
    run = bl.fit(bl.data.two_moons(n=40), hidden=(4,), seeds=3, batch_size=40, num_epochs=20, learning_rate=0.5)
    target = float(np.median(run.train_loss))
    epochs, accuracy = ch09_escape.accuracy.at_training_loss(run, target)
    for losses, known, epoch, value in zip(run.train_loss, run.val_accuracy, epochs, accuracy, strict=True):
        assert epoch == next(e for e, loss in enumerate(losses) if loss <= target)
        assert value == known[epoch]
    epochs, accuracy = ch09_escape.accuracy.at_training_loss(run, 0.0)
    assert (epochs == -1).all()
    assert np.isnan(accuracy).all()


def test_stages_are_made_one_after_the_other(scene):
    places = scene.places([(1, 0.02, 3), (64, 0.03, 2)], seeds=4, seed=5)
    for seed, place in enumerate(places, 5):
        first = scene.fit(1.0, seed=seed, batch_size=1, learning_rate=0.02, num_epochs=3).params_at(3)[0]
        then = scene.fit(first, seed=seed, batch_size=64, learning_rate=0.03, num_epochs=2).params_at(2)[0]
        assert place == pytest.approx(then, abs=1e-4)


def test_the_runs_that_reach_a_minimum_have_learnt_every_label():
    for label_noise, (early, late) in ch09_escape.accuracy.LOSSES.items():
        digits = bl.data.digits(n=400, label_noise=label_noise)
        for size, rate in ((400, 0.8), (4, 0.05)):
            run = bl.fit(digits, hidden=(32,), seeds=1, batch_size=size, learning_rate=rate, num_epochs=500)
            epochs, accuracy = ch09_escape.accuracy.at_training_loss(run, late)
            assert run.train_accuracy[0, epochs[0]] > 0.99
            stopped = ch09_escape.accuracy.at_training_loss(run, early)[0][0]
            assert run.train_accuracy[0, stopped] < 0.9 or not label_noise  # early, most of the wrong ones are not
    found = ch09_escape.accuracies(0.3, range(1), progress=False)
    assert found.shape == (1, 3, 2, 2)
    assert found[0, 2, 1, 1] == pytest.approx(100 * accuracy[0], abs=0.2)
    assert np.isfinite(found).all()


def test_differences_are_paired_and_have_students_interval():
    rng = np.random.default_rng(0)
    made = rng.normal(size=(8, 3, 2, 2)) + np.array([0.0, 0.0, 5.0])[:, None, None]
    mean, half = ch09_escape.differences(made)
    gained = made[:, 2, 1, 0] - made[:, 0, 1, 0]
    assert mean[1, 1, 0] == pytest.approx(gained.mean())
    assert half[1, 1, 0] == pytest.approx(2.365 * gained.std(ddof=1) / np.sqrt(8))


# ---- the exercise ----------------------------------------------------------------------------------------------------

MISTAKES = {  # what is said to these plans
    "they get there, and do not settle": [[(1, 0.02, 16)], [(8, 0.02, 8), (1, 0.02, 8)]],
    "they do not get there": [[(64, 0.02, 16)], [(2, 0.01, 12), (64, 0.03, 4)]],
    "have left the picture far behind": [[(1, 0.2, 12), (64, 0.03, 4)]],
    "too few get there": [[(4, 0.05, 12), (64, 0.03, 4)]],
    "your stages take 20 epochs in all": [[(1, 0.02, 16), (64, 0.03, 4)]],
    "your stages take 0 epochs in all": [[]],
    "is no stage": [[(65, 0.02, 4)], [(1, 0.02, 0.5)], [(1, 0.02)], (4, 0.02, 3), 4],
}


def check(answer):
    return quiz.exercise("09.settle").check(answer)


@pytest.mark.parametrize(
    "stages",
    [[(1, 0.02, 12), (64, 0.03, 4)], [(1, 0.02, 12), (1, 0.002, 4)], [[1, 0.02, 10], [16, 0.02, 6]]],
    ids=["larger batches", "a lower rate", "another way"],
)
def test_plans_that_escape_and_settle_pass(stages):
    assert repr(check(stages)) == "Right: Get there, and settle."


def test_the_solution_passes():
    namespace = {}
    exec(quiz.exercise("09.settle").code, namespace)
    assert check(namespace["stages"])


@pytest.mark.parametrize(("told", "stages"), [(told, plan) for told, plans in MISTAKES.items() for plan in plans])
def test_each_typical_mistake_fails_with_its_own_words(told, stages):
    labs.has_its_own_words(check, {other: (stages, other) for other in MISTAKES}, told)


def test_a_blank_and_a_crash_are_said():
    assert "nothing is filled in" in repr(check(...))
    assert "nothing is filled in" in repr(check([(1, ..., 3)]))
    assert "nothing is filled in" in repr(check([...]))
    assert "ValueError" in repr(check([("one", 0.1, 2)]))


# ---- in other frameworks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["PyTorch", "Optax"])
def test_the_frameworks_make_the_same_descent(scene, framework):
    orders = bl.data.shuffles(0, 0, 64)[:4]
    if framework == "PyTorch":
        torch = pytest.importorskip("torch")
        given = {name: torch.tensor(np.array(getattr(scene.problem, name))) for name in "xy"}
        given["orders"] = torch.tensor(np.array(orders)).long()
    else:
        given = {"x": scene.problem.x, "y": scene.problem.y, "orders": orders, "jax": jax, "jnp": jnp, "optax": optax}
    v = frameworks.run("09", framework, **given)["v"]
    place = v.item() if framework == "PyTorch" else float(v)
    run = scene.fit(1.0, seed=0, batch_size=2, learning_rate=0.02, num_epochs=4)
    assert place == pytest.approx(run.params_at(4)[0], abs=1e-4)
    assert abs(place - 1) > 0.02


# ---- the picture -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def fewer_points_on_the_curve():
    """One batch size for each width that is compiled, and 2: half the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ch09_escape.lab, "SIZES", (1, 2, 16, 64))
        yield


@pytest.fixture(scope="module")
def lab():
    return ch09_escape.EscapeLab(batch_size=2)


WHERE = "batch size {0.batch_size}, rate {0.learning_rate:.3g}, start {0.start_at:.3g}, {0.updates} updates:".format


def strips(lab):
    """The three rows of dots: batches, full batch and noise, full batch."""
    return lab.picture.views[1].artists


def test_controls_change_the_picture_and_the_words(lab):
    page = Page(lab)
    for control, value, said in (
        ("batch_size", 4, "batch size 4, rate 0.02, start 1, 512 updates:"),
        ("updates", 160, "batch size 4, rate 0.02, start 1, 160 updates:"),
        ("start_at", 2.7, "start 2.7, 160 updates: 200 of 200"),
        ("start_at", 1.0, "start 1, 160 updates:"),
        ("updates", 512, "512 updates:"),
        ("batch_size", 2, "batch size 2,"),
    ):
        before = lab.frame["strokes"]
        page.wish(**{control: value})
        assert lab.frame["strokes"] != before
        assert page.shows[control] == value
        assert said in page.words
        assert page.words == lab.words()


def test_the_controls_stand_in_the_order_in_which_they_are_read(lab):
    rows = [(row["label"], row["kind"], row.get("hint", "")) for row in lab.rows["list"]]
    assert rows == [
        ("batch size", "whole", "1: SGD, 64: full-batch GD"),
        ("learning rate", "number", ""),
        ("start", "number", "turns a second"),
        ("updates", "steps", "looks up what was trained"),
        ("play", "press", ""),
        ("device", "menu", ""),
    ]


def test_a_typed_number_of_updates_becomes_the_nearest_that_is_remembered(lab):
    page = Page(lab)
    page.wish(updates=100)
    assert page.values["updates"] == lab.updates == 96
    page.wish(updates=512)


@pytest.mark.parametrize(("updates", "said"), [(48, "0 whole epochs"), (64, "1 whole epoch"), (512, "8 whole epochs")])
def test_the_facts_count_whole_epochs(lab, updates, said):
    lab.batch_size, lab.updates = 1, updates
    assert f"B = 1: 64 updates per epoch, {said}" in lab.facts()
    lab.batch_size, lab.updates = 2, 512


def test_what_is_drawn_is_what_runs_and_control_have_done(lab):
    lab.batch_size, lab.updates = 2, 512
    run = lab.scene.fit(1.0, seeds=200, batch_size=2, learning_rate=0.02, num_epochs=16)
    batches, noisy, full = strips(lab)
    np.testing.assert_array_equal(batches.get_xdata(), run.params_at(16)[:, 0])
    control = ch09_escape.descend(lab.scene, np.ones(200), 0.02, batch_size=2)[:, -1]
    np.testing.assert_array_equal(noisy.get_xdata(), control)
    assert np.ptp(full.get_xdata()) == 0
    hits = int((lab.scene.basin(run.params_at(16)[:, 0]) == lab.scene.good).sum())
    assert f"{hits} of 200" in lab.words()
    assert "Full batch without noise: 0 of 200 (all descents are the same)" in lab.words()
    curve = lab.picture.views[2].artists[3]
    assert curve.get_ydata()[1] == hits / 200
    assert curve.get_ydata()[-1] == 0


@pytest.mark.parametrize(("batch_size", "updates", "made"), [(1, 48, 0), (1, 64, 64), (3, 48, 44), (64, 48, 48)])
def test_batches_and_noise_are_looked_at_after_equally_many_updates(lab, batch_size, updates, made):
    lab.batch_size, lab.updates = batch_size, updates
    batches, noisy, _ = strips(lab)
    per_epoch = -(-64 // batch_size)
    run = lab.scene.fit(1.0, seeds=200, batch_size=batch_size, learning_rate=0.02, num_epochs=made // per_epoch)
    np.testing.assert_array_equal(batches.get_xdata(), run.params_at(made // per_epoch)[:, 0])
    control = ch09_escape.descend(lab.scene, np.ones(200), 0.02, batch_size=batch_size)[:, made]
    if batch_size < 64:
        np.testing.assert_array_equal(noisy.get_xdata(), control)
    else:
        np.testing.assert_array_equal(noisy.get_xdata(), batches.get_xdata())
        np.testing.assert_allclose(noisy.get_xdata(), control, rtol=1e-4)
    lab.batch_size, lab.updates = 2, 512


def test_at_no_update_everybody_is_at_the_start(lab):
    lab.updates = 0
    assert all((strip.get_xdata() == np.float32(lab.start_at)).all() for strip in strips(lab))
    lab.updates = 512


def test_frames_are_small_and_nothing_compiles(lab):
    standing = lab.standing
    with compilations() as compiled:
        for size in (1, 3, 64, 2):
            lab.batch_size = size
            assert 1e3 < len(lab.frame["strokes"]) <= 4e3
        lab.learning_rate = 0.06
        lab.start_at = 2.0
        assert 1e3 < len(lab.frame["strokes"]) <= 4e3
        for updates in (0, 16, 500, 512):
            lab.updates = updates
        lab.learning_rate, lab.start_at = 0.02, 1.0
    assert compiled == []
    assert lab.standing == standing  # what stands is sent once


def test_the_settings_asked_for_last_are_kept(lab):
    for start in np.linspace(1.0, 1.1, ch09_escape.lab.SETTINGS + 2):
        lab._known(0.5, float(start), lab.device)
    lab.updates = 496
    assert lab._known.cache_info().currsize == ch09_escape.lab.SETTINGS
    assert (2, "batches") in lab.known
    lab.updates = 512


@pytest.mark.parametrize(
    ("control", "typed", "said"),
    [
        ("batch_size", 65, "must be a whole number from 1 to 64. 64 are all samples"),
        ("learning_rate", 0, "must be a number above 0, up to 1"),
        ("start_at", 9, "start is 9; it must be a number from -0.5 to 6.5"),
        ("updates", 513, "must be a whole number from 0 to 512. The descents end there."),
        ("updates", "x", "must be a whole number"),
    ],
)
def test_impossible_values_are_refused_in_words(lab, control, typed, said):
    page, before = Page(lab), getattr(lab, control)
    page.wish(**{control: typed})
    assert said in page.message
    assert lab.frame["alarm"]
    assert getattr(lab, control) == before
    with pytest.raises((TypeError, ValueError), match=said):
        setattr(lab, control, typed)
    page.wish(batch_size=2)
    assert page.message == ""


def test_beyond_the_edge_and_outside_the_picture_are_said(lab):
    page = Page(lab)
    page.wish(learning_rate=0.5)
    assert "no descent settles in the minimum of this start" in page.message
    assert not lab.frame["alarm"]
    assert "outside the picture" in page.words
    page.wish(learning_rate=0.02)
    assert page.message == ""


def test_locked_until_the_prediction():
    lab = ch09_escape.EscapeLab(batch_size=2, locked=True)
    page = Page(lab)
    assert lab.rows["locked"]
    assert page.words == "batch size 2, rate 0.02, start 1, 512 updates: nothing has been released yet."
    assert sum(head[4] for head in unpacked(lab.frame["strokes"]) if head[0] == "m") == 1  # the start alone
    assert page.texts().count("predict first") == 2
    assert "Make your prediction" in page.message
    page.wish(batch_size=50)
    assert lab.batch_size == 2
    hidden = lab.frame["strokes"]
    quiz.ask("09.control", unlocks=lab).commit(1)
    assert not lab.rows["locked"]
    assert lab.frame["strokes"] != hidden
    assert "of 200" in page.words
    assert "predict first" not in page.texts()
    assert page.message == ""


def test_the_static_pictures_come_with_words(lab, scene):
    text, alt = labs.static_picture(lab)
    assert text == "EscapeLab: wheel"
    assert alt.startswith("batch size 2, rate 0.02")
    starts, rates = np.linspace(-0.5, 6.5, 29), np.geomspace(0.03, 0.2, 4)
    still = ch09_escape.ends_map(scene, starts, rates, ch09_escape.ends(scene, starts, rates))
    assert "100% of the starts end in the minimum of their own basin" in labs.static_picture(still)[1]


def test_the_newest_setting_wins_in_a_running_kernel():
    async def session():
        lab = ch09_escape.EscapeLab()
        for size in range(1, 20):
            lab.batch_size = size
        lab.learning_rate = 0.03
        lab.batch_size = 5
        await settled(lab)
        assert lab.error is None
        return lab.words()

    words = kernel(session)
    assert words.startswith("batch size 5, rate 0.03,")
    assert "being computed" not in words


def test_play_moves_its_slider_pauses_goes_on_and_begins_again(monkeypatch):
    monkeypatch.setattr(ch09_escape.lab, "PLAY_SECONDS", 1.0)

    async def session():
        lab = ch09_escape.EscapeLab(batch_size=2)
        page, seen = Page(lab), []
        lab.observe(lambda change: seen.append(change["new"]["shows"]["updates"]), "frame")
        await settled(lab)
        page.press("play")  # from the start, since all updates had been made
        while not 160 <= lab.updates < 512:
            lab._turns.acknowledged(lab.frame["count"])
            await asyncio.sleep(0.002)
        assert page.row("play")["label"] == "pause"
        page.press("play")
        await settled(lab)
        paused = lab.updates
        assert 160 <= paused < 512
        assert page.row("play")["label"] == "play"
        assert page.shows["updates"] == page.values["updates"] == paused
        assert f"{paused} updates:" in page.words
        page.wish(batch_size=1)  # the pause lasts
        await settled(lab)
        assert lab.updates == paused
        page.press("play")
        page.wish(batch_size=16)  # a slider that is moved does not end it
        await settled(lab)
        assert lab.updates == 512
        assert page.row("play")["label"] == "play"
        assert page.words.startswith("batch size 16,")
        assert len(set(seen)) > 10  # frames on the way
        assert lab.error is None

    kernel(session)


def test_the_first_picture_does_not_wait_for_the_whole_curve():
    async def session():
        lab = ch09_escape.EscapeLab(batch_size=2)
        assert "being computed" not in lab.frame["words"]
        assert {size for size, _ in lab.known} == {2, 64}
        await settled(lab)
        assert {size for size, _ in lab.known} == {1, 2, 16, 64}

    kernel(session)


def test_every_slider_can_be_dragged_from_end_to_end_and_back():
    async def session():
        lab, parts = ch09_escape.EscapeLab(batch_size=2), []
        lab.observe(lambda change: parts.append(change["new"]["words"]), "frame")
        await drag_every_slider(lab, WHERE, {"batch_size": 16, "learning_rate": 0.02})
        assert any("noise of the same variance: being computed" in words for words in parts)

    kernel(session)


def test_a_narrow_page_has_the_panels_below_each_other(lab):
    page = Page(lab)
    page.wish(width=380)
    assert lab.standing["width"] == 380
    tops = [axes.get_position().y1 for axes in lab.picture.figure.axes]
    assert tops == sorted(tops, reverse=True)
    page.wish(width=900)
    assert lab.standing["width"] == 900


def test_everything_can_be_read(lab):
    for width in (900, 420, 380):
        lab._fit(width)
        for size, start in ((2, 1.0), (64, 6.5), (1, -0.5)):
            lab.batch_size, lab.start_at = size, start
            labs.readable(lab.picture)
    lab._fit(900)
    lab.batch_size, lab.start_at = 2, 1.0
