"""Chapter 5: the exercise tells each mistake from the others; the grid, its measures, and the picture's rules."""

import asyncio

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.text import Text

import batchlab as bl
from batchlab import quiz
from batchlab.course import ch05_rates
from batchlab.course.ch05_rates import grids
from batchlab.shuffling import shuffles

from ..live.page import Page, compilations, kernel, settled, unpacked
from . import frameworks, labs
from .dragging import drag_every_slider

# ---- the exercises ---------------------------------------------------------------------------------------------------

MISTAKES = {
    "linear": (lambda batch_size, sizes, rates: rates[0] / sizes[0] * batch_size, "in proportion to B without end"),
    "from the last pair": (lambda b, sizes, rates: rates[-1] / sizes[-1] * b, "proportion from the last pair"),
    "the highest": (lambda batch_size, sizes, rates: max(rates), "this is the rate beyond the corner"),
    "square root": (lambda b, sizes, rates: rates[0] * (b / sizes[0]) ** 0.5, "this is a square-root rule"),
    "interpolated": (lambda b, sizes, rates: np.interp(b, sizes, rates), "a straight line from pair to pair"),
    "in the logarithms": (
        lambda b, sizes, rates: np.exp(np.interp(np.log(b), np.log(sizes), np.log(rates))),
        "pair in the logarithms",
    ),
    "one power": (
        lambda b, sizes, rates: np.exp(np.polyval(np.polyfit(np.log(sizes), np.log(rates), 1), np.log(b))),
        "one power of B through all pairs",
    ),
    "mean ratio": (lambda b, sizes, rates: b * np.mean(np.array(rates) / sizes), "averages rate / B over all pairs"),
    "a list": (lambda *args: [1.0, 2.0], "Return one number"),
    "something else": (lambda *args: 77.0, "the pairs tell two things"),
}


def check(answer):
    return quiz.exercise("05.rate_for").check(answer)


def test_the_solution_passes():
    namespace = {}
    exec(quiz.exercise("05.rate_for").code, namespace)
    assert repr(check(namespace["rate_for"])) == "Right: The rate for another batch size."
    assert check(lambda b, sizes, rates: np.array(min(b * max(np.divide(rates, sizes)), rates[-1])))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_typical_mistake_fails_with_its_own_words(mistake):
    labs.has_its_own_words(check, MISTAKES, mistake)


def test_a_blank_and_a_crash_are_said():
    assert "nothing is filled in" in repr(check(lambda *args: ...))
    assert "ZeroDivisionError" in repr(check(lambda *args: 1 / 0))


EXPERIMENTS = {
    "in proportion to the end": ({2: 1 / 8, 16: 1.0, 128: 8.0}, "a third of it at"),
    "too low": ({2: 1 / 8, 16: 0.1, 128: 2.0}, "three times as much at"),
    "one for all": ({2: 1.0, 16: 1.0, 128: 1.0}, "nearly the same"),
    "two alone": ({2: 1.0, 16: 1.0}, "a rate for each batch size, as {2: ..., 16: ..., 128: ...}"),
    "a word": ({2: "low", 16: 1.0, 128: 2.0}, "the rate of batch size 2 is 'low'; it must be a number above 0"),
}


def test_the_experiment_is_judged_by_training():
    namespace = {"bl": bl, "np": np, "ch05_rates": ch05_rates}
    exec(quiz.exercise("05.three_rates").code, namespace)
    assert quiz.exercise("05.three_rates").check(namespace["found"])
    assert "nothing is filled in" in repr(quiz.exercise("05.three_rates").check({2: ..., 16: ..., 128: ...}))


@pytest.mark.parametrize("mistake", EXPERIMENTS)
def test_a_wrong_experiment_is_told_what_is_wrong(mistake):
    labs.has_its_own_words(quiz.exercise("05.three_rates").check, EXPERIMENTS, mistake)


# ---- what is measured ------------------------------------------------------------------------------------------------


def bowl(curvatures):
    """A loss whose Hessian is known: a linear model of two inputs, squared error, gradient and curvature by hand."""
    x = np.sqrt(np.diag(curvatures)).astype(np.float32)  # two samples; the Hessian is x^T x times 2 / N
    problem = bl.Problem(x=x, y=np.zeros((2, 1), np.float32), x_val=x, y_val=np.zeros((2, 1), np.float32))
    model = bl.Model(lambda key: jnp.ones((2, 1)), lambda params, x: x @ params)
    return problem, model, model.init(jax.random.key(0))


def test_the_largest_and_the_stable_rate_of_a_bowl():
    problem, model, params = bowl([3.0, 1.0])
    hessian = np.diag([3.0, 1.0])  # 2 / N is 1
    grads = hessian @ np.ones(2)
    assert bl.measure.largest_rate(problem, model, params) == pytest.approx(grads @ grads / (grads @ hessian @ grads))
    assert bl.measure.stable_rate(problem, model, params) == pytest.approx(2 / 3, rel=1e-3)


def test_where_the_loss_bends_downwards_most():
    # The largest curvature is wanted, not the one of the largest size: f = -2 a^2 + b^2 / 2 near the point.
    x = np.zeros((1, 1), np.float32)
    problem = bl.Problem(x=x, y=x, x_val=x, y_val=x)

    def predict(params, x):  # its square is the loss
        return jnp.sqrt(10 - 2 * params[0] ** 2 + params[1] ** 2 / 2)[None, None] + x

    model = bl.Model(lambda key: jnp.array([0.1, 0.3]), predict)
    params = model.init(None)
    assert bl.measure.stable_rate(problem, model, params) == pytest.approx(2.0, rel=1e-3)
    downhill = bl.Model(lambda key: jnp.array([0.1, 0.0]), predict)
    assert bl.measure.largest_rate(problem, downhill, downhill.init(None)) == np.inf


def test_the_rule_is_linear_then_flat():
    sizes = np.array([1, 2, 1000, 2000])
    rates = bl.measure.matched_rate(sizes, 5.0, 50)
    assert rates[1] / rates[0] == pytest.approx(2, rel=0.03)
    assert rates[3] / rates[2] == pytest.approx(1, rel=0.03)
    assert bl.measure.matched_rate(50, 5.0, 50) == 2.5
    assert bl.measure.fitted_largest(sizes, rates, 50) == pytest.approx(5.0)


def test_guessing_costs_entropy_or_variance():
    x, y = np.zeros((4, 1), np.float32), np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    problem = bl.Problem(x=x, y=y, x_val=x, y_val=y, kind="classification", classes=("a", "b"))
    assert bl.measure.guessing_loss(problem) == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    y = np.array([[1.0], [2.0], [3.0], [6.0]], np.float32)
    assert bl.measure.guessing_loss(bl.Problem(x=x, y=y, x_val=x, y_val=y)) == pytest.approx(3.5)


def test_the_edge_is_above_the_best_rate():
    find = bl.measure.best_and_edge
    assert find([1, 2, 4, 8, 16], [5.0, 1.0, 2.0, 3.0, 1.5], 2.5) == (2, 4, 8)  # too slow below; lucky beyond
    assert find([1, 2, 4], [3.0, 2.0, np.nan], 2.5) == (2, 2, 4)
    assert find([1, 2], [3.0, 2.0], 2.5) == (2, 2, np.inf)
    best, edge, beyond = find([1, 2], [4.0, 3.0], 2.5)
    assert (best, beyond) == (2, 2)
    assert np.isnan(edge)


# ---- the grid and the picture ----------------------------------------------------------------------------------------


def small_problem():
    return bl.data.digits(n=24, label_noise=0, n_val=20)


def small_grid():
    """A grid that takes a second: no hidden layer, 24 digits, three seeds; kept for this file's tests."""
    return grids.RateGrid(small_problem(), hidden=(), seeds=3)


@pytest.fixture(scope="module")
def grid():
    return small_grid().run(progress=False)


@pytest.fixture(scope="module")
def lab(grid):
    return ch05_rates.RateMap(small_grid(), batch_size=8)


def test_the_grid_knows_its_runs(grid):
    assert grid.batch_sizes.tolist() == [1, 2, 4, 8, 16, 24]
    assert grid.finished == grid.total == 6 * (len(grid.coarse) + grids.MORE) * 3
    for size in grid.batch_sizes.tolist():
        rates = grid.rates(size)
        assert set(grid.coarse) < set(rates)
        assert len(set(rates)) == len(grid.coarse) + grids.MORE
        best, edge, beyond = grid.best_and_edge(size, "equal epochs")
        assert best <= edge < beyond
        assert beyond <= 2 * edge or np.isinf(beyond)  # refined where the edge lies


@pytest.mark.parametrize("budget", grids.BUDGETS)
def test_a_cell_is_what_fit_makes_of_it(grid, budget):
    size, rate = 8, 0.25
    epochs = 10 if budget == "equal epochs" else 64 / 3
    assert grid.epochs_at(size, budget) == pytest.approx(epochs)
    run = bl.fit(grid.problem, hidden=(), batch_size=size, learning_rate=rate, num_epochs=22, seeds=3)
    for column, losses in enumerate((run.train_loss, run.val_loss)):
        expected = [np.interp(epochs, np.arange(23), loss) for loss in losses]
        np.testing.assert_allclose(grid.ends(size, rate, budget)[:, column], expected, rtol=0.02)


def test_a_diverged_run_is_the_worst_there_is():
    problem = bl.data.noisy_sine(n=8)
    grid = grids.RateGrid(problem, hidden=(4,), seeds=1, keep=False).run(progress=False)
    assert grid.ends(8, 64.0, "equal epochs")[0, 0] == np.inf
    assert dict(zip(*grid.losses(8, "equal epochs"), strict=True))[64.0] == np.inf
    assert grid.limit == pytest.approx(problem.y.var())


def test_a_run_that_breaks_at_the_budget_is_lost_as_one_before_it():
    grid = grids.RateGrid(small_problem(), hidden=(), keep=False)
    for seed, end in enumerate([[1.0, 2.0], [np.nan, 2.0], [3.0, 4.0]]):  # training and validation loss after 10 epochs
        curve = np.ones((11, 4))
        curve[-1, :2] = end
        grid._sweep.curves[24, 0.25, seed] = curve
    expected = [[1, 2], [np.inf, np.inf], [3, 4]]
    np.testing.assert_allclose(grid.ends(24, 0.25, "equal epochs"), expected)
    assert grid.losses(24, "equal epochs") == ([0.25], [pytest.approx(3)])


def test_the_work_can_be_stopped_anywhere_and_goes_on():
    grid = grids.RateGrid(small_problem(), hidden=(), seeds=1, keep=False)
    for _, _ in zip(range(5), grid.work(), strict=False):
        pass
    done = grid.finished
    assert 0 < done < grid.total
    grid.slices.close()  # as an interrupt would
    grid.slices = None
    assert grid.run(progress=False).finished == grid.total
    grid.refine()
    assert grid.finished < grid.total
    assert grid.run(progress=False).finished == grid.total
    assert len(grid.rates(1)) == len(grid.coarse) + 2 * grids.MORE


def test_sliders_change_the_picture_and_the_words(lab):
    page = Page(lab)
    for control, value, said in (("batch_size", 16, "batch size 16, "), ("learning_rate", 4.0, "learning rate 4:")):
        before = lab.frame["strokes"]
        page.wish(**{control: value})
        assert lab.frame["strokes"] != before
        assert said in lab.words()
        assert page.words == lab.words()


def test_what_is_shown_is_what_was_run(lab, grid):
    lab.batch_size, lab.learning_rate, lab.compare = 8, 0.25, "equal epochs"
    loss = np.median(grid.ends(8, 0.25, "equal epochs")[:, 0])
    assert f"batch size 8, learning rate 0.25: after 10 epochs (30 updates) training loss {loss:.3g}, " in lab.words()
    best, edge, beyond = grid.best_and_edge(8, "equal epochs")
    assert f"{best:.3g} is the best rate, and the edge lies between {edge:.3g} and {beyond:.3g}" in lab.words()
    np.testing.assert_allclose(lab.best, grid.best("equal epochs"))
    lab.compare = "equal iterations"
    assert "(64 updates)" in lab.words()
    np.testing.assert_allclose(lab.best, grid.best("equal iterations"))
    lab.compare = "equal epochs"


def test_the_sliders_go_from_cell_to_cell(lab):
    page = Page(lab)
    assert page.row("batch_size")["steps"] == [1, 2, 4, 8, 16, 24]
    for size in (1, 24):
        page.wish(batch_size=size)
        rates = page.row("learning_rate")["steps"]
        assert rates == lab.grid.rates(size)
        page.wish(learning_rate=rates[3])
        assert lab.learning_rate == rates[3]


def test_a_typed_number_is_the_nearest_cell(lab):
    page = Page(lab)
    page.wish(batch_size=10, learning_rate=0.9)
    assert (lab.batch_size, lab.learning_rate) == (8, 1)
    assert (page.values["batch_size"], page.values["learning_rate"]) == (8, 1)


@pytest.mark.parametrize("size", [1, 8, 24])
def test_another_batch_size_takes_the_nearest_of_its_rates(lab, size):
    for rate in lab.grid.rates(size):
        for other in lab.grid.batch_sizes.tolist():
            lab.batch_size, lab.learning_rate = size, rate
            lab.batch_size = other
            away = np.abs(np.log(np.array(lab.grid.rates(other)) / rate))
            assert abs(np.log(lab.learning_rate / rate)) == pytest.approx(away.min())


def test_a_click_chooses_a_cell(lab):
    page, axes = Page(lab), lab.picture.figure.axes[0]
    x, y = axes.transData.transform((2.2, np.log2(0.25)))
    page.click(x, lab.picture.height - y)
    assert (lab.batch_size, lab.learning_rate) == (4, 0.25)
    page.click(0.99 * lab.picture.width, 100)  # beside the map
    assert (lab.batch_size, lab.learning_rate) == (4, 0.25)


def test_a_click_at_the_end_of_a_refined_map_chooses_the_last_rate():
    grid = grids.RateGrid(bl.data.two_moons(n=4), optimizer="Adam", hidden=(), seeds=1, keep=False)
    for _ in range(3):
        grid.run(progress=False).refine()
    lab = ch05_rates.RateMap(grid, learning_rate=1.0, batch_size=4)
    axes = lab.picture.figure.axes[0]
    for height, rate in ((axes.get_ylim()[1] - 0.05, 4.0), (axes.get_ylim()[0] + 0.05, 4.0**-5)):
        lab.clicked(*axes.transData.transform((2, height)))
        assert lab.learning_rate == rate


def test_beyond_the_edge_is_said(lab):
    lab.batch_size, lab.learning_rate = 1, 64.0
    assert "beyond the edge of stability" in lab.words()


@pytest.fixture(scope="module")
def moons():
    """Runs on two moons, where guessing costs less than 1, and the full batch is too slow at the lowest rate."""
    return grids.RateGrid(bl.data.two_moons(n=16), hidden=(), seeds=1, keep=False).run(progress=False)


def test_every_cell_that_is_no_better_than_guessing_is_crossed_and_no_other(moons):
    kinds, lost = ch05_rates.views.image(moons, "equal epochs")
    for column, size in enumerate(moons.batch_sizes.tolist()):
        rates, losses = map(np.array, moons.losses(size, "equal epochs"))
        np.testing.assert_allclose(2 ** lost[lost[:, 0] == column, 1], rates[losses >= moons.limit])
    assert kinds[0, -1] == kinds[-1, 0] == 8  # white


def test_a_run_that_is_too_slow_is_not_called_beyond_the_edge(moons):
    lab = ch05_rates.RateMap(moons, batch_size=16, learning_rate=1 / 64)
    assert np.median(moons.loss_at(16, 1 / 64, "equal epochs")) >= moons.limit
    assert "the edge lies between 16 and 32: this rate is 0.00391 times the best. " in lab.words()


def test_an_edge_that_is_not_on_the_map_is_said_in_words(moons, monkeypatch):
    lab = ch05_rates.RateMap(moons, batch_size=16, learning_rate=1.0)
    for found, said in (
        ((4.0, 64.0, np.inf), "4 is the best rate, and the edge lies beyond 64: this rate is 0.25 times the best."),
        (
            (0.5, np.nan, 0.5),
            "0.5 is the best rate, and no rate is better than guessing: this rate is 2 times the best.",
        ),
    ):
        monkeypatch.setattr(moons, "best_and_edge", lambda *args, found=found: found)
        assert said in lab.words()


def test_while_the_map_fills_the_words_stand_at_what_is_known(monkeypatch):
    grid = grids.RateGrid(small_problem(), hidden=(), seeds=1, keep=False)
    next(rest for rest in grid.work() if 14 <= grid.finished < 21)  # seven rates for each batch size
    monkeypatch.setattr(ch05_rates.RateMap, "work", lambda lab: iter(()))
    lab = ch05_rates.RateMap(grid, batch_size=1)
    assert np.isnan(lab.best).tolist() == [False, False, True, True, True, True]
    words = [artist for artist in lab._lines.artists if isinstance(artist, Text)]
    assert all(word.get_visible() for word in words)
    assert np.isfinite([word.get_position() for word in words]).all()


def test_where_all_runs_were_kept_nothing_is_said_to_be_compiled(lab):
    assert ch05_rates.RateMap(small_grid(), batch_size=8).frame["message"] == ""


def test_frames_are_small_nothing_compiles_and_what_stands_is_not_drawn_anew(lab):
    lab.batch_size = 8
    standing = lab.standing["count"]
    with compilations() as compiled:
        for size in lab.grid.batch_sizes.tolist():
            lab.batch_size = size
            for rate in (1 / 64, 1.0, 64.0):
                lab.learning_rate = rate
                assert 5e2 < len(lab.frame["strokes"]) <= 6e3
    assert compiled == []
    assert lab.standing["count"] == standing


def test_each_optimizer_has_a_map_of_its_own():
    lab = ch05_rates.RateMap(small_grid(), batch_size=8)
    page, sgd = Page(lab), lab.grid
    page.wish(optimizer="Adam")
    assert lab.grid.finished == lab.grid.total
    assert set(page.row("learning_rate")["steps"]) > set(grids.OPTIMIZERS["Adam"][1])
    assert lab.words().startswith("Adam, batch size 8, learning rate 1:")
    run = bl.fit(sgd.problem, hidden=(), optimizer=optax.adam, batch_size=8, learning_rate=0.25, num_epochs=10, seeds=3)
    found = lab.grid.ends(8, 0.25, "equal epochs")[:, 0]
    np.testing.assert_allclose(found, run.train_loss[:, -1], rtol=0.02)
    with compilations() as compiled:
        page.wish(optimizer="SGD")
    assert compiled == []
    assert lab.grid is sgd
    assert lab.words().startswith("batch size 8")


def test_a_new_optimizer_is_a_wait_that_is_seen_as_one():
    async def session():
        lab = ch05_rates.RateMap(grids.RateGrid(small_problem(), hidden=(), seeds=1, keep=False), batch_size=8)
        page = Page(lab)
        await settled(lab)
        page.wish(optimizer="momentum")
        await until(lab, lambda: "momentum is being compiled" in lab.frame["message"])
        assert lab.grid.finished == 0
        await settled(lab)
        assert lab.grid.finished == lab.grid.total
        return lab.frame["message"]

    assert kernel(session) == ""


@pytest.mark.parametrize("width", [900, 420, 380])
def test_the_back_row_can_read_it(width):
    lab = ch05_rates.RateMap(small_grid(), batch_size=8)
    lab._fit(width)
    for optimizer, size, rate in (("SGD", 8, 1.0), ("SGD", 1, 64.0), ("Adam", 24, 0.01), ("momentum", 2, 1 / 256)):
        lab.optimizer, lab.batch_size = optimizer, size  # a rate that it does not have becomes the nearest
        lab.learning_rate = rate
        lab.wait()
        labs.readable(lab.picture)


@pytest.mark.parametrize(
    ("control", "typed", "said"),
    [
        ("batch_size", 25, "must be a whole number from 1 to 24"),
        ("batch_size", "x", "must be a whole number"),
        ("learning_rate", -1, "learning rate is -1"),
    ],
)
def test_impossible_values_are_refused_in_words(lab, control, typed, said):
    page, before = Page(lab), getattr(lab, control)
    page.wish(**{control: typed})
    assert said in page.message
    assert getattr(lab, control) == before
    page.wish(compare="equal epochs")
    assert page.message == ""


def test_locked_until_the_prediction():
    lab = ch05_rates.RateMap(small_grid(), batch_size=16, locked=True)
    page = Page(lab)
    assert lab.rows["locked"]
    hidden = lab.frame["strokes"]
    assert unpacked(hidden) == []
    assert "loss" not in page.words
    assert "Make your prediction" in page.message
    page.click(200, 200)
    page.wish(batch_size=1)
    assert lab.batch_size == 16
    quiz.ask("05.best_rate", unlocks=lab).commit(3)
    assert not lab.rows["locked"]
    assert lab.frame["strokes"] != hidden
    assert "training loss" in page.words


def test_the_static_picture_comes_with_words(lab):
    text, alt = labs.static_picture(lab)
    assert text == "RateMap: digits"
    assert alt.startswith("batch size ")


async def until(lab, condition, seconds=30):
    """Wait for something, as a page that sees every frame."""
    async with asyncio.timeout(seconds):
        while not condition():
            lab._acknowledged(lab, {"seen": lab.frame["count"]}, [])
            await asyncio.sleep(0.005)


def test_stopping_going_on_and_the_newest_setting_in_a_running_kernel():
    async def session():
        lab = ch05_rates.RateMap(grids.RateGrid(small_problem(), hidden=(), seeds=2, keep=False), batch_size=8)
        page = Page(lab)
        await until(lab, lambda: lab.grid.finished >= 20)
        for size in (1, 2, 4, 8, 16):
            page.wish(batch_size=size)
        page.press("stop_or_go_on")
        await settled(lab)
        stopped, facts = lab.grid.finished, lab.frame["facts"]
        await asyncio.sleep(0.1)
        assert lab.grid.finished == stopped < lab.grid.total
        assert f"{stopped} of {lab.grid.total} runs, stopped" in facts
        assert page.row("stop_or_go_on")["label"] == "go on"
        assert "disabled" not in page.row("stop_or_go_on")
        assert page.row("refine")["disabled"]
        page.press("stop_or_go_on")
        await settled(lab)
        assert lab.grid.finished == lab.grid.total
        assert lab.frame["facts"][0].startswith("all ")
        page.press("refine")
        await settled(lab)
        assert lab.grid.finished == lab.grid.total == 6 * 2 * (len(lab.grid.coarse) + 2 * grids.MORE)
        return lab.words()

    assert kernel(session).startswith("batch size 16, learning rate 1: after")


def test_a_slider_that_moves_while_the_map_fills_does_not_say_that_training_is_compiled():
    async def session():
        lab = ch05_rates.RateMap(grids.RateGrid(small_problem(), hidden=(), seeds=2, keep=False), batch_size=8)
        page, said = Page(lab), []
        await until(lab, lambda: lab.grid.finished >= 10)
        lab.observe(lambda change: said.append(change["new"]["message"]), "frame")
        for size in (1, 2, 4):
            page.wish(batch_size=size)
            await until(lab, lambda size=size: lab.frame["shows"]["batch_size"] == size)
        page.press("stop_or_go_on")
        await settled(lab)
        return set(said)

    assert kernel(session) == {""}


def test_every_slider_can_be_dragged_from_end_to_end_and_back():
    async def session():
        lab = ch05_rates.RateMap(small_grid(), batch_size=8)
        beginning = "batch size {0.batch_size}, learning rate {0.learning_rate:.3g}:".format
        await drag_every_slider(lab, beginning, {"batch_size": 4})

    kernel(session)


# ---- powers, plans and still pictures --------------------------------------------------------------------------------


def made_up(power, corner=64, draws=3):
    """Best rates that follow a power of B up to a corner, each draw at another height."""
    sizes = 2 ** np.arange(10)
    rates = np.minimum(sizes, corner) ** power * np.geomspace(0.1, 0.2, draws)[:, None]
    return grids.BestRates(f"power {power}", "equal epochs", sizes, rates)


def test_the_power_is_told_with_its_interval():
    best = made_up(0.5)
    value, low, high = best.power()
    assert low <= value <= high
    assert value == pytest.approx(0.5)
    assert best.times(1, 64) == pytest.approx(8)
    noisy = best._replace(rates=best.rates * np.array([1, 2, 0.5])[:, None] ** np.log2(best.batch_sizes))
    half = 4.3027 * np.std([0.5, 1.5, -0.5], ddof=1) / np.sqrt(3)  # Student's t for three draws
    np.testing.assert_allclose(noisy.power(), (0.5, 0.5 - half, 0.5 + half), rtol=1e-4)


def test_the_law_is_read_off_below_and_beyond_the_corner():
    best = made_up(1.0)
    corner, law = best.law()
    assert corner == pytest.approx(64)
    np.testing.assert_allclose(law, np.median(best.rates, axis=0))


def test_between_the_steps_of_the_grid_a_parabola_finds_the_best_rate():
    rates = 2.0 ** np.arange(-3, 4)
    losses = np.exp((np.log(rates) - np.log(1.3)) ** 2)
    assert grids._lowest(rates, losses) == pytest.approx(1.3)
    assert grids._lowest(rates, np.where(rates > 1, np.inf, losses)) <= 1
    assert grids._lowest(rates, rates) == rates[0]


def test_a_plan_is_a_chain_of_runs():
    problem = small_problem()
    updates, losses = ch05_rates.descend(problem, [(8, 0.5, 2), (24, 1.0, 3)])
    assert updates.tolist() == [0, 3, 6, 7, 8, 9]
    first = bl.fit(problem, hidden=(32,), batch_size=8, learning_rate=0.5, num_epochs=2)
    np.testing.assert_array_equal(losses[:3], first.train_loss)


def test_still_pictures_say_what_they_show():
    sgd, adam = made_up(1.0), made_up(0.5)
    middle = np.median(sgd.rates, axis=0)
    said = ch05_rates.rules(sgd, {"right": middle, "twice": 2 * middle}).alt
    assert "right: off by a factor of up to 1.0; twice: off by a factor of up to 2.0." in said
    assert "power 0.5: 0.50 (0.50 to 0.50)" in ch05_rates.powers(sgd, adam).alt
    ends = {"one": np.array([[0.5, 0.7], [np.inf, 2.0]]), "two": np.array([[0.5, 0.7], [0.1, 0.1]])}
    assert "one: 0.6, 16 at rates 1, 2; two: 0.6, 0.1 at rates" in ch05_rates.against_rate([1, 2], ends).alt


def test_one_rate_for_all_is_compared_with_the_best_ones(grid):
    said = ch05_rates.one_rate(grid, 1 / 4).alt
    loss = np.median(grid.ends(24, 1 / 4, "equal epochs")[:, 0])
    assert "equal epochs, one rate: " in said
    assert f"{loss:.3g} at B = 24" in said


def test_schedules_are_drawn_at_equal_epochs_and_at_equal_updates():
    losses = np.array([[2.0, 1.0, 0.5], [2.0, 1.2, 0.7]])
    names = ("one", 8), ("two", 6), ("three", 8)
    still = ch05_rates.schedules({name: (np.array([0, 4, last]), losses) for name, last in names})
    left, right = still.figure.axes
    assert [line.get_xdata()[-1] for line in left.lines] == [2, 2, 2]
    assert [line.get_xdata()[-1] for line in right.lines] == [8, 6, 8]
    assert "one: 0.6 after 8 updates; two: 0.6 after 6 updates" in still.alt


# ---- in your framework -----------------------------------------------------------------------------------------------


def epoch_elsewhere():
    """An epoch of the course, and what another framework needs for the same: the loss at its end, and names."""
    problem = ch05_rates.digits()
    run = bl.fit(problem, hidden=(32,), batch_size=64, learning_rate=6.4, num_epochs=1)
    rows = np.array_split(np.array(shuffles(0, 0, 512)[0]), 8)  # a copy, which may be written to
    return problem, run, {"batch_size": 64, "batches": rows}


def test_optax_makes_the_same_epoch():
    problem, run, names = epoch_elsewhere()
    loss = bl.models.loss_of(run.model, "classification")
    names |= {"x": problem.x, "y": problem.y, "loss": lambda *args: loss(*args).mean(), "params": run.params_at(0)}
    done = frameworks.run("05", "Optax", optax=optax, jax=jax, **names)
    assert done["rate"] == pytest.approx(6.4)
    assert names["loss"](done["params"], problem.x, problem.y) == pytest.approx(run.train_loss[1], abs=1e-5)


def test_pytorch_makes_the_same_epoch():
    torch = pytest.importorskip("torch")
    problem, run, names = epoch_elsewhere()
    layers = [torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10)]
    for layer, (weight, bias) in zip(layers[::2], run.params_at(0), strict=True):
        layer.weight.data, layer.bias.data = torch.tensor(np.array(weight.T)), torch.tensor(np.array(bias))
    model = torch.nn.Sequential(*layers)
    x, y = torch.tensor(np.array(problem.x)), torch.tensor(np.array(problem.y))
    frameworks.run("05", "PyTorch", torch=torch, model=model, x=x, y=y, **names)
    end = torch.nn.functional.cross_entropy(model(x), y).item()
    assert end == pytest.approx(run.train_loss[1], abs=1e-5)
