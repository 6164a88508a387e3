"""A live picture of runs that answers every batch size at once, since what it needs is compiled before it is asked."""

from ..pieces import WIDTHS
from .placing import Placed, on_device


class Prepared(Placed):
    """Its first frame waits for no other batch size: their programs are compiled afterwards, behind the reader's back.

    A subclass defines `programs()`, the run that they belong to and a key for them, and ends its `work` with `prepare`.
    """

    ready = None  # the keys of the programs that are compiled; None until the first frame is shown

    def programs(self):
        """The run whose programs are to be compiled, and what tells them from others."""
        raise NotImplementedError

    def first_frame(self):
        """The first picture does not wait for the programs of other batch sizes."""
        self.wait()
        self.ready = set()
        self.do(on_device(type(self).prepare)(self))

    def prepare(self):
        """Work: compile what other batch sizes need, once; a locked picture is not asked for them yet."""
        if self.ready is None or self.locked:
            return
        run, key = self.programs()
        for width in () if key in self.ready else WIDTHS:
            run.prepare([width])
            yield
        self.ready.add(key)
