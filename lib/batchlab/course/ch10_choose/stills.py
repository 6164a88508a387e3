"""Pictures of what was measured: by the probes, by the sweep, beyond the plan's end, and on other data."""

import numpy as np

from ...descent import fit
from ...live import still
from .. import plots
from . import planning, views


def _between(low, high):
    """Round numbers from a low one to a high one, at most five."""
    ticks = [digit * 10.0**power for power in range(-2, 6) for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if 0.9 * low <= tick <= 1.1 * high]
    return ticks[:: 1 + len(ticks) // 6]


def _reached(ladder):
    """At which rates all seeds came to an end that is finite."""
    return np.isfinite(ladder).all(axis=1)


@still(height=3.8)
def probes(figure, plan):
    """What the probes of a plan have measured, as a `Still`: the noise scale along a run, and two ladders of rates."""
    along, small, full = figure.subplots(1, 3)
    along.plot(*plan.path, "-o", color=plots.TRAINING)
    along.plot(plan.halves, plan.scales, "D", color=plots.VALIDATION)
    plots.note(along, 0.95, 0.05, "◆ half way, 4 seeds", color=plots.DARK[1])
    along.set(xlabel="validation loss", ylabel="noise scale", title="along a slow run")
    along.invert_xaxis()
    for axes, shown in ((along, [*plan.path[1], *plan.scales]), (small, plan.ladder[_reached(plan.ladder)])):
        axes.set_yscale("log")
        plots.ticks(axes.yaxis, _between(np.min(shown), np.max(shown)))
    for axes, ladder in ((small, plan.ladder), (full, plan.full_ladder)):
        rates = planning.RATES[_reached(ladder)]
        plots.spread(axes, rates, ladder[_reached(ladder)].T, "", plots.TRAINING)
        axes.set(xscale="log", xlabel="learning rate")
        plots.ticks(axes.xaxis, [rate for rate in (0.01, 0.1, 1) if rates[0] <= rate <= rates[-1]])
    small.set(title=f"batches of {plan.probe_size}", ylabel="epochs to the target")
    full.set(title=f"full batch, {planning.FULL_UPDATES} updates", ylabel="mean validation loss")
    return (
        f"Three measurements. Noise scale along a run: from {plan.path[1, 0]:.0f} to {plan.path[1, -1]:.0f}; where "
        f"half of the loss is gone, {min(plan.scales):.0f} to {max(plan.scales):.0f} in {planning.SEEDS} seeds. "
        f"Batches of {plan.probe_size}: fewest epochs to the target, {plan.probe_epochs:.2g}, "
        f"at rate {plan.probe_rate:.3g}. Full batch: lowest mean loss at rate {plan.full_rate:.3g}."
    )


@still(height=5.4)
def result(figure, plan, trials):
    """How settings did, {name: `planning.Trial`}, and the sweep that judged them, as a `Still`."""
    figure.set_layout_engine("none")
    for view in views.tested(views.two_axes(figure), plan):
        view.update(trials)
    best = zip(plan.sizes(), *next(iter(trials.values())).measured(), strict=True)
    swept = "; ".join(f"B = {size}: {epochs:.3g} epochs at rate {rate:.3g}" for size, epochs, rate in best)
    return f"{views.told(trials)} Best of the sweep: {swept}."


@still()
def beyond(figure, plan, setting=None):
    """Training and validation loss of a setting, by default the plan's own, far beyond its end, as a `Still`."""
    size, rate, planned = setting or plan.choice
    settings = {"batch_size": size, "learning_rate": rate, "num_epochs": max(30, 3 * planned)}
    runs = fit(plan.problem, hidden=plan.hidden, seeds=planning.SEEDS, **settings)
    axes, x = figure.subplots(), np.arange(runs.num_epochs + 1)
    plots.spread(axes, x, runs.train_loss, "training", plots.TRAINING, marker="")
    plots.spread(axes, x, runs.val_loss, "validation", plots.VALIDATION, marker="")
    axes.axvline(planned, color=plots.NOW, linewidth=1.2, linestyle=":")
    plots.beside(axes, "end of the plan", (planned, axes.get_ylim()[1]), (4, 0), va="top")
    axes.axhline(plan.target, color="0.6", linewidth=1)
    axes.text(x[-1], plan.target, "target", ha="right", va="top", color="0.3")
    axes.set(xlabel="epoch", ylabel="loss", xlim=(0, 1.12 * x[-1]))
    axes.set_title(f"batch size {size}, rate {rate:.2g}, trained on (band: {planning.SEEDS} seeds)")
    best = runs.best_epoch
    lowest, last = (f"{losses.mean():.2f}" for losses in (runs.val_loss.min(axis=1), runs.val_loss[:, -1]))
    falls = (np.diff(np.median(runs.train_loss, axis=0)) < 0).all()
    return (
        f"Trained beyond the plan: the validation loss falls to {lowest} at epoch {best.min()} to {best.max()}, and "
        f"{'is' if last == lowest else 'rises to'} {last} at epoch {runs.num_epochs}; after the "
        f"{plots.counted(planned, 'planned epoch')} it is {runs.val_loss[:, planned].mean():.2f}. The training loss "
        f"{'falls all the way' if falls else 'does not fall all the way'}."
    )


@still()
def trust(figure, plans):
    """Costs on several problems, {name: plan}, as a `Still`: all settings of each sweep, and two ways to choose.

    One is the plan's, the other by the noise scale of the gradients alone. What is not trained yet is trained first.
    """
    figure.set_figheight(1.6 + 0.55 * len(plans))
    axes, said, edge = figure.subplots(), [], 1e3
    for row, (name, plan) in enumerate(plans.items()):
        chosen = planning.Trial(plan, *plan.choice).run()
        alone = planning.Trial(plan, *plan.by_gradients, chosen.sweep).run()
        cost = (chosen.costs() / chosen.costs().min()).ravel()
        axes.plot(cost[np.isfinite(cost)], np.full(np.isfinite(cost).sum(), row), "s", color=plots.TRAINING, alpha=0.35,
                  label=None if row else f"each of {cost.size} settings")  # fmt: skip
        for trial, up, (mark, color, size), label in (
            (chosen, -0.25, views.MARKS[views.COURSES], "the course's plan"),
            (alone, 0.25, ("^", plots.KEPT[0], 10), "by the gradients alone"),
        ):
            reached = np.isfinite(trial.cost())
            look = {"color": color, "markersize": size, "label": None if row else label}
            axes.plot([trial.cost() if reached else edge / 2], [row + up], mark, **look)
            if not reached:
                axes.text(edge / 2.6, row + up, "target not reached", ha="right", va="center", color=color)
            size, rate, epochs = trial.setting
            cost = f"cost {views.times(trial.cost())}" if reached else "target not reached"
            chose = f"batch size {size}, rate {rate:.2g}, {epochs} epochs, {cost}"
            said.append(f"{name}, {label}: {chose}")
    axes.set_yticks(range(len(plans)), list(plans))
    axes.set(xscale="log", xlim=(0.5, edge), ylim=(len(plans) - 0.4, -0.6))
    axes.set_xlabel("epochs × iterations to the target, over the lowest of the sweep")
    plots.ticks(axes.xaxis, (1, 10, 100))
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.28), ncols=3)
    return f"Cost over the lowest. {'; '.join(said)}."
