"""Count what a sequence of fits compiles, and print it as JSON: name, seconds, seconds compiling, compilations."""

import json
import time

import jax

import batchlab as bl

SINE = {"problem": bl.data.noisy_sine(n=256), "batch_size": 16, "learning_rate": 0.01}
FITS = {
    "first of a model": {},
    "another batch size": {"batch_size": 37},
    "batch size 1": {"batch_size": 1},
    "all samples, full batch": {"batch_size": 256},
    "another learning rate": {"learning_rate": 0.003},
    "another seed": {"seed": 5},
    "more epochs": {"num_epochs": 200},
}


def main():
    compiled, results = [], []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(seconds) if event.endswith("backend_compile_duration") else None
    )
    for name, change in FITS.items():
        compiled.clear()
        began = time.perf_counter()
        bl.fit(**{**SINE, "num_epochs": 1, **change})
        results.append((name, time.perf_counter() - began, sum(compiled), len(compiled)))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
