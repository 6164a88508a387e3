"""What a step takes with other optimizers, as the compiler plans it; and what was measured on a GPU."""

import functools
import json
import pathlib

import jax
import jax.numpy as jnp
import optax

from ... import measure, models

STEP = models.mlp((64, 128, 10)), "classification", 64, 10  # the digits of chapter 4
OPTIMIZERS = {"SGD": optax.sgd(0.1), "momentum": optax.sgd(0.1, momentum=0.9), "Adam": optax.adam(0.1)}
RESULTS = pathlib.Path(__file__).resolve().parents[4] / "benchmarks/results"
LARGE = (784, 2048, 2048, 10)  # the network that the GPU's command measures, widths of its layers


def parameter_bytes(step=STEP):
    """Bytes of the parameters of a step's model, in float32."""
    return 4 * sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(step[0].init, jax.random.key(0))))


@functools.lru_cache(maxsize=64)
def plan(optimizer, batch_size, step=STEP):
    """The `measure.Bytes` of one step with an optax optimizer: it is given, and returns, parameters and state."""
    model, kind, n_inputs, n_outputs = step
    loss = models.loss_of(model, kind)

    def take(params, state, x, y):
        grads = jax.grad(lambda params: loss(params, x, y).mean())(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params = jax.eval_shape(model.init, jax.random.key(0))
    x, y = (jax.ShapeDtypeStruct((batch_size, width), jnp.float32) for width in (n_inputs, n_outputs))
    found = jax.jit(take).lower(params, jax.eval_shape(optimizer.init, params), x, y).compile().memory_analysis()
    sizes = found.argument_size_in_bytes, found.temp_size_in_bytes, found.output_size_in_bytes
    return measure.Bytes(*sizes)


def law(optimizer, step=STEP):
    """Constant and bytes a sample with this optimizer, from two plans."""
    return measure.byte_law({size: plan(optimizer, size, step).total for size in (1024, 1_000_000)})


def gpu_results(folder=RESULTS):
    """What `make gpu` has measured of the large network: [(name of the device, {batch size: samples a second})].

    Rehearsals on a CPU do not count. Of a device that was measured twice, the later file by name counts.
    """
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        steps = results["parts"].get("steps", {}).get("steps")
        if steps and not results["about"]["rehearsal"]:
            rows = [dict(zip(steps["columns"], row, strict=True)) for row in steps["rows"]]
            plain = [row for row in rows if "float32" not in row.get("setting", "")]
            found[results["about"]["device"]] = {row["B"]: row["samples/s"] for row in plain}
    return list(found.items())
