"""What people would use instead. Each peer trains a multilayer perceptron from given parameters, in the same way:

    train(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch) -> (m, 2) losses

Each epoch takes every sample once, float32, in a fresh random order; the full batch needs no order, as in `bl.fit`.
With `every_epoch` the mean training and validation losses are measured along the way, as `bl.fit` always does; without,
once at the end (m = 1).
"""

import importlib

PEERS = {
    "NumPy loop": ("numpy_loop", "train"),
    "NumPy loop, in place": ("numpy_loop", "train_in_place"),
    "C program": ("c_loop", "train"),
    "PyTorch, indexing": ("pytorch", "train_by_indexing"),
    "PyTorch, DataLoader": ("pytorch", "train_by_dataloader"),
    "scikit-learn MLP": ("scikit_learn", "train"),
}


def peers(problem=None):
    """Name and `train` of each peer; None where it is not installed, or cannot train on this problem."""
    found = {}
    for name, (module, function) in PEERS.items():
        try:
            found[name] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), function)
        except ImportError:
            found[name] = None
        if name == "C program" and problem is not None and problem.kind != "regression":
            found[name] = None
    return found
