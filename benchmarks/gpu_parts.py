"""The parts of `make gpu`, one a process: python -m benchmarks.gpu_parts PART SHEET SECONDS SETTING [--small] [--cpu].

A part puts rows on a sheet, which is written after each of them; it looks at the clock between two measurements and
leaves out what there is no time for.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import itertools
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from . import absent  # noqa: F401, before batchlab

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
import optax

import batchlab as bl

from . import epoch_kernel
from .gpu_targets import FULL_BATCH

ROOT = Path(__file__).resolve().parent.parent
RATE = 0.01
SINE, DIGITS = "1-32-32-1, N = 256", "64-128-10, N = 400"
# The tolerance of a relative difference between two devices: their sums differ in order, so the last bits do.
MINI_BATCH = 1e-3  # of a full batch it is FULL_BATCH


class TimeIsUp(Exception):
    """Nothing more of this part is measured."""


class Sheet:
    """The rows of a part, on disk as soon as they are known."""

    def __init__(self, path, seconds, setting="", small=False, cpu=False):
        self.path, self.setting, self.small, self.cpu = Path(path), setting, small, cpu
        self.end = time.monotonic() + seconds
        self.tables = {}

    @functools.cached_property
    def devices(self):
        """{"cpu": device, "gpu": device}; in a rehearsal the CPU a second time."""
        cpu = jax.devices("cpu")[0]
        return {"cpu": cpu, "cpu again": cpu} if self.cpu or not gpus() else {"cpu": cpu, "gpu": gpus()[0]}

    @property
    def device(self):
        """The one that is asked about."""
        return list(self.devices.values())[-1]

    def left(self):
        return self.end - time.monotonic()

    def check(self, needed=0.0):
        """Stop the part if there is no time for something that takes so many seconds."""
        if self.left() < needed:
            raise TimeIsUp

    def row(self, table, **cells):
        cells = {key.replace("_", " "): rounded(value) for key, value in cells.items()}
        self.tables.setdefault(table, []).append(({"setting": self.setting} if self.setting else {}) | cells)
        self.write()

    def write(self):
        beside = self.path.with_suffix(".tmp")
        beside.write_text(json.dumps(self.tables), encoding="utf-8")
        beside.replace(self.path)


def gpus():
    try:
        return jax.devices("gpu")
    except RuntimeError:
        return []


def rounded(value):
    """A number to four digits; NaN and infinity as text, since JSON has neither."""
    if isinstance(value, float | np.floating):
        value = float(value)
        return float(f"{value:.4g}") if np.isfinite(value) else str(value)
    return int(value) if isinstance(value, np.integer) else value


def seconds(work, *arguments):
    began = time.perf_counter()
    jax.block_until_ready(work(*arguments))
    return time.perf_counter() - began


def typical(work, *arguments, rounds=3):
    """The median of a few times, after one call that compiles."""
    jax.block_until_ready(work(*arguments))
    return float(np.median([seconds(work, *arguments) for _ in range(rounds)]))


def problems(small):
    """{name: (problem, hidden, batch sizes)}: the two networks of the course."""
    sine, digits = bl.data.noisy_sine(n=16 if small else 256), bl.data.digits(n=24 if small else 400, label_noise=0)
    if small:
        return {"1-4-1, N = 16": (sine, (4,), (1, 16)), "64-4-10, N = 24": (digits, (4,), (5, 24))}
    return {SINE: (sine, (32, 32), (1, 4, 16, 64, 256)), DIGITS: (digits, (128,), (1, 4, 16, 64, 400))}


# ---- what the machine is ---------------------------------------------------------------------------------------------


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def answer(*command):
    """What a command prints first, or None where there is no such command."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout.strip().splitlines() or [None])[0] if done.returncode == 0 else None


def processor():
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def about(sheet):
    found = sheet.device
    smi = answer("nvidia-smi", "--query-gpu=driver_version,memory.total", "--format=csv,noheader")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    plugins = {name: version(name) for name in ("jax-cuda12-plugin", "jax-cuda13-plugin")}
    sheet.row(
        "facts",
        device=found.device_kind if found.platform == "gpu" else processor(),
        platform=found.platform,
        driver_and_memory=smi,
        runtime=re.sub(r"\s+", " ", found.client.platform_version)[:80],
        processor=f"{processor()}, {cores} cores",
        python=platform.python_version(),
        **{name: version(name) for name in ("jax", "jaxlib", "optax", "numpy")},
        **{name: value for name, value in plugins.items() if value},
        commit=answer("git", "rev-parse", "--short", "HEAD"),
    )


# ---- losses ----------------------------------------------------------------------------------------------------------


def losses_of(device, problem, hidden, batch_size, epochs):
    with jax.default_device(device):
        run = bl.fit(problem, hidden=hidden, batch_size=batch_size, num_epochs=0, learning_rate=RATE).train(epochs)
    return np.stack([run.train_loss, run.val_loss])


def losses(sheet):
    """The losses of both devices after every epoch, with products as JAX makes them and in full float32."""
    for precision, (name, (problem, hidden, sizes)) in itertools.product(
        ("highest", "default"), list(problems(sheet.small).items())[: 1 if sheet.small else None]
    ):
        n = len(problem.x)
        for batch_size in sorted({1, sizes[len(sizes) // 2], n}, reverse=True):
            sheet.check(5)
            epochs = 3 if sheet.small else 100 if batch_size == n else 30 if batch_size >= 16 else 5
            work = functools.partial(losses_of, None, problem, hidden, batch_size, epochs)
            with jax.default_matmul_precision(precision):
                a, b, again = (work.func(device, *work.args[1:]) for device in (*sheet.devices.values(), sheet.device))
            far, tolerance = np.max(np.abs(a - b) / np.abs(a)), FULL_BATCH if batch_size == n else MINI_BATCH
            sheet.row(
                "losses",
                precision=precision,
                network=name,
                B=batch_size,
                epochs=epochs,
                relative_difference=far,
                tolerance=tolerance,
                within=bool(far <= tolerance),
                same_bits_again=bool((b == again).all()),
            )
    allocations(sheet)


def allocations(sheet):
    """Whether training under `jax.default_device` of the CPU leaves the other device alone."""
    problem = bl.data.noisy_sine(n=32)
    before = sheet.device.memory_stats()
    losses_of(sheet.devices["cpu"], problem, (4,), 8, 3)
    after = sheet.device.memory_stats()
    made = None if before is None else after["num_allocs"] - before["num_allocs"]
    sheet.row("default device", trained_on="cpu", allocations_on_the_other_device=made)


# ---- epochs a second -------------------------------------------------------------------------------------------------


def epochs_a_second(problem, hidden, batch_size, device, least):
    """The median of three timings of `least` seconds or one epoch each."""
    with jax.default_device(device):
        run = bl.fit(problem, hidden=hidden, batch_size=batch_size, num_epochs=0, learning_rate=RATE)
        count, spent = 1, seconds(run.train, 1)
        while spent < least / 4:
            count *= 4
            spent = seconds(run.train, count)
        count = max(1, round(count * least / spent))
        return count / float(np.median([seconds(run.train, count) for _ in range(3)]))


def speed(sheet):
    for name, (problem, hidden, sizes) in problems(sheet.small).items():
        for batch_size in reversed(sizes):
            sheet.check(3)
            rates = {
                kind: epochs_a_second(problem, hidden, batch_size, device, 0.02 if sheet.small else 0.3)
                for kind, device in sheet.devices.items()
            }
            first, last = rates.values()
            rows = {f"{kind}, epochs/s": rate for kind, rate in rates.items()}
            sheet.row("speed", network=name, B=batch_size, **rows, ratio=last / first)


# ---- launches --------------------------------------------------------------------------------------------------------


def launches(sheet):
    """What a call, a kernel and an update cost on the device; each setting is a process with flags of its own."""
    with jax.default_device(sheet.device):
        dispatch(sheet)
        kernels(sheet)
    problem, hidden, _ = next(iter(problems(sheet.small).values()))
    for batch_size in (16, 1):
        sheet.check(2)
        rate = epochs_a_second(problem, hidden, batch_size, sheet.device, 0.02 if sheet.small else 0.3)
        sheet.row("bl.fit", B=batch_size, **{"epochs/s": rate})
    with jax.default_device(sheet.device):
        for batch_size in (1,) if sheet.small else (1, 16):
            updates(sheet, batch_size)


def dispatch(sheet):
    count, call, x = 100 if sheet.small else 2000, jax.jit(lambda x: x + 1), jnp.zeros(8)

    def in_a_row(x):
        for _ in range(count):
            x = call(x)
        return x

    def one_by_one(x):
        for _ in range(count):
            x = jax.block_until_ready(call(x))
        return x

    for name, work in {"calls in a row": in_a_row, "calls, each waited for": one_by_one}.items():
        sheet.row("launches", what=name, us_each=1e6 * typical(work, x) / count)


def kernels(sheet):
    """Kernels that cannot be fused: in a row, and as the body of a loop whose length is or is not known beforehand."""
    count, x = 64 if sheet.small else 1024, jnp.ones((32, 32))

    @jax.jit
    def in_a_row(x):
        for _ in range(64):
            x = jax.lax.optimization_barrier(x * 0.999)
        return x

    def loop(x, n):
        return jax.lax.fori_loop(0, n, lambda _, x: x * 0.999, x)

    known, given = jax.jit(functools.partial(loop, n=count)), jax.jit(loop)
    sheet.row("launches", what="64 kernels in a row", us_each=1e6 * typical(in_a_row, x) / 64)
    sheet.row("launches", what="kernel in a loop of known length", us_each=1e6 * typical(known, x) / count)
    sheet.row("launches", what="kernel in a loop of given length", us_each=1e6 * typical(given, x, count) / count)


def updates(sheet, batch_size):
    """An update of the tanh perceptron, in loops that differ in how much of them is known to the compiler."""
    problem, count = bl.data.noisy_sine(n=256), 16 if sheet.small else 256
    model = bl.models.mlp((1, 32, 32, 1))
    params, x, y = jax.device_put((model.init(jax.random.key(0)), problem.x, problem.y), sheet.device)
    steps = 256 // batch_size

    def update(i, params):
        start = i % steps * batch_size
        rows = [jax.lax.dynamic_slice_in_dim(array, start, batch_size) for array in (x, y)]
        grads = jax.grad(lambda params: bl.models.squared_error(model.predict(params, rows[0]), rows[1]).mean())(params)
        return jax.tree.map(lambda leaf, grad: leaf - RATE * grad, params, grads)

    def loop(params, n, **settings):
        return jax.lax.fori_loop(0, n, update, params, **settings)

    ways = {"loop of given length": (jax.jit(loop), params, count)}
    for unroll in (1,) if sheet.small else (1, 4):
        name = "loop of known length" + f", {unroll} unrolled" * (unroll > 1)
        ways[name] = jax.jit(functools.partial(loop, n=count, unroll=unroll)), params
    for name, work in ways.items():
        sheet.check(1)
        compiling = seconds(*work)
        spent = typical(*work)
        sheet.row("updates", B=batch_size, what=name, us_each=1e6 * spent / count, compiling_s=compiling - spent)


# ---- whole epochs in one kernel --------------------------------------------------------------------------------------


def kernel(sheet):
    """The bold try: `epoch_kernel` beside `bl.fit` and `Sweep`; all measure their losses after every epoch."""
    problem = bl.data.noisy_sine(n=16 if sheet.small else 256)
    sizes, crowds = ((1,), (2,)) if sheet.small else ((256, 16, 4, 1), (132, 1056, 4224))
    for batch_size in sizes:
        sheet.check(4)
        one_run(sheet, problem, batch_size, 2 if sheet.small else 32)
    for batch_size, runs in itertools.product(sizes[-1:] if sheet.small else (16, 1), crowds):
        sheet.check(6)
        side_by_side(sheet, problem, batch_size, runs, 2 if sheet.small else 8)


def in_a_kernel(sheet, problem, seeds, rates, epochs):
    """A function of a batch size that trains these runs by `epoch_kernel`: losses after every epoch."""
    data = problem.x, problem.y, problem.x_val, problem.y_val
    with jax.default_device(sheet.device):
        given = epoch_kernel.arguments(problem, seeds, rates, epochs)

    def work(batch_size, **settings):
        with jax.default_device(sheet.device):
            params = epoch_kernel.train(*given, batch_size, interpret=sheet.device.platform == "cpu", **settings)
            return np.asarray(epoch_kernel.losses(params, *data))

    return work


def one_run(sheet, problem, batch_size, epochs):
    with jax.default_device(sheet.devices["cpu"]):
        run = bl.fit(problem, batch_size=batch_size, num_epochs=epochs, learning_rate=RATE)
        rates = {"cpu, epochs/s": epochs / typical(lambda: run.train(epochs) and None)}
    expected, work = np.stack([run.train_loss, run.val_loss], axis=-1), in_a_kernel(sheet, problem, [0], [RATE], epochs)
    for warps in (4,) if sheet.small else (1, 2, 4):
        found = work(batch_size, warps=warps)[0]
        far = np.max(np.abs(found - expected[1 : epochs + 1]) / expected[1 : epochs + 1])
        rates[f"kernel of {warps} warps, epochs/s"] = epochs / typical(functools.partial(work, warps=warps), batch_size)
    sheet.row("one run", B=batch_size, **rates, relative_difference=far, within=bool(far <= MINI_BATCH))


def side_by_side(sheet, problem, batch_size, runs, epochs):
    """Runs of a few seeds and many rates; on the CPU only the fewest, since there each takes its time."""
    seeds, rates = np.arange(runs) % 2, np.repeat(np.geomspace(0.001, 0.1, runs // 2), 2)
    spent = {"kernel": typical(in_a_kernel(sheet, problem, seeds, rates, epochs), batch_size)}
    settings = {"batch_sizes": [batch_size], "seeds": 2, "hidden": (32, 32), "num_epochs": epochs, "keep": False}
    for kind, device in reversed(sheet.devices.items()):
        sheet.check(3)
        if kind != "cpu" or runs <= 132:
            with jax.default_device(device):
                sweep = functools.partial(bl.measure.Sweep, problem, learning_rates=rates[::2], **settings)
                spent[f"{kind}, Sweep"] = typical(lambda sweep=sweep: sweep().run(False) and None, rounds=1)
    done = {f"{name}, epochs/s": runs * epochs / seconds for name, seconds in spent.items()}
    sheet.row("runs side by side", B=batch_size, runs=runs, **done)


# ---- the curve of the lab, and start-up ------------------------------------------------------------------------------


def curve(sheet):
    """Until the lab's first picture is complete: noisy sine, B = 3, 3000 epochs; and the device that it chooses."""
    settings = {"hidden": (32, 32), "batch_size": 3, "num_epochs": 30 if sheet.small else 3000, "learning_rate": 0.05}
    for kind, device in sheet.devices.items():
        with jax.default_device(device):
            for when in ("first, compiled on the way", "second", "third"):
                sheet.check(1)
                spent = seconds(lambda: bl.fit(bl.data.noisy_sine(), **settings) and None)
                sheet.row("the default lab's curve", device=kind, run=when, seconds=spent)
    sheet.check(2)
    began = time.perf_counter()
    chosen, times = bl.measure.quickest(bl.data.noisy_sine(), hidden=(32, 32), optimizer=optax.sgd)
    spent = time.perf_counter() - began  # with compiling
    each = {f"{kind}, us an update at B = 1": 1e6 * took / bl.measure.devices.SAMPLES for kind, took in times.items()}
    sheet.row("the lab's choice", device=chosen.lower(), seconds_to_choose=spent, **each)


JOURNEY = """
import time
import benchmarks.absent
import jax
import batchlab as bl
print("imported", time.time(), flush=True)
with jax.default_device(jax.devices(PLATFORM)[0]):
    jax.device_put(0.0).block_until_ready()
    print("device ready", time.time(), flush=True)
    bl.fit(bl.data.noisy_sine(), batch_size=3, num_epochs=0).train(1)
    print("first epoch", time.time(), flush=True)
"""


def startup(sheet):
    """From the start of a process to its first trained epoch. This process itself leaves the devices alone."""
    found = {"cpu": "cpu", "cpu again": "cpu"} if sheet.small or sheet.cpu else {"cpu": "cpu", "gpu": "gpu"}
    for turn, (kind, name) in itertools.product(range(1 if sheet.small else 2), found.items()):
        sheet.check(5)
        env = dict(os.environ) if name == "gpu" else {**os.environ, "JAX_PLATFORMS": "cpu"}
        began = time.time()
        command = [sys.executable, "-c", JOURNEY.replace("PLATFORM", repr(name))]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=max(5, sheet.left()))
        if done.returncode:
            raise RuntimeError(done.stderr[-500:])
        reached = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
        sheet.row(
            "seconds since the start of a process",
            device=kind,
            turn=turn + 1,
            **{stage: float(when) - began for stage, when in reached},
        )


# ---- a network that fills a GPU --------------------------------------------------------------------------------------


def large(small):
    """(widths, N, batch sizes, batch sizes on the CPU)."""
    if small:
        return (20, 16, 16, 10), 64, (1, 4, 64), (1, 64)
    return (784, 2048, 2048, 10), 60_000, (1, 4, 16, 64, 256, 1024, 4096, 16_384, 60_000), (1, 16, 256, 2048)


def made_data(widths, n):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, widths[0]), np.float32)
    return x, np.eye(widths[-1], dtype=np.float32)[np.arange(n) % widths[-1]]


def steps(sheet):
    """Samples a second and bytes of a step, the knee, and the full batch in pieces."""
    widths, n, sizes, sizes_cpu = large(sheet.small)
    model, place, kind = bl.models.mlp(widths), sheet.device, list(sheet.devices)[-1]
    x, y = made_data(widths, n)
    with fitted_at_last(sheet, kind) as times:
        for size in sizes:
            sheet.check(4)
            times[size] = one_step(sheet, model, widths, (x[:size], y[:size]), place)
    pieces(sheet, model, widths, (x, y))
    if "float32" in sheet.setting:
        return
    problem = bl.Problem(x, y, x[:100], y[:100], kind="classification")
    for size in (n, min(n, 256)):
        sheet.check(6)
        with jax.default_device(place):
            run = bl.fit(problem, hidden=widths[1:-1], batch_size=size, num_epochs=0, learning_rate=RATE)
            spent = seconds(run.train, 1)
        sheet.row("bl.fit on the same network", B=size, seconds_an_epoch=spent, **{"samples/s": n / spent})
    with fitted_at_last(sheet, "cpu") as times:
        for size in sizes_cpu:
            sheet.check(3)
            args = model, "classification", widths[0], widths[-1], [size], 1, sheet.devices["cpu"]
            bl.measure.throughput(*args)
            times[size] = float(bl.measure.throughput(*args)[0])
            sheet.row("cpu", B=size, ms=1e3 * times[size], **{"samples/s": size / times[size]})


@contextlib.contextmanager
def fitted_at_last(sheet, kind):
    """Times of steps by batch size, to be filled in; t(B) = t0 (1 + B / Bsat) is fitted, even where time ran out."""
    times = {}
    try:
        yield times
    finally:
        if len(times) > 1:
            fit = bl.measure.fit_saturation(list(times), list(times.values()))
            most = {"most samples/s": fit.knee / fit.start}
            sheet.row("knee", device=kind, t0_ms=1e3 * fit.start, Bsat=fit.knee, **most)


def one_step(sheet, model, widths, batch, place):
    """Seconds of a step at one batch size; its bytes, as planned and as counted, go on the sheet."""
    size = len(batch[0])
    program = bl.measure.compiled_step(model, "classification", widths[0], widths[-1], size, None, place)
    plan = bl.measure.step_bytes(model, "classification", widths[0], widths[-1], size, None, place)
    rest = bytes_in_use(place)
    given = jax.device_put((model.init(jax.random.key(0)), *batch, np.float32(RATE)), place)
    count = max(1, min(20, 4096 // size))

    def work():
        params = given[0]
        for _ in range(count):
            params = program(params, *given[1:])
        return params

    spent = typical(work) / count
    peak = bl.measure.device_peak(place)
    flops = 6 * size * sum(a * b for a, b in itertools.pairwise(widths))
    sheet.row(
        "steps",
        B=size,
        ms=1e3 * spent,
        **{"samples/s": size / spent, "TFLOP/s": flops / spent / 1e12, "MB given": plan.arguments / 1e6},
        MB_temporary=plan.temporaries / 1e6,
        MB_planned=plan.total / 1e6,
        **{"MB counted": "" if peak is None else (peak - rest) / 1e6},
    )
    return spent


def bytes_in_use(place):
    stats = place.memory_stats()
    return 0 if stats is None else stats["bytes_in_use"]


def pieces(sheet, model, widths, data):
    """The gradient of all N samples, added up from micro-batches."""
    place, n = sheet.device, len(data[0])
    params, x, y = jax.device_put((model.init(jax.random.key(0)), *data), place)
    zero = jax.tree.map(jnp.zeros_like, params)
    for size in (size for size in (16, 64, 256, 1024, 4096, 16_384) if size < n):
        sheet.check(3)
        program = bl.measure.compiled_step(model, "classification", widths[0], widths[-1], n, size, place)
        plan = bl.measure.step_bytes(model, "classification", widths[0], widths[-1], n, size, place)
        weights = jax.device_put(np.full(size, 1 / n, np.float32), place)
        parts = [[jax.device_put(a[at : at + size], place) for a in (x, y)] for at in range(0, n - size + 1, size)]

        def work(program=program, parts=parts, weights=weights):
            total = zero
            for part in parts:
                total = program(total, params, *part, weights)
            return total

        spent = typical(work)
        done = {"samples/s": size * len(parts) / spent}
        sheet.row("micro-batches", size=size, pieces=len(parts), ms=1e3 * spent, **done, MB_planned=plan.total / 1e6)


def memory(sheet):
    """Full-batch steps of more and more samples, until the device has no more memory."""
    widths, *_ = large(sheet.small)
    model, place = bl.models.mlp(widths), sheet.device
    budget = (place.memory_stats() or {"bytes_limit": 2e6 if sheet.small else 2e9})["bytes_limit"]
    reports = {}
    for size in (64, 128) if sheet.small else (16_384, 65_536):
        args = model, "classification", widths[0], widths[-1], size, None, place
        reports[size] = bl.measure.step_bytes(*args).total
    most = bl.measure.largest_batch(reports, budget)
    sheet.row("plan", MB_of_the_device=budget / 1e6, KB_a_sample=bl.measure.byte_law(reports)[1] / 1e3, largest_B=most)
    for share in (0.5, 1.0) if sheet.small else (0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.3):
        sheet.check(5)
        size = int(most * share)
        try:
            cells = {"ran": True, **full_step(model, widths, size, place)}
        except jax.errors.JaxRuntimeError as error:
            cells = {"ran": False, "why": str(error).splitlines()[0][:120]}
        sheet.row("full batch", **{"share of the largest": share}, B=size, **cells)
        if not cells["ran"]:
            break


def full_step(model, widths, size, place):
    """One step of so many samples, which are made on the device."""
    program = bl.measure.compiled_step(model, "classification", widths[0], widths[-1], size, None, place)
    with jax.default_device(place):
        params, x = model.init(jax.random.key(0)), jax.random.normal(jax.random.key(1), (size, widths[0]))
        y = jax.nn.one_hot(jnp.arange(size) % widths[-1], widths[-1])
        rate = jnp.float32(RATE)
    spent = typical(program, params, x, y, rate, rounds=2)
    peak = bl.measure.device_peak(place)
    return {"ms": 1e3 * spent, "samples/s": size / spent, "MB counted": "" if peak is None else peak / 1e6}


# ---- sweeps ----------------------------------------------------------------------------------------------------------

SIZES = (400, 256, 128, 64, 32, 16, 8, 4, 2, 1)
SWEEP = {"num_epochs": 50, "target": {"val_accuracy": 0.9}, "hidden": (32,), "keep": False}


def swept(sheet, device, problem, sizes, rates, seeds, limit):
    """Train batch size by batch size for at most `limit` seconds: {batch size: (seconds, epochs to the target)}."""
    found, end = {}, time.monotonic() + limit
    with jax.default_device(device):
        for size in sizes:
            sweep = bl.measure.Sweep(problem, batch_sizes=[size], learning_rates=rates, seeds=seeds, **SWEEP)
            began = time.perf_counter()
            for _ in sweep.work():
                if time.monotonic() > min(end, sheet.end):
                    return found
            found[size] = time.perf_counter() - began, sweep.epochs_to_target
    return found


def sweeps(sheet):
    """640 and 5,000 runs on the digits. What does not fit into the time is estimated, and said to be."""
    problem = bl.data.digits(n=24 if sheet.small else 400, label_noise=0)
    sizes = (24, 4) if sheet.small else SIZES
    few, many = ((2, 2), (2, 4)) if sheet.small else ((8, 8), (10, 50))
    total, answers = sheet.left(), {}
    for kind, device in reversed(sheet.devices.items()):
        with jax.default_device(device):  # compile, with the lanes and the data of the real ones
            began = time.perf_counter()
            warm = SWEEP | {"num_epochs": 1}
            sheet.check(5)
            bl.measure.Sweep(problem, batch_sizes=sizes, learning_rates=[RATE], seeds=1, **warm).run(False)
            sheet.row("compiling", device=kind, seconds=time.perf_counter() - began)
        answers[kind] = swept(sheet, device, problem, sizes, rates_of(few[0]), few[1], 0.3 * total)
        put_sweep(sheet, kind, sizes, few, answers[kind], answers[kind], few)
    first, last = answers.values()
    for size in (size for size in sizes if size in first and size in last):
        a, b = first[size][1], last[size][1]
        near = (a == b) | (np.abs(a - b) <= 1 + 0.1 * np.minimum(a, b))
        times = {f"{kind}, s": answer[size][0] for kind, answer in reversed(answers.items())}
        sheet.row(f"{len(sizes) * few[0] * few[1]} runs", B=size, **times, same_answer=float(np.mean(near)))
    for kind, device in reversed(sheet.devices.items()):
        known = swept(sheet, device, problem, sizes, rates_of(many[0]), many[1], 0.4 * total)
        put_sweep(sheet, kind, sizes, many, known, answers[kind], few)


def rates_of(count):
    return 0.01 * 2.0 ** np.linspace(0, 7, count)


def put_sweep(sheet, kind, sizes, shape, known, fewer, few):
    """All seconds of a sweep; a batch size that was not reached is scaled up from the smaller sweep that reached it."""
    runs, scale = shape[0] * shape[1], shape[0] * shape[1] / (few[0] * few[1])
    guessed = [size for size in sizes if size not in known and size in fewer]
    whole = sum(spent for spent, _ in known.values()) + scale * sum(fewer[size][0] for size in guessed)
    missing = [size for size in sizes if size not in known and size not in fewer]
    how = "measured" if not guessed else f"B = {guessed} estimated from the smaller sweep"
    if missing:
        how += f"; without B = {missing}, for which there was no time"
    sheet.row("sweeps", device=kind, runs=runs * len(sizes), seconds=whole, how=how)


# ---- the library's own tests -----------------------------------------------------------------------------------------

TESTS = ("test_descent", "test_sweeps", "test_history", "test_measure", "test_models", "test_data")
STATES = "PASSED|FAILED|ERROR|SKIPPED|XFAIL"
ALONE, SHARED = re.compile(rf"(tests/.+) ({STATES})\b"), re.compile(rf"\[gw\d+\].* ({STATES}) (tests/.+)")
REASON = re.compile(r"(?:FAILED|ERROR) (tests/.+?) - (.+)")


def tests(sheet):
    """Those that need no browser and no widgets, on the device; what has been said when the time is up counts."""
    names = TESTS[-2:-1] if sheet.small else TESTS
    files = [f"tests/library/{name}.py" for name in names]
    many = importlib.util.find_spec("xdist") and not sheet.small
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "--no-header",
        "--tb=line",
        "-p",
        "benchmarks.absent",
        "-W",
        "default",
    ]
    command += ["-o", "addopts=", "--import-mode=importlib", *files]
    command += ["-n", str(min(6, os.cpu_count())), "--dist", "loadfile"] if many else []
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["COLUMNS"] = "300"  # else a reason is cut off
    if sheet.cpu or not have_gpu():
        env["JAX_PLATFORMS"] = "cpu"
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=max(3, sheet.left()))
        output, over = done.stdout, False
        if done.returncode not in (0, 1):
            raise RuntimeError((done.stdout + done.stderr)[-600:])
    except subprocess.TimeoutExpired as cut:
        output, over = (cut.stdout or b"").decode(errors="replace"), True
    put_tests(sheet, output, len(files))
    if over:
        raise TimeIsUp


def have_gpu():
    """Asked of a process of its own, so that this one takes no memory of the GPU."""
    return answer(sys.executable, "-c", "import jax; print(jax.devices()[0].platform)") == "gpu"


def put_tests(sheet, output, files):
    """Count what pytest has said of each test, and name those that did not pass, with the reason where it gave one."""
    found, reasons = {}, {}
    for line in map(str.strip, output.splitlines()):
        if match := SHARED.match(line):
            found[match[2]] = match[1]
        elif match := ALONE.match(line):
            found[match[1]] = match[2]
        elif match := REASON.match(line):
            reasons[match[1]] = match[2]
    states = list(found.values())
    count = {state.lower(): states.count(state) for state in STATES.split("|")}
    sheet.row("tests", files=files, **count)
    for name in [name for name, state in found.items() if state in ("FAILED", "ERROR")][:40]:
        sheet.row("not passed", test=name, why=reasons.get(name, "")[:160])


ALL = about, losses, speed, launches, curve, steps, memory, startup, sweeps, kernel, tests
PARTS = {part.__name__: part for part in ALL}


def main():
    part, path, seconds, setting, *options = sys.argv[1:]
    sheet = Sheet(path, float(seconds), setting, "--small" in options, "--cpu" in options)
    try:
        PARTS[part](sheet)
    except TimeIsUp:
        sheet.tables["cut"] = True
        sheet.write()


if __name__ == "__main__":
    main()
