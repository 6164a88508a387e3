"""From the start of a fresh process, or of a fresh Jupyter kernel, to the first picture of the lab."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from .tables import heading, progress, table

ROUNDS = 5

# What runs in the fresh process. It says aloud how far it has come.
JOURNEY = """
print("started", flush=True)
import batchlab as bl
print("imported", flush=True)
lab = bl.Lab()
print("picture", flush=True)
lab.wait()
print("every batch size compiled", flush=True)
"""


def in_process(code, env):
    """Seconds from the start of a Python process to each line that it prints."""
    began, reached = time.perf_counter(), {}
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            reached[line.strip()] = time.perf_counter() - began
    if child.returncode:
        raise RuntimeError(f"the process ended with {child.returncode}")
    return reached


def in_kernel(code, env):
    """Seconds from the start of a Jupyter kernel to each line that its first cell prints."""
    from jupyter_client.manager import start_new_kernel

    began, reached = time.perf_counter(), {}

    def output(message):
        for line in message["content"].get("text", "").splitlines():
            reached[line.strip()] = time.perf_counter() - began

    manager, client = start_new_kernel(env=env, stderr=subprocess.DEVNULL)
    try:
        reply = client.execute_interactive(code, timeout=120, output_hook=output)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if reply["content"]["status"] != "ok":
        raise RuntimeError("\n".join(reply["content"]["traceback"]))
    return reached


def starts():
    """The ways to start that are installed."""
    found = {"Python process": in_process}
    try:
        import ipykernel  # noqa: F401
        import jupyter_client  # noqa: F401
    except ImportError:
        return {**found, "Jupyter kernel": None}
    return {**found, "Jupyter kernel": in_kernel}


def measure(name, start):
    """Seconds of each round, by cold or warm and what was reached. The warm start of a round follows its cold one."""
    results = {}
    for turn in range(ROUNDS):
        progress(f"startup: {name}, round {turn + 1} of {ROUNDS}")
        with tempfile.TemporaryDirectory() as folder:
            env = {
                **os.environ,
                "JAX_ENABLE_COMPILATION_CACHE": "true",
                "JAX_COMPILATION_CACHE_DIR": folder,
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            }
            for cache in ("cold", "warm"):
                for stage, spent in start(JOURNEY, env).items():
                    results.setdefault((cache, stage), []).append(spent)
    return results


def report():
    in_process(JOURNEY, dict(os.environ))  # byte code and the files' contents are there from now on
    heading(
        "Start-up",
        f"Seconds since the start of a fresh Python process or kernel, median of {ROUNDS} rounds and their range. "
        "Cold: an empty compilation cache. Warm: the cache that the cold start left. Byte code and Matplotlib's font "
        "cache are there already. Outside a kernel nothing runs in the background: all is compiled before the picture "
        "comes.",
    )
    rows = []
    for name, start in starts().items():
        if start is None:
            rows.append([name, "not installed", ""])
            continue
        for (cache, stage), times in measure(name, start).items():
            rows.append(
                [
                    f"{name}, {cache}: {stage}",
                    f"{statistics.median(times):.2f}",
                    f"{min(times):.2f} to {max(times):.2f}",
                ]
            )
    table(["from the start to", "seconds", "range"], rows)
