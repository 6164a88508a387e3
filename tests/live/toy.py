"""The smallest live picture with everything in it: it counts up to `total` in slices and draws a line."""

import threading

from batchlab.live import Live, Menu, Number, Steps, Tick, View, Whole, Words, columns, press

SIZES = {"small": 10, "large": 400}


class Toy(Live):
    """Counts; `n` follows the data, as a batch size does."""

    size, narrow_height = (7.0, 2.5), 4.0
    data = Menu("data", SIZES)
    batch_size = Whole("batch size", 1, lambda lab: lab.n, 3, log=True, remedy=lambda lab: f"{lab.n} is all.")
    rate = Number("rate", 0, 10, 0.5, log=True, slider=(0.01, 1), low_allowed=False)
    total = Whole("total", 0, 100_000, 5, log=True, slider=(0, 100))
    width_of = Steps("line width", (1, 2, 4, 8), 2)
    title = Words("title", "a title")
    bold = Tick("bold")

    def __init__(self, **settings):
        self.count, self.drawn, self.shown, self.threads, self.n, self.broken, self.pace = 0, 0, [], set(), 10, {}, None
        self.presses, self.clicks, self.began = 0, [], []
        super().__init__(**settings)

    @press("bump", tip="one more")
    def bump(self):
        """Count a press."""
        self.fail_if("press")
        self.presses += 1

    def fail_if(self, where):
        self.threads.add(threading.current_thread())
        if where in self.broken:
            raise self.broken[where]

    def begin(self, changed):
        self.fail_if("begin")
        self.began.append(set(changed))
        if "data" in changed:
            self.n = SIZES[self.data]
            self.batch_size = min(self.batch_size, self.n)

    def draw(self, figure):
        self.fail_if("draw")
        self.drawn += 1
        left, right = columns(figure)
        left.plot([0, 1], [0, 1])
        (self.line,) = right.plot([0, 1], [0, 1])
        (dot,) = left.plot([0.5], [0.5], "o")
        right.set(xlim=(0, 1), ylim=(0, 400))
        return [View([dot], lambda: None), View([self.line], lambda: None)]

    def work(self):
        self.count = 0
        while self.count < (0 if self.locked else self.total):
            self.fail_if("work")
            self.count += 1
            yield self.pace

    def show(self):
        self.fail_if("show")
        self.shown.append(self.count)
        self.line.set_ydata([0, self.batch_size])

    def words(self):
        self.fail_if("words")
        return f"batch size {self.batch_size}, counted to {self.count}"

    def facts(self):
        return [f"n = {self.n}"]

    def clicked(self, x, y):
        self.fail_if("click")
        self.clicks.append((x, y))
