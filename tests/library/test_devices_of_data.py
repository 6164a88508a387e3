"""Where a run computes: on JAX's default device, or where the reader has put the samples, and nowhere else."""

import subprocess
import sys

FOUR = """
import jax
jax.config.update("jax_num_cpu_devices", 4)
import dataclasses
import numpy as np
import batchlab as bl
from batchlab import pieces

devices, problem = jax.devices(), bl.data.noisy_sine(n=20)
settings = {"hidden": (4,), "batch_size": 3}

def where(tree):
    return {device for leaf in jax.tree.leaves(tree) for device in leaf.devices()}

def run(problem):
    run = bl.fit(problem, num_epochs=0, **settings)
    run.train(2)
    return run

expected = run(problem)
assert where((expected._state, expected._data)) == {devices[0]}
def same(other, device):
    assert where((other._state, other._data)) == {device}, where((other._state, other._data))
    np.testing.assert_array_equal(other.train_loss, expected.train_loss)

# The context manager; what began there goes on there.
with jax.default_device(devices[2]):
    assert pieces.device_of() == pieces.device_of(problem) == devices[2]
    there = bl.fit(problem, num_epochs=1, **settings)
same(there.train(1), devices[2])
there.params_at(1)

# Samples that were placed stay, whatever the default.
placed = dataclasses.replace(problem, x=jax.device_put(problem.x, devices[3]))
assert placed.x.devices() == {devices[3]}
same(run(placed), devices[3])
with jax.default_device(devices[1]):
    assert pieces.device_of(placed) == devices[3]
    same(run(placed), devices[3])
one = bl.sharding.spread(problem, devices[1:2])
same(run(one), devices[1])
# An array that JAX made, but nobody placed, follows the default.
same(run(dataclasses.replace(problem, x=jax.numpy.asarray(problem.x))), devices[0])

# A sweep, and what is measured.
def sweep(problem):
    return bl.measure.sweep(problem, batch_sizes=[2], learning_rates=[0.01], num_epochs=1, keep=False, hidden=(4,))
made, put = [], jax.device_put
def noted(tree, device=None, **rest):
    made.append(device)
    return put(tree, device, **rest)
jax.device_put = noted
sweep(placed)
with jax.default_device(devices[1]):
    sweep(problem)
jax.device_put = put
assert set(made) == {devices[3], devices[1]}, made
with jax.default_device(devices[1]):
    bl.measure.time_step(expected.model, "regression", 1, 1, 4)
    ready = bl.measure.costs._ready_step(expected.model, "regression", 1, 1, 4, devices[1])
assert bl.measure.costs._ready_step.cache_info().hits == 1 and where(ready[1:]) == {devices[1]}
gradient = bl.measure.gradients.gradient_programs(expected.model, "regression")[1]
grads = gradient(expected.params_at(1), placed.x, placed.y, np.ones(20))
assert where(grads) == {devices[3]}

# The configuration, by device and by name of a platform.
jax.config.update("jax_default_device", devices[1])
same(run(problem), devices[1])
jax.config.update("jax_default_device", "cpu")
same(run(problem), devices[0])
print("all there")
"""


def test_a_run_is_where_its_samples_were_put_or_on_the_default_device():
    done = subprocess.run([sys.executable, "-W", "error", "-c", FOUR], capture_output=True, text=True, timeout=300)
    assert done.stdout == "all there\n", done.stderr[-3000:]
