"""Runs whose batch size or learning rate changes on the way: a plan is a list of (batch size, rate, epochs)."""

import numpy as np

from ... import descent


def descend(problem, plan, seed=0):
    """Follow a plan, each part from where the last one ended: updates (k,) and training losses (k,) after every epoch.

    Plain descent keeps nothing but the parameters, so nothing is lost between two parts.
    """
    params, losses, updates = None, [], [0]
    for part, (batch_size, rate, epochs) in enumerate(plan):
        settings = {"batch_size": batch_size, "learning_rate": rate, "num_epochs": epochs}
        run = descent.fit(problem, hidden=(32,), params=params, seed=seed + 1000 * part, **settings)
        losses += run.train_loss[1:].tolist() if losses else run.train_loss.tolist()
        updates += (updates[-1] + run.iterations[1:]).tolist()
        params = run.params_at(epochs)
    return np.array(updates), np.array(losses)


def follow(problem, plans, seeds=5):
    """Follow several plans with several seeds: name -> (updates (k,), losses (seeds, k))."""
    runs = {name: [descend(problem, plan, seed) for seed in range(seeds)] for name, plan in plans.items()}
    return {name: (done[0][0], np.array([losses for _, losses in done])) for name, done in runs.items()}
