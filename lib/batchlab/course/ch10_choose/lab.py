"""The live picture of a choice: batch size, rate and epochs for one's own data, predicted, committed, then tested."""

import math

from ... import data, process
from ...live import Live, Number, Whole, Words, press
from .. import quiz
from . import planning, report, views

KEY = "10.choice"
START = {"batch_size": 16, "learning_rate": 0.05, "epochs": 20}  # what is often copied from somewhere
HIDDEN = "Make your prediction above, or skip it: then the controls unlock."
REFRESH = 0.2  # seconds between two frames while runs are trained


class Choice(Live):
    """Choose batch size, learning rate and epochs with the help of three rules, commit, and see a sweep judge.

    Args:
        given: a `Problem`, or the `planning.Plan` that has been made for one.
        hidden: widths of the hidden layers.
        locked: begin with the controls off and the rules hidden, for a prediction to unlock.

    >>> choice = Choice(data.two_moons(n=60, n_val=60))
    >>> choice.batch_size = 8
    >>> choice.words()[:51]
    'batch size 8, learning rate 0.05, epochs 20: by the'
    """

    size, narrow_height = (9.0, 4.2), 10.8
    batch_size = Whole(
        "batch size",
        1,
        lambda choice: choice.n,
        START["batch_size"],
        log=True,
        hint=lambda choice: f"1: SGD, {choice.n}: full-batch GD",
        remedy=lambda choice: f"{choice.n} are all training samples.",
    )
    learning_rate = Number(
        "learning rate", 0, 1e3, START["learning_rate"], log=True, slider=(1e-4, 10), low_allowed=False
    )
    epochs = Whole("epochs", 1, 10 * planning.MANY, START["epochs"], log=True, slider=(1, 100))
    author = Words("your name", hint="for the report")
    path = Words("CSV file", hint="mine.csv, then Enter")
    target = Words("target column", hint="empty: the last one")

    def __init__(self, given, *, hidden=(32,), locked=False):
        process.keep_programs()
        self.plan = given if isinstance(given, planning.Plan) else planning.plan(given, hidden)
        self.trial, self.committed, self._task = None, None, None
        super().__init__(locked=locked, batch_size=min(START["batch_size"], self.n))

    @property
    def n(self):
        """Number of training samples."""
        return len(self.plan.problem.x)

    @press("commit", tip="have a sweep judge what the sliders say")
    def commit_sliders(self):
        """Commit what the sliders say."""
        self.commit(self.batch_size, self.learning_rate, self.epochs)

    @press("save report", tip="save what was chosen, and how it did, as report.html")
    def save_report(self):
        """Save the report beside the notebook."""
        self.say(self.report("report.html").text)

    @property
    def frame_seconds(self):
        """While runs are trained, it is they that should get the time."""
        return Live.frame_seconds if self._task is None else REFRESH

    # ---- work --------------------------------------------------------------------------------------------------------

    def begin(self, changed):
        """A file that is named is read; what the lock hides is drawn anew."""
        if "locked" in changed:
            self.say(HIDDEN if self.locked else "")
            self.redraw()
        if not changed.isdisjoint(("path", "target")) and self.path:
            self._task = self._reading(self.path, self.target or None, self._task)

    def work(self):
        """Go on with the sweep, or with the file; it is kept, so that a moved slider does not end it."""
        while self._task is not None:
            task, self._task = self._task, None
            if next(task, self) is not self:
                self._task = task
            yield

    def commit(self, batch_size, learning_rate, epochs, *, mine=True):
        """Commit a choice; the sweep then judges it. It is kept with the reader's predictions.

        One that is not `mine` stands in for a reader who has committed nothing: it is judged, for cells and the report
        to look at, but neither shown nor kept.
        """
        sweep = self.trial.sweep if self.trial and self.trial.plan is self.plan else None
        self.trial = planning.Trial(self.plan, batch_size, learning_rate, epochs, sweep)
        self.committed = (batch_size, learning_rate, epochs) if mine else None
        self._task = self._testing(self.trial)
        if mine:
            self.batch_size, self.learning_rate, self.epochs = batch_size, learning_rate, epochs
            _remember(f"{self.plan.problem.name}: batch size {batch_size}, rate {learning_rate:.3g}, epochs {epochs}")
        self._set({"name": "trial"})  # no control has changed, perhaps, but there is something to do

    def _testing(self, trial):
        total = sum(part.total for part in (trial.sweep, trial.to_target, trial.long))
        for _ in trial.work():
            done = sum(part.finished for part in (trial.sweep, trial.to_target, trial.long))
            what = "Committed. Now" if self.committed else "To judge what the rules choose,"
            self.say(f"{what} {total} runs are trained: {done} finished. You can go on reading.")
            yield
        self.say(HIDDEN if self.locked else "")

    def _reading(self, path, target, before):
        """Read a file and plan for it; what is wrong is said, and what was there, or was being done, stays."""
        try:
            problem = data.from_csv(path, target)
            rows = len(problem.x) + len(problem.x_val)
            self.say(f"{problem.name}: {rows:,} rows. Two probes are being trained.")
            yield
            made = None
            for made in planning.probing(problem, self.plan.hidden):  # noqa: B007, the last one counts
                yield
        except Exception:
            self._task = before
            raise
        self._take(made)
        self.say(" ".join(made.notes))

    def _take(self, plan):
        """Bring a plan onto the stage."""
        self.plan, self.trial, self.committed = plan, None, None
        self.batch_size = min(START["batch_size"], self.n)
        self.learning_rate, self.epochs = START["learning_rate"], START["epochs"]
        self.redraw()

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """Epochs and iterations to the target, and the map of settings; the sliders' place is always seen."""
        axes = views.three_axes(figure)
        self._place = views.place_of_sliders(axes, self.plan)
        self._views = [
            views.to_target(axes[0], self.plan, "epochs"),
            views.to_target(axes[1], self.plan, "iterations"),
            views.settings(axes[2], self.plan),
        ]
        for panel in axes if self.locked else ():
            views.predict_first(panel)
        return [self._place, *self._views]

    def show(self):
        """Bring the views up to date."""
        self._place.update(self.batch_size, self.learning_rate, self.epochs)
        trial = self.trial if self.committed and self.trial.finished else None
        for view in self._views:
            view.update(self.committed, trial)

    def facts(self):
        """What the data are."""
        problem = self.plan.problem
        kind = f"{len(problem.classes)} classes" if problem.classes else "a regression"
        return [
            f"N = {len(problem.x)} training and {len(problem.x_val)} validation samples",
            f"{problem.x.shape[1]} input{'s' if problem.x.shape[1] > 1 else ''}, {kind}",
            f"target: validation loss {self.plan.target:.3g}",
            f"{planning.SEEDS} seeds",
        ]

    def words(self):
        """What the picture shows, in words."""
        plan, size = self.plan, self.batch_size
        text = f"batch size {size}, learning rate {self.learning_rate:.3g}, epochs {self.epochs}: "
        if self.locked:
            return text + "what the rules say is hidden until your prediction."
        text += f"by the rules this batch size reaches the target after {plan.epochs(size):.3g} epochs"
        text += f" or {plan.iterations(size):.3g} iterations, at a rate of {plan.learning_rate(size):.2g}."
        text += f" Noise scale {plan.noise_scale:.3g}."
        if self.committed is None:
            return text + " Nothing is committed yet."
        return text + (" " + self.judgement() if self.trial.finished else " The sweep is running.")

    def judgement(self):
        """How the choice did, in words."""
        return judgement(self.trial, bool(self.committed))

    # ---- the report --------------------------------------------------------------------------------------------------

    def report(self, path="report.html", *, overwrite=False):
        """Save what was chosen and how it did as one HTML page, and say where; see `report.page`.

        A file of that name is left as it is, and the report gets a number, unless `overwrite`.

        Raises:
            ValueError: nothing is committed, the sweep is not finished, or nothing can be written there.
        """
        if self.trial is None:
            raise ValueError("there is nothing to report yet; choose, and press commit.")
        if not self.trial.finished:
            raise ValueError("the sweep is still running; save the report when its result stands below the picture.")
        self._snapshot()  # the picture as the sliders are now
        picture = self.picture.png(), self.words()
        page = report.choice_page(self.trial, self.author, picture, self.judgement(), bool(self.committed))
        saved = report.save(page, path, overwrite)
        other = f" The older {report.pathlib.Path(path).name} is left as it is." if saved.name not in str(path) else ""
        return quiz.Words(f"The report is saved as {saved.name}. Open it in a browser; print it from there.{other}")

    def __repr__(self):
        return "Choice: batch size, learning rate, epochs"


def _remember(said):
    """Keep with the predictions what was committed."""
    with quiz.load().change() as record:
        given = record["predictions"].setdefault(KEY, [])
        if not given or given[-1]["answer"] != said:
            given.append({"answer": said, "right": None})


def times(factor):
    """A factor in words, with two figures."""
    return f"{factor:.2g} times" if not factor >= 100 else f"{float(f'{factor:.2g}'):,.0f} times"


def judgement(trial, committed):
    """How a choice did, in words; one that is not `committed` is that of the rules."""
    who = "Committed" if committed else "By the rules, nothing being committed"
    chosen, rate = trial.num_epochs, trial.learning_rate
    text = f"{who}: batch size {trial.batch_size}, rate {rate:.3g}, {chosen} epochs. "
    at_end, lowest, when = trial.early_stopping()
    if not math.isfinite(trial.epochs()):
        most = int(trial.to_target.num_epochs[0])
        lost = trial.to_target.diverged.sum()
        text += f"Most of its runs did not reach the target within {most} epochs"
        text += f"; {lost} of {planning.SEEDS} diverged: lower the rate. " if lost else ". "
    else:
        text += f"It reached the target after {trial.epochs():.3g} epochs. "
        factors = trial.against_best()
        parts = [f"{times(factor)} the fewest {name}" for name, factor in list(factors.items())[:2]]
        cost = factors["epochs x iterations"]
        said = f"That is {' and '.join(parts)} of the sweep; their product is {times(cost)} its lowest. "
        text += said if not math.isnan(cost) else "No setting of the sweep reached it. "
    if not math.isfinite(at_end):
        return text + f"Trained for {chosen} epochs it diverges."
    text += f"After {chosen} epochs the validation loss is {at_end:.3g}; "
    if when <= chosen:
        return text + f"early stopping would have kept {lowest:.3g}, at epoch {when:.3g}."
    end = int(trial.long.num_epochs[0])
    if when > 0.95 * end:
        return text + f"it is still falling: trained on to epoch {end} it comes to {lowest:.3g}."
    return text + f"trained on, it would be lowest at epoch {when:.3g}: {lowest:.3g}."
