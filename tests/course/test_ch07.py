"""Chapter 7: bytes and times of a step, its picture, its exercise, and the same run on several devices."""

import functools
import json
import re
import socket
import subprocess
import sys

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import measure, quiz
from batchlab.course import ch07_devices
from batchlab.course.ch07_devices import accumulate, exercise, gpus, plans, results
from batchlab.course.ch07_devices.lab import ASKED, MICRO_BATCHES, STEP, TIMED
from batchlab.course.ch07_devices.views import in_bytes
from batchlab.measure import devices

from ..live.page import Page, compilations, kernel, settled
from . import frameworks, labs
from .dragging import drag_every_slider

WHOLE = next(iter(MICRO_BATCHES))  # no micro-batches

# ---- the exercise ----------------------------------------------------------------------------------------------------


def pieces_of(gradient, x, y, m):
    """The gradients of the pieces, and how many samples each has."""
    pieces = [(x[i : i + m], y[i : i + m]) for i in range(0, len(x), m)]
    return [gradient(*piece) for piece in pieces], [len(piece[0]) for piece in pieces]


def whole_pieces_only(gradient, x, y, m):
    m = min(m, len(x))
    return np.mean([gradient(x[i : i + m], y[i : i + m]) for i in range(0, len(x) - m + 1, m)], axis=0)


def too_far(gradient, x, y, m):
    return sum(gradient(x[i : i + m], y[i : i + m]) for i in range(0, len(x) + 1, m))


MISTAKES = {
    "mean of means": (lambda *args: np.mean(pieces_of(*args)[0], axis=0), "counts as much as the others"),
    "sum of means": (lambda *args: np.sum(pieces_of(*args)[0], axis=0), "the sum of the pieces' means: as many times"),
    "divided twice": (lambda *args: sum(pieces_of(*args)[0]) / len(args[1]), "divided by its own samples already"),
    "sum": (lambda *args: np.dot(*pieces_of(*args)[::-1]), "the sum over the samples. Divide"),
    "by the piece": (lambda *args: sum(pieces_of(*args)[0]) / args[3], "divided by the size of a piece"),
    "the last": (lambda *args: pieces_of(*args)[0][-1], "the last piece alone"),
    "the first": (lambda *args: pieces_of(*args)[0][0], "the first piece alone"),
    "without the rest": (whole_pieces_only, "is left out"),
    "all at once": (lambda gradient, x, y, m: gradient(x, y), "was asked for 8 samples at once"),
    "a list": (lambda *args: np.array(pieces_of(*args)[0]), "the gradients of the pieces: add them up"),
    "a number": (lambda *args: 1.0, "the shape of the result is ()"),
    "no numbers": (lambda *args: "x", "the result is 'x'. Return the sum of the pieces, an array."),
    "more than was asked": (lambda *args: (np.ones(3), 8), "the result is (array([1., 1., 1.]), 8)"),
    "one sample as a row": (lambda gradient, x, y, m: gradient(x[0], y[0]), "Give it rows of x"),
    "beyond the end": (too_far, "with no samples at all"),
    "something else": (lambda *args: np.ones(3), "each times its share of the samples"),
    "a crash": (lambda *args: 1 / 0, "stopped"),
}


def check(answer):
    return quiz.exercise("07.accumulate").check(answer)


def test_the_solution_passes():
    namespace = {"np": np}
    exec(quiz.exercise("07.accumulate").code, namespace)
    assert repr(check(namespace["accumulate"])) == "Right: The same gradient, piece by piece."
    assert check(lambda *args: np.dot(*pieces_of(*args)[::-1]) / len(args[1]))
    assert check(lambda *args: jnp.asarray(accumulate(*args)).astype(float))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_typical_mistake_fails_with_its_own_words(mistake):
    labs.has_its_own_words(check, MISTAKES, mistake)


def test_a_blank_is_said_to_be_blank():
    assert "nothing is filled in" in repr(check(lambda *args: ...))
    assert "nothing is filled in" in repr(quiz.exercise("07.largest").check(...))


@pytest.fixture(scope="module")
def largest():
    """The largest batch of the second exercise, by its own solution."""
    namespace = {"bl": bl, "ch07_devices": ch07_devices}
    exec(quiz.exercise("07.largest").code, namespace)
    return namespace["answer"]


def test_the_largest_batch_fits_and_a_larger_one_does_not(largest):
    sizes = [plans.plan(optax.adam(0.001), size, exercise.IMAGES).total for size in (largest, int(1.01 * largest))]
    assert sizes[0] <= exercise.BUDGET < sizes[1]
    assert repr(quiz.exercise("07.largest").check(largest)) == "Right: The largest batch."


LARGEST = {
    "no constant": (lambda n: 1.33 * n, "the constant is missing"),
    "SGD": (lambda n: 1.215 * n, "this is SGD's constant"),
    "once": (lambda n: 1.16 * n, "counts parameters and state once"),
    "images": (lambda n: exercise.BUDGET / (4 * 794), "counts the images and their labels"),
    "the chapter's network": (lambda n: 14_600, "this is the chapter's network"),
    "each as dear as one": (lambda n: 4, "as dear as B = 1"),
    "too many": (lambda n: 50_000, "does not fit"),
    "too few": (lambda n: 1000, "leaves room"),
    "words": (lambda n: "many", "Hand in one number"),
}


@pytest.mark.parametrize("mistake", LARGEST)
def test_each_wrong_largest_batch_fails_with_its_own_words(mistake, largest):
    mistakes = {name: (wrong(largest), told) for name, (wrong, told) in LARGEST.items()}
    labs.has_its_own_words(quiz.exercise("07.largest").check, mistakes, mistake)


def test_what_is_no_number_of_samples_is_said_to_be_none():
    for answer in (float("nan"), -3, [2893]):
        assert f"the answer is {answer!r}. Hand in one number" in repr(quiz.exercise("07.largest").check(answer))


# ---- in your framework, other optimizers, GPUs -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def large_step():
    """Parameters, a batch of 256 digits, and the parameters after one step on the whole batch."""
    model, problem = STEP[0], bl.data.digits(n=256)
    params = model.init(jax.random.key(0))

    def loss(params, x, y):
        return bl.models.cross_entropy(model.predict(params, x), y).mean()

    after = jax.tree.map(lambda leaf, grad: leaf - 0.1 * grad, params, jax.grad(loss)(params, problem.x, problem.y))
    return params, loss, problem.x, problem.y, after


def test_optax_makes_the_step_of_the_whole_batch(large_step):
    params, loss, x, y, after = large_step
    found = frameworks.run("07", "Optax", jax=jax, optax=optax, params=params, loss=loss, x=x, y=y)
    for leaf, expected in zip(*map(jax.tree.leaves, (found["params"], after)), strict=True):
        np.testing.assert_allclose(leaf, expected, atol=1e-6)


def test_pytorch_makes_the_step_of_the_whole_batch(large_step):
    torch = pytest.importorskip("torch")
    params, _, x, y, after = large_step
    layers = [torch.nn.Linear(64, 128), torch.nn.Linear(128, 10)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, params, strict=True):
            layer.weight.copy_(torch.tensor(np.array(weight.T)))
            layer.bias.copy_(torch.tensor(np.array(bias)))
    model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1])
    frameworks.run("07", "PyTorch", torch=torch, model=model, x=torch.tensor(np.array(x)), y=torch.tensor(np.array(y)))
    for layer, (weight, bias) in zip(layers, after, strict=True):
        np.testing.assert_allclose(layer.weight.detach().numpy(), np.array(weight).T, atol=1e-6)
        np.testing.assert_allclose(layer.bias.detach().numpy(), bias, atol=1e-6)


def test_plain_sgd_is_planned_as_the_course_plans_it():
    for size in (1, 64, 1024):
        ours, courses = plans.plan(plans.OPTIMIZERS["SGD"], size).total, measure.step_bytes(*STEP, size).total
        assert ours == pytest.approx(courses, abs=16)  # there the rate is an argument


def test_what_cannot_be_planned_is_refused_in_words():
    with pytest.raises(TypeError, match="it must be one with its rate"):
        plans.plan(optax.adam, 64)  # as `fit` takes it
    with pytest.raises(TypeError, match=r"batch_size is 64\.5; it must be a whole number"):
        plans.plan(optax.adam(0.001), 64.5)


def test_plans_are_said_to_be_those_of_the_device_for_which_they_were_made(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")  # which is there, but another is JAX's default device
    assert ch07_devices.optimizers_memory().alt.startswith("What a step takes, as the CPU's compiler plans it.")


def test_without_results_it_says_that_nothing_was_measured(tmp_path):
    assert "Not yet measured on a GPU" in repr(ch07_devices.on_a_gpu(tmp_path))
    assert "Not yet measured on a GPU" in repr(ch07_devices.on_a_gpu(tmp_path / "missing"))


ABOUT = {"driver and memory": "570.1, 81559 MiB", "jax": "0.11.2", "processor": "a CPU with a long name, 16 cores"}
PLAIN, EXACT = "products as JAX comes", "products in float32"


def put(folder, name, device, date="2026-01-02 03:04 UTC", rehearsal=False, parts=True, rate=1e6, counted=110.0):
    """A file as `make gpu` writes it; the numbers are made up."""
    columns, rows = ["setting", "B", "samples/s", "MB planned", "MB counted"], [[PLAIN, 1, 5000.0, 50.0, 51.0]]
    rows += [[PLAIN, 256, rate, 100.0, counted], [EXACT, 1, 3.0, 1.0, 1.0]]
    knee = [[PLAIN, "gpu", 0.2, 300.0], [PLAIN, "cpu", 3.0, 9.0], [EXACT, "gpu", 7.0, 7.0]]
    small = [
        ["1-32-32-1, N = 256", 256, 900.0, 400.0],
        ["1-32-32-1, N = 256", 1, 300.0, 5.0],
        ["64-128-10", 1, 1.0, 1.0],
    ]
    found = {
        "steps": {
            "state": "done",
            "steps": {"columns": columns, "rows": rows},
            "knee": {"columns": ["setting", "device", "t0 ms", "Bsat"], "rows": knee},
            "cpu": {"columns": ["setting", "B", "samples/s"], "rows": [[PLAIN, 1, 40.0], [PLAIN, 256, 80.0]]},
        },
        "speed": {
            "state": "cut",
            "speed": {"columns": ["network", "B", "cpu, epochs/s", "gpu, epochs/s"], "rows": small},
        },
    }
    about = ABOUT | {"device": device, "date": date, "rehearsal": rehearsal}
    (folder / f"{name}.json").write_text(json.dumps({"about": about, "parts": found if parts else {}}))


@pytest.fixture
def own(monkeypatch):
    """What the reader's own devices measure, without measuring."""
    monkeypatch.setattr(measure, "throughput", lambda *args: np.array([0.01, 0.02, 0.1]))
    monkeypatch.setattr(gpus, "epochs_a_second", lambda batch_size, device: 10.0 * batch_size)


def test_the_newest_results_of_each_gpu_are_read_and_no_rehearsal(tmp_path):
    put(tmp_path, "z", "GPU one", "2026-01-02 03:04 UTC", rate=1e6)
    put(tmp_path, "a", "GPU one", "2026-02-02 03:04 UTC", rate=2e6)
    put(tmp_path, "b", "a CPU", rehearsal=True)
    put(tmp_path, "c", "GPU two", parts=False)
    one, two = results.gpus(tmp_path)
    assert (one.device, two.device) == ("GPU one", "GPU two")
    assert one.rates == {1: 5000.0, 256: 2e6}
    assert one.fit == measure.Saturation(0.2e-3, 300.0)
    assert one.small == {"cpu": {1: 300.0, 256: 900.0}, "gpu": {1: 5.0, 256: 400.0}}
    assert one.origin == (
        "GPU one, driver 570.1, JAX 0.11.2, beside a CPU with a long name, 16 cores, measured by make gpu on 2026-02-02"
    )
    assert (two.planned, two.counted, two.rates, two.fit, two.cpu, two.small) == ({}, {}, {}, None, {}, {})


def test_a_measured_gpu_is_shown_beside_this_device_with_its_origin(tmp_path, own):
    put(tmp_path, "a", "GPU one")
    still = ch07_devices.on_a_gpu(tmp_path)
    _, alt = labs.static_picture(still)
    assert "GPU one: 100 MB planned at B = 256; the counter is off the plan by up to 10 %." in alt
    assert (
        "GPU one: 5,000 at B = 1, 1,000,000 at B = 256; its knee at B = 300; its CPU: 40 at B = 1, 80 at B = 256;"
        in alt
    )
    assert "your CPU: 100 at B = 1, 800 at B = 16, 2,560 at B = 256." in alt
    assert "GPU one's cpu: 300 at B = 1, 900 at B = 256; GPU one: 5 at B = 1, 400 at B = 256;" in alt
    assert alt.endswith(f"Origin: {results.gpus(tmp_path)[0].origin}.")
    assert len(still.figure.axes) == 3
    below = still.figure.get_supxlabel()
    assert max(map(len, below.split("\n"))) <= 100
    assert below.replace("\n", " ").endswith(f" {results.gpus(tmp_path)[0].origin}")
    assert "your GPU" not in alt


def test_where_the_reader_has_a_gpu_it_is_drawn_too(tmp_path, own, monkeypatch):
    put(tmp_path, "a", "GPU one", counted="")
    kinds = dict.fromkeys(("CPU", "GPU"), jax.local_devices()[0])
    monkeypatch.setattr(measure, "kinds_of_device", lambda: kinds)
    monkeypatch.setattr(measure, "step_bytes", lambda *args, **rest: measure.Bytes(1000, 2000, args[4]))
    _, alt = labs.static_picture(ch07_devices.on_a_gpu(tmp_path))
    assert "your GPU: 3.26 kB planned at B = 256." in alt
    assert "your GPU: 100 at B = 1," in alt
    assert "your CPU: 10 at B = 1, 160 at B = 16, 2,560 at B = 256; your GPU: 10 at B = 1," in alt


def test_a_part_that_was_not_measured_is_said_to_be(tmp_path, own):
    put(tmp_path, "c", "GPU two", parts=False)
    _, alt = labs.static_picture(ch07_devices.on_a_gpu(tmp_path))
    assert "Bytes of a step of the perceptron 784-2048-2048-10. Not measured." in alt


def test_the_reader_s_own_epochs_are_timed():
    assert gpus.epochs_a_second(256, jax.local_devices()[0]) > 1


@pytest.mark.parametrize("key", ["07.full_batch", "07.micro_batches"])
def test_every_answer_has_its_explanation(key):
    said = [repr(quiz.ask(key).commit(i)) for i in range(len(quiz.ask(key).question.options))]
    assert sum("Right: " in words for words in said) == 1
    assert len(set(said)) == len(said)


# ---- bytes and times -------------------------------------------------------------------------------------------------


def test_the_bytes_given_and_returned_are_those_of_the_arrays():
    model = bl.models.mlp((5, 7, 3))
    parameters = 5 * 7 + 7 + 7 * 3 + 3
    for size in (1, 10, 1000):
        plan = measure.step_bytes(model, "regression", 5, 3, size)
        # Parameters, samples and the rate; a tuple of results has a pointer for each, four and the tuple's own.
        assert plan.arguments == 4 * (parameters + size * 8 + 1)
        assert 4 * parameters <= plan.outputs <= 4 * parameters + 8 * 5
        assert plan.total == sum(plan)
    # The compiler holds one activation of each sample at least: the hidden layer, which the backward pass needs.
    assert plan.temporaries >= 4 * 7 * 1000


def test_no_data_are_needed_for_a_batch_larger_than_any_memory():
    assert measure.step_bytes(*STEP, 10**9).total > 10**12


def test_a_step_of_the_program_is_a_step_of_gradient_descent():
    model = bl.models.mlp((4, 3))  # without a hidden layer the gradient is a closed form
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    ((weight, bias),) = params = jax.tree.map(np.asarray, model.init(jax.random.key(0)))
    error = 2 * (x @ weight + bias - y) / 6
    program = measure.compiled_step(model, "regression", 4, 3, 6)
    ((new_weight, new_bias),) = program(params, x, y, np.float32(0.1))
    np.testing.assert_allclose(new_weight, weight - 0.1 * x.T @ error, atol=1e-6)
    np.testing.assert_allclose(new_bias, bias - 0.1 * error.sum(axis=0), atol=1e-6)
    piece = measure.compiled_step(model, "regression", 4, 3, 6, 2)
    total = jax.tree.map(np.zeros_like, params)
    for start in (0, 2, 4):
        total = piece(total, params, x[start : start + 2], y[start : start + 2], np.full(2, 1 / 6, np.float32))
    np.testing.assert_allclose(total[0][0], x.T @ error, atol=1e-6)


@pytest.mark.parametrize(("size", "micro_batch"), [(0, None), (1.5, None), (10, 0), (True, None)])
def test_impossible_sizes_are_refused(size, micro_batch):
    with pytest.raises((ValueError, TypeError), match="must be a whole number"):
        measure.step_bytes(*STEP, size, micro_batch)


def test_a_micro_batch_that_holds_the_batch_is_the_whole_step():
    assert measure.step_bytes(*STEP, 64, 64) == measure.step_bytes(*STEP, 64, 100) == measure.step_bytes(*STEP, 64)


def test_the_law_and_its_inverse():
    reports = {1: 130, 10: 300, 20: 500}
    assert measure.byte_law(reports) == (100, 20)
    for size in (1, 7, 10, 13, 20, 1000):
        budget = float(measure.bytes_at(reports, size))
        assert measure.largest_batch(reports, budget) == size
        assert measure.largest_batch(reports, budget - 1) == size - 1
    assert measure.largest_batch(reports, 0) == 0


def test_the_fit_of_the_times_finds_what_they_were_made_of():
    sizes = np.array([1, 4, 16, 64, 256, 1024])
    for start, knee in ((5e-5, 60), (1e-3, 3), (2e-6, 900)):
        fit = measure.fit_saturation(sizes, start * (1 + sizes / knee))
        assert (fit.start, fit.knee) == pytest.approx((start, knee))
        assert fit.samples_per_second(knee) == pytest.approx(0.5 * knee / start)
        # Errors of 10 % in turn move neither far.
        noisy = measure.fit_saturation(sizes, start * (1 + sizes / knee) * (1 + 0.1 * (-1.0) ** np.arange(6)))
        assert noisy.start == pytest.approx(start, rel=0.25)
        assert noisy.knee == pytest.approx(knee, rel=0.5)


def test_times_that_make_no_sense_still_have_a_fit():
    fit = measure.fit_saturation([1, 10, 100], [3.0, 2.0, 1.0])
    assert fit.start > 0
    assert fit.knee > 0
    fit = measure.fit_saturation([1, 10, 100], [0.001, 1.0, 100.0])
    assert fit.start > 0
    assert np.isfinite(fit.samples_per_second(10))


def test_throughput_times_each_size():
    model = bl.models.mlp((3, 2))
    seconds = measure.throughput(model, "regression", 3, 2, [1, 100], repeats=3)
    assert seconds.shape == (2,)
    assert (seconds > 0).all()
    assert measure.throughput(model, "classification", 3, 2, [1], 1, jax.local_devices()[0]).shape == (1,)


def test_a_cpu_has_no_counter_and_is_found():
    assert measure.device_peak() is None
    assert list(measure.kinds_of_device()) == ["CPU"]

    class Gpu:
        def memory_stats(self):
            return {"peak_bytes_in_use": 123}

    assert measure.device_peak(Gpu()) == 123


def test_the_steps_can_be_exported_for_a_gpu():
    """Lowering for CUDA succeeds. That is all this shows: no test here has ever run on a GPU."""
    model = bl.models.mlp((3, 5, 2))
    params = model.init(jax.random.key(0))
    x, y = np.zeros((8, 3), np.float32), np.zeros((8, 2), np.float32)
    update, add = (functools.partial(jax.export.export, platforms=["cuda"])(jax.jit(step))
                   for step in measure.steps(model, "regression"))  # fmt: skip
    assert update(params, x, y, np.float32(0.1)).platforms == ("cuda",)
    assert add(params, params, x, y, np.zeros(8, np.float32)).platforms == ("cuda",)


# ---- the picture -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab():
    return ch07_devices.StepLab()


@pytest.fixture
def moved(lab):
    """The lab as it began, whatever the test before has moved."""
    lab.micro_batches, lab.samples, lab.budget = WHOLE, 1_000_000, 1000
    lab.batch_size = 256
    return lab


def test_controls_change_the_picture_and_the_words(moved):
    lab, page = moved, Page(moved)
    moves = (
        ("batch_size", 5000, "batch size 5,000, 1,000,000 samples: a step takes"),
        ("samples", 20_000, "batch size 5,000, 20,000 samples:"),
        ("budget", 1, "does not fit into 1 MB; full batch"),
        ("micro_batches", "of 64 samples", "The batch goes through the device 64 samples at a time."),
    )
    for control, value, said in moves:
        before = lab.frame["strokes"]
        page.wish(**{control: value})
        assert lab.frame["strokes"] != before
        assert said in lab.words()
        assert page.words == lab.words()
        assert page.shows[control] == value
    lab.samples = 1000  # the batch cannot be larger than the dataset
    assert lab.words().startswith("batch size 1,000, 1,000 samples:")
    assert page.row("batch_size")["high"] == 1000
    lab.samples = 2000
    assert lab.words().startswith("batch size 1,000, 2,000 samples:")


def test_what_is_shown_is_what_the_compiler_reports(moved):
    lab, page = moved, Page(moved)
    for size in (1, 64, 1024, 1_000_000):
        lab.batch_size = size
        assert lab.here == measure.step_bytes(*STEP, size).total
        assert f"a step takes {in_bytes(lab.here)} " in lab.words()
        assert f"B = {size:,}: {in_bytes(lab.here)}" in page.texts()
    for name, size in list(MICRO_BATCHES.items())[1:]:
        lab.micro_batches = name
        assert lab.here == measure.step_bytes(*STEP, 10**6, size).total
        assert lab.full == measure.step_bytes(*STEP, 10**6).total
        assert f"micro-batches of {size}" in page.texts()
    lab.batch_size = 10  # smaller than a piece
    lab.micro_batches = "of 64 samples"
    assert lab.here < measure.step_bytes(*STEP, 10**6, 64).total


def test_the_words_say_what_fits(moved):
    lab = moved
    assert "fits into 1 GB; full batch in one piece takes" in lab.words()
    assert lab.words().count("does not") == 1
    most = int(re.search(r"largest batch that fits: ([\d,]+)", lab.words())[1].replace(",", ""))
    lab.batch_size = most
    assert "fits into 1 GB" in lab.words()
    lab.batch_size = most + 1
    assert "does not fit into 1 GB" in lab.words()
    lab.samples = 1000
    assert "and fits." in lab.words()


def test_the_rate_is_that_of_the_fit(moved):
    lab = moved
    assert lab.rate == lab.fit.samples_per_second(256)
    assert f"the knee is at {lab.fit.knee:.2g} samples" in lab.words()
    lab.batch_size = TIMED[-1] + 1
    assert f"Steps of more than {TIMED[-1]:,} samples were not timed." in lab.words()
    lab.micro_batches = "of 64 samples"
    assert lab.rate == lab.fit.samples_per_second(64)


def test_frames_are_small_and_nothing_compiles_when_a_control_moves(moved, monkeypatch):
    lab = moved
    monkeypatch.setattr(measure, "step_bytes", None)  # whoever called them would fail
    monkeypatch.setattr(measure, "time_step", None)
    monkeypatch.setattr(measure, "compiled_step", None)
    standing = lab.standing
    with compilations() as names:
        for pieces in MICRO_BATCHES:
            lab.micro_batches = pieces
            for samples in (10, 12_345, ASKED[-1]):
                lab.samples = samples
                for size in (1, samples // 3, samples):
                    lab.batch_size = max(size, 1)
                    assert 300 < len(lab.frame["strokes"]) <= 1500
        for budget in (1, 100_000):
            lab.budget = budget
            assert len(lab.frame["strokes"]) <= 1500
    assert not names
    assert lab.standing == standing  # what stands is sent once
    assert len(standing["strokes"]) <= 4000
    assert lab.error is None


@pytest.mark.parametrize(
    ("control", "typed", "said"),
    [
        ("batch_size", 1_000_001, "batch size is 1000001; it must be a whole number from 1 to 1000000."),
        ("batch_size", "x", "batch size is 'x'"),
        ("samples", 9, "samples N is 9; it must be a whole number from 10 to"),
        ("samples", "1e3.5", "samples N is '1e3.5'"),
        ("budget", 0, "budget is 0; it must be a whole number from 1 to 100000. It is in megabytes."),
        ("budget", 0.5, "budget is 0.5"),
    ],
)
def test_impossible_values_are_refused_in_words(moved, control, typed, said):
    lab, page = moved, Page(moved)
    before = page.shows
    page.wish(**{control: typed})
    assert said in page.message
    assert lab.frame["alarm"]
    assert lab.frame["refused"] == {control: typed}
    assert page.shows == page.values == before
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        setattr(lab, control, typed)
    page.wish(batch_size=255)  # whatever is set next takes the complaint away
    assert page.message == ""
    assert lab.words().startswith("batch size 255,")


def test_the_sliders_of_dataset_and_budget_stop_at_round_numbers(moved):
    lab, page = moved, Page(moved)
    for name in ("samples", "budget"):
        row = page.row(name)
        assert (row["kind"], row["log"], row["digits"]) == ("whole", True, 2)
        page.wish(**{name: 1797})  # and any can be typed
        assert getattr(lab, name) == page.values[name] == 1797


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # half a widget is thrown away
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"samples": 5}, "samples N is 5"),
        ({"budget": 0}, "budget is 0"),
        ({"samples": 20, "batch_size": 21}, "21; it must be a whole number from 1 to 20"),
        ({"micro_batches": "of 3 samples"}, "choose one of none: the whole batch, of 64 samples"),
        ({"megabytes": 3}, "no setting 'megabytes'"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        ch07_devices.StepLab(**settings)


def test_a_batch_of_a_large_dataset_is_taken_at_once():
    lab = ch07_devices.StepLab(2_000_000, 3_000_000, 5, micro_batches="of 256 samples")
    assert lab.words().startswith("batch size 2,000,000, 3,000,000 samples: a step takes")


def test_locked_until_the_prediction():
    lab = ch07_devices.StepLab(locked=True)
    page = Page(lab)
    assert [page.values[name] for name in ("batch_size", "samples", "budget")] == [256, 1_000_000, 1000]
    assert lab.rows["locked"]
    assert page.words == "batch size 256, 1,000,000 samples: the memory budget is 1 GB."
    assert not any("law" in fact or "t0" in fact for fact in lab.frame["facts"])
    assert "Make your prediction" in page.message
    hidden = page.texts()
    assert "memory budget 1 GB" in hidden
    assert hidden.count("predict first") == 2
    assert not [text for text in hidden if "constant" in text or "knee" in text or "full batch" in text]
    page.wish(batch_size=7)  # the controls are off
    assert lab.batch_size == 256
    quiz.ask("07.full_batch", unlocks=lab).commit(2)
    assert not lab.rows["locked"]
    assert {"predict first"}.isdisjoint(page.texts())
    assert any("full batch" in text for text in page.texts())
    assert "takes" in page.words
    assert page.message == ""


def test_the_static_picture_comes_with_words(moved):
    text, alt = labs.static_picture(moved)
    assert alt.startswith("batch size 256, 1,000,000 samples: a step takes")
    assert text.startswith("StepLab: ")


@pytest.mark.parametrize("width", [900, 420, 380])
def test_the_picture_is_readable(lab, width):
    lab = ch07_devices.StepLab(measured=lab)
    lab._fit(width)
    for size, samples, budget, cut in (
        (1, 10, 1, WHOLE),
        (256, 10**6, 1000, WHOLE),
        (10**6, 5 * 10**7, 10**5, "of 64 samples"),
    ):
        lab.samples, lab.budget, lab.micro_batches = samples, budget, cut
        lab.batch_size = size
        lab.wait()
        labs.readable(lab.picture)


def test_two_pictures_show_one_measurement(lab):
    other = ch07_devices.StepLab(2000, 20_000, measured=lab, pieces=False)
    assert other.fit is lab.fit
    assert Page(other).row("micro_batches")["hidden"]
    assert not Page(lab).row("micro_batches").get("hidden")
    assert f"knee at {lab.fit.knee:.2g} samples" in ch07_devices.speed(other).alt


def test_a_compiler_that_refuses_large_steps_leaves_the_law(monkeypatch):
    real = measure.step_bytes

    def small_device(*args, **kwargs):
        if args[4] > TIMED[-1] and len(args) < 6:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return real(*args, **kwargs)

    monkeypatch.setattr(measure, "step_bytes", small_device)
    lab = ch07_devices.StepLab()
    assert lab.full == pytest.approx(real(*STEP, 10**6).total, rel=0.01)


def test_a_compiler_that_fails_is_said_and_asked_again(monkeypatch):
    real = measure.time_step
    monkeypatch.delenv("BATCHLAB_STRICT")

    def no_clock(*_args):
        raise RuntimeError("the clock stands still")

    monkeypatch.setattr(measure, "time_step", no_clock)
    lab = ch07_devices.StepLab()
    page = Page(lab)
    assert page.message == "This did not work: RuntimeError: the clock stands still."
    assert page.words.endswith("nothing has been measured yet.")
    monkeypatch.setattr(measure, "time_step", real)
    page.wish(batch_size=7)
    assert page.message == ""
    assert page.words.startswith("batch size 7, 1,000,000 samples: a step takes")


def test_another_device_is_measured_in_slices_and_said(monkeypatch):
    monkeypatch.setattr(devices, "kinds_of_device", lambda: dict.fromkeys(("CPU", "TPU"), jax.local_devices()[0]))
    lab = ch07_devices.StepLab()
    page = Page(lab)
    assert "hidden" not in page.row("device")
    assert page.row("device")["options"] == ["CPU", "TPU"]
    said = []
    monkeypatch.setattr(lab, "say", lambda text, alarm=False: said.append(text))
    page.wish(device="TPU")
    assert any(text.startswith("TPU: compiling a step of") for text in said)
    assert any(text.startswith("TPU: timing steps") for text in said)
    assert "perceptron 64-128-10 on the TPU, plain SGD" in lab.frame["facts"]


def test_one_device_needs_no_menu(moved):
    assert Page(moved).row("device")["hidden"]


def test_the_newest_setting_wins_in_a_running_kernel():
    async def session():
        lab = ch07_devices.StepLab()
        for size in range(1, 30):
            lab.batch_size = size
        lab.samples = 3000
        lab.batch_size = 44
        await settled(lab)
        return lab.frame["words"]

    assert kernel(session).startswith("batch size 44, 3,000 samples:")


def test_every_slider_can_be_dragged_from_end_to_end_and_back():
    async def session():
        lab = ch07_devices.StepLab()
        beginning = "batch size {0.batch_size:,}, {0.samples:,} samples:".format
        await drag_every_slider(lab, beginning, {"samples": 3000, "micro_batches": "of 64 samples"})

    kernel(session)


# ---- several devices -------------------------------------------------------------------------------------------------

SEVERAL = """
import jax
import jax.export
jax.config.update("jax_num_cpu_devices", 4)
import jax.export
import numpy as np, optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
import batchlab as bl
from batchlab import descent

def compare(problem, spread, **settings):
    one, several = (bl.fit(p, hidden=(8,), num_epochs=0, **settings) for p in (problem, spread))
    for run in (one, several):  # in two parts, and without what `fit` compiles for other batch sizes
        run.train(1)
        run.train(2)
    for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        np.testing.assert_allclose(getattr(several, name), getattr(one, name), rtol=1e-5, atol=1e-7)
    for a, b in zip(*(jax.tree.leaves(run.params_at(2)) for run in (one, several))):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    return several

devices = jax.devices()
for n, sizes in ((520, (300, 520)), (60, (1, 3, 59, 60))):  # some are multiples of 4 or divide N, some are neither
    digits = bl.data.digits(n=n, n_val=90)
    spread = bl.sharding.spread(digits)
    assert [shard.data.shape[0] for shard in spread.x.addressable_shards] == [n // 4] * 4
    for size in sizes:  # more than 4 * 64 samples are taken in several pieces, also over several devices
        run = compare(digits, spread, batch_size=size)
# The samples stay where they are, and what the run works on is no copy on one device.
assert run.problem.x is spread.x
assert len(run._data[0].sharding.device_set) == 4 and not run._data[0].is_fully_replicated
# Two of the four devices, and two runs at once.
pair = bl.sharding.spread(digits, devices[2:])
assert bl.sharding.devices_of(pair) == tuple(devices[2:])
compare(digits, pair, batch_size=7, seeds=2)
# Arrays that the reader has placed: by features, or on a mesh of another kind.
for mesh, spec in ((Mesh(np.array(devices), ("a",)), P(None, "a")), (jax.make_mesh((4,), ("b",)), P("b"))):
    x = jax.device_put(digits.x, NamedSharding(mesh, spec))
    own = bl.Problem(x, digits.y, digits.x_val, digits.y_val, kind="classification")
    assert own.x.sharding == x.sharding
    compare(digits, own, batch_size=3)

# The work is spread: each device takes a piece of its own, and one sum of gradients goes over all.
model = bl.models.mlp((64, 8, 10))
trains = descent.run_programs(model, "classification", optax.sgd, devices=tuple(devices)).train
assert list(trains) == [4 * width for width in bl.pieces.WIDTHS]
state = jax.eval_shape(lambda key: (model.init(key), optax.sgd(0.1).init(model.init(key))), jax.random.key(0))
data = spread.x, spread.y, spread.x_val, spread.y_val
settings = np.zeros((4, 60), np.int32), np.int32(16), np.float32(0.1), np.int32(4)
text = trains[16].lower(state, data, *settings).compile().as_text()
assert text.count(" all-reduce(") == 1, text.count(" all-reduce(")
assert "f32[4,64]" in text and "all-gather" not in text  # 16 samples are 4 on each of 4
data = [jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=array.sharding) for array in data]
assert jax.export.export(trains[16], platforms=["cuda"])(state, data, *settings).nr_devices == 4

# What cannot be is refused in words.
placed = NamedSharding(Mesh(np.array(devices), ("a",)), P("a"))
nothing = jax.device_put(np.full((8, 1), np.nan, np.float32), placed)
for make, said in (
    (lambda: bl.sharding.spread(bl.data.noisy_sine(n=30)), "30 training samples cannot be spread evenly over 4"),
    (lambda: bl.sharding.spread(bl.data.noisy_sine(n=3)), "take 4 samples"),
    (lambda: bl.Problem(nothing, np.zeros((8, 1)), np.zeros((2, 1)), np.zeros((2, 1))), "x[0, 0] is nan"),
):
    try:
        make()
    except ValueError as error:
        assert said in str(error), error
    else:
        raise AssertionError(said)
print("all the same")
"""

TWO_PROCESSES = """
import sys
import jax
import jax.export
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(f"localhost:{sys.argv[1]}", num_processes=2, process_id=int(sys.argv[2]))
import numpy as np
import batchlab as bl
problem = bl.data.digits(n=40, n_val=44)
spread = bl.sharding.spread(problem)
assert len(jax.devices()) == 4 and len(spread.x.addressable_shards) == 2
one, several = (bl.fit(p, seeds=1, hidden=(8,), batch_size=7, num_epochs=3) for p in (problem, spread))  # 7: ragged
np.testing.assert_allclose(one.train_loss, several.train_loss, rtol=1e-5)
np.testing.assert_allclose(one.val_loss, several.val_loss, rtol=1e-5)
print("all the same")
"""


@pytest.mark.slow
def test_a_run_over_several_devices_is_the_run_of_one():
    # Losses to 1e-5: the sums of a batch are taken in another order. (Adam at B = 1 is left out: where a gradient is
    # nearly zero it divides by its size, and so magnifies the last digit.)
    done = subprocess.run([sys.executable, "-W", "error", "-c", SEVERAL], capture_output=True, text=True, timeout=300)
    assert done.stdout == "all the same\n", done.stderr[-3000:]


@pytest.mark.slow
def test_a_run_over_two_processes_is_the_run_of_one():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_PROCESSES, port, str(process)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    try:
        for process in started:
            out, err = process.communicate(timeout=300)
            assert "all the same\n" in out, err[-3000:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_one_device_is_no_several():
    problem = bl.data.noisy_sine(n=12)
    assert bl.sharding.devices_of(problem) == ()
    alone = bl.sharding.spread(problem, jax.devices()[:1])
    assert alone.x.devices() == {jax.devices()[0]}  # it was placed there
    assert bl.sharding.devices_of(alone) == ()
