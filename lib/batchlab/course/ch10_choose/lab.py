"""The live picture of a choice: batch size, rate and epochs for one's own data, assembled, committed, then tested."""

import pathlib

from ... import data
from ...live import Live, Number, Whole, Words, press
from .. import plots, quiz
from . import planning, report, stills, views

KEY = "10.choice"
START = {"batch_size": 16, "learning_rate": 0.05, "epochs": 20}  # what is often copied from somewhere
HIDDEN = "Make your prediction above, or skip it: then the controls unlock."


class FileName(Words):
    """The name of a file; entered again the file is read again, since it may have changed."""

    def set(self, choice, value):
        """Set it, and have the file read."""
        before = choice.path
        super().set(choice, value)
        if choice.path == before != "" and not choice._turns.aside:  # an export only puts back what there was
            choice.read_again()


class Choice(Live):
    """Choose batch size, learning rate and epochs, commit, and see a sweep judge, beside the course's own plan.

    Args:
        given: a `Problem`, or the `planning.Plan` that has been made for one.
        hidden: widths of the hidden layers.
        locked: begin with the controls off, for a prediction to unlock.

    >>> choice = Choice(data.two_moons(n=60, n_val=60))
    >>> choice.batch_size = 8
    >>> choice.words()[:62]
    'batch size 8, learning rate 0.05, epochs 20: 160 iterations. N'
    """

    recorded = (("batch_size", 10), ("epochs", 8))
    frame_seconds = 0.2  # while runs are trained, it is they that should get the time
    size, narrow_height = (9.0, 4.9), 9.5
    batch_size = Whole("batch size", 1, lambda choice: choice.n, START["batch_size"], log=True,
                       hint=lambda choice: f"1: SGD, {choice.n}: full-batch GD",
                       remedy=lambda choice: f"{choice.n} are all training samples.")  # fmt: skip
    learning_rate = Number("learning rate", 0, 1e3, START["learning_rate"], log=True, slider=(1e-4, 10),
                           low_allowed=False)  # fmt: skip
    epochs = Whole("epochs", 1, 10 * planning.MANY, START["epochs"], log=True, slider=(1, 100))
    author = Words("your name", hint="for the report")
    path = FileName("CSV file", hint="mine.csv, then Enter")
    target = Words("target column", hint="empty: the last one")

    def __init__(self, given, *, hidden=(32,), locked=False):
        self.plan = given if isinstance(given, planning.Plan) else planning.plan(given, hidden)
        self.trials, self._file, self._test = {}, (), ()  # the reading of a file, and a test: their slices of work
        super().__init__(locked=locked, batch_size=min(START["batch_size"], self.n))

    @property
    def n(self):
        """Number of training samples."""
        return self.plan.n

    @property
    def committed(self):
        """The `planning.Trial` of what the reader has committed, or None."""
        return self.trials.get(views.YOURS)

    @press("commit", tip="have a sweep judge what the sliders say")
    def commit_sliders(self):
        """Commit what the sliders say."""
        self.commit(self.batch_size, self.learning_rate, self.epochs)

    @press("save report", tip="save what was chosen, and how it did, as report.html")
    def save_report(self):
        """Save the report beside the notebook."""
        self.say(self.report("report.html").text)

    @press("read the file again", tip="after you have changed it", disabled=lambda choice: not choice.path)
    def read_again(self):
        """Read the file once more; see `begin`."""

    # ---- work --------------------------------------------------------------------------------------------------------

    def begin(self, changed):
        """A file that is named is read; what the lock hides is drawn anew."""
        if "locked" in changed:
            self.say(HIDDEN if self.locked else "")
            self.redraw()
        if self.path and changed & {"path", "target", "read_again"}:
            self._file = self._reading(self.path, self.target or None)

    def work(self):
        """Go on with the file, then with the sweep; both are kept, so that a moved slider does not end them."""
        for _ in self._file:
            yield
        for _ in self._test:
            yield

    def commit(self, batch_size, learning_rate, epochs):
        """Commit a choice; the sweep then judges it. It is kept with the reader's predictions."""
        others = {name: self.trials[name] for name in self.trials if name != views.YOURS} or self._others()
        mine = planning.Trial(self.plan, batch_size, learning_rate, epochs, others[views.COURSES].sweep)
        self.trials = {views.YOURS: mine, **others}
        self.batch_size, self.learning_rate, self.epochs = mine.setting
        said = f"{self.plan.problem.name}: batch size {batch_size}, rate {learning_rate:.3g}, epochs {epochs}"
        with quiz.load().change() as record:
            given = record["predictions"].setdefault(KEY, [])
            if not given or given[-1]["answer"] != said:
                given.append({"answer": said, "right": None})
        self._test = self._testing()
        self._set({"name": "trial"})  # no control has changed, perhaps, but there is something to do

    def _others(self):
        """The trials with which a choice is compared: of the course's plan, and of what is often copied."""
        copied = [min(START["batch_size"], self.n), START["learning_rate"], START["epochs"]]
        course = planning.Trial(self.plan, *self.plan.choice)
        return {views.COURSES: course, views.COPIED: planning.Trial(self.plan, *copied, course.sweep)}

    def _testing(self):
        parts = {part for trial in self.trials.values() for part in trial.parts}
        total = sum(part.total for part in parts)
        for trial in self.trials.values():
            for _ in trial.work():
                done = sum(part.finished for part in parts)
                self.say(f"Committed. Now {total} runs are trained: {done} finished. You can go on reading.")
                yield
        self.say(HIDDEN if self.locked else "")

    def _reading(self, path, target):
        """Read a file and plan for it; where that fails, what was there stays, and so does what was being tested."""
        problem = data.from_csv(path, target)
        rows = len(problem.x) + len(problem.x_val)
        self.say(f"{problem.name}: {rows:,} rows. Two probes are being trained.")
        for made in planning.probing(problem, self.plan.hidden):  # noqa: B007, the last one counts
            yield
        self.plan, self.trials, self._test = made, {}, ()
        self.batch_size = min(START["batch_size"], self.n)
        self.learning_rate, self.epochs = START["learning_rate"], START["epochs"]
        self.redraw()
        self.say(" ".join(made.notes))

    def result(self):
        """How all settings did, as a `Still`; what is not trained yet is trained first, with progress bars.

        Where nothing is committed, the course's plan is tested, and the live picture does not show it.
        """
        self.wait()
        self.trials = self.trials or self._others()
        for trial in self.trials.values():
            trial.run()
        return stills.result(self.plan, self.trials)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    def draw(self, figure):
        """What is paid for what, and the map of settings; the sliders' place is always seen."""
        axes = views.two_axes(figure)
        return [views.place_of_sliders(axes, self.plan), *views.tested(axes, self.plan)]

    @property
    def _tested(self):
        """The trials that are shown."""
        finished = self.committed and all(trial.finished for trial in self.trials.values())
        return self.trials if finished else {}

    def show(self):
        """Bring the views up to date."""
        place, *tested = self.picture.views
        place.update(self.batch_size, self.learning_rate, self.epochs)
        for view in tested:
            view.update(self._tested)

    def facts(self):
        """What the data are."""
        problem = self.plan.problem
        kind = f"{len(problem.classes)} classes" if problem.classes else "a regression"
        return [
            f"N = {len(problem.x)} training and {len(problem.x_val)} validation samples",
            f"{plots.counted(problem.x.shape[1], 'input')}, {kind}",
            f"target: validation loss {self.plan.target:.3g}",
            f"{planning.SEEDS} seeds",
        ]

    def words(self):
        """What the picture shows, in words."""
        text = f"batch size {self.batch_size}, learning rate {self.learning_rate:.3g}, epochs {self.epochs}: "
        text += f"{plots.counted(self.epochs * -(-self.n // self.batch_size), 'iteration')}. "
        if self.committed is None:
            return text + "Nothing is committed yet."
        return text + (f"Tested: {views.told(self.trials)}" if self._tested else "The sweep is running.")

    # ---- the report --------------------------------------------------------------------------------------------------

    def report(self, path="report.html", *, overwrite=False):
        """Save what was chosen and how it did as one HTML page, and say where; see `report.page`.

        Before the reader has committed a choice nothing is written, and this is said. A file of that name is left as it
        is, and the report gets a number, unless `overwrite`.

        Raises:
            ValueError: the sweep is not finished, or nothing can be written there.
        """
        if self.committed is None:
            return quiz.Words("There is nothing to report yet: choose, and press commit. Then save the report.")
        if not self._tested:
            raise ValueError("the sweep is still running; save the report when its result stands below the picture.")
        saved = report.save(report.choice_page(self.plan, self.trials, self.author), path, overwrite)
        wanted = pathlib.Path(path).name
        other = "" if saved.name == wanted else f" The older {wanted} is left as it is."
        return quiz.Words(f"The report is saved as {saved.name}. Open it in a browser; print it from there.{other}")

    def __repr__(self):
        return "Choice: batch size, learning rate, epochs"
