"""When a live picture works and when it sends: slices on the kernel's loop, frames at the pace at which pages see them.

Drawing and computing happen on the kernel's main loop only. Whoever changes something, on whatever thread, wakes the
loop. Where there is no running loop (plain Python, tests), or none that shows updates between cells (Colab), the work
is done at once.
"""

import asyncio
import collections
import contextlib
import os
import sys
import threading
import time

REST_SECONDS = 0.006  # between two slices of work, so that new wishes can come in
SILENCE_SECONDS = 1.0  # after which a frame that no page has acknowledged is taken for seen
QUICK_SECONDS, SELDOM = 0.06, 8  # where a page is seen to answer so quickly, only every eighth frame asks for an answer


def running_loop():
    """The kernel's loop, or None where there is none, or none that shows what it does between cells (Colab).

    BATCHLAB_WAIT=1 does without it, too: so a notebook that is run to be read shows its pictures finished.
    """
    try:
        waits = "google.colab" in sys.modules or os.environ.get("BATCHLAB_WAIT") == "1"
        return None if waits else asyncio.get_running_loop()
    except RuntimeError:
        return None


class Pace:
    """When the next frame may go: when one is owed, pages have seen those before, and the last is long enough ago.

    The first frame of new work may follow one that is still on its way, so a wish never waits for a stale frame. An
    answer costs kernel, server and page as much as a frame does, so over a quick link few are asked for.
    """

    def __init__(self):
        self.owed, self._fresh = False, False
        self._sent, self._seen, self._sent_at = 0, 0, -SILENCE_SECONDS
        self.asks, self._quick, self._asked = True, False, 0  # the newest frame whose answer is awaited

    def owe(self, fresh=False):
        """There is something new to be seen; `fresh`: of new work."""
        self.owed, self._fresh = True, self._fresh or fresh

    def due(self, least):
        """In how many seconds a frame may go, where `least` seconds shall lie between two of the same work."""
        since = time.monotonic() - self._sent_at
        if since > SILENCE_SECONDS:
            return 0
        if self._sent - self._seen > (1 if self._fresh else 0):
            return SILENCE_SECONDS - since
        return 0 if self._fresh else max(0, least - since)

    def sends(self):
        """A frame goes: its number, from 1 on. Whether its page is to answer stands in `asks`."""
        self.owed, self._fresh = False, False
        waiting = self._seen < self._sent
        self._sent, self._sent_at = self._sent + 1, time.monotonic()
        self.asks = not self._quick or self._sent % SELDOM == 0
        if self.asks:
            self._asked, self._asked_at = self._sent, self._sent_at
        elif not waiting:
            self._seen = self._sent
        return self._sent

    def acknowledged(self, count):
        """A page has seen the frame of this number."""
        if count == self._asked:
            self._asked, self._quick = 0, time.monotonic() - self._asked_at < QUICK_SECONDS
        self._seen = max(self._seen, min(count, self._sent)) if self._asked else self._sent


class Loop:
    """What a live picture does on the kernel's loop: it takes what has changed, does a slice of work, sends a frame."""

    def __init__(self, lab):
        self._lab = lab
        self.loop = running_loop()  # where there is none, everything is done at once
        self._alarm, self._home, self._inside = None, threading.get_ident(), None
        self.pace, self.work, self.changed = Pace(), None, collections.deque()
        self.closed, self.aside, self.next_at = False, False, 0.0

    @property
    def elsewhere(self):
        """Whether this is another thread than the loop's."""
        return self.loop and threading.get_ident() != self._home

    def begin(self, work):
        """Do this work in place of what was there."""
        self.work, self.next_at = work, 0.0
        self.pace.owe(fresh=True)

    def come(self):
        """Take a turn soon; from any thread."""
        if self.loop and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._turn)

    def wake(self):
        """Something has changed; what the picture changes while it is at work it sees by itself."""
        if self.closed or self.aside or self._inside == threading.get_ident():
            return
        if self.loop:
            self.come()
        else:
            self._lab.wait()

    def acknowledged(self, count):
        """A page has seen a frame: another may go."""
        self.pace.acknowledged(count)
        if self.pace.owed:
            self.come()

    @contextlib.contextmanager
    def within(self):
        """In this block the picture is at work: what it changes on this thread needs no waking."""
        before, self._inside = self._inside, threading.get_ident()
        try:
            yield
        finally:
            self._inside = before

    def finish(self):
        """Do all the work here and now."""
        if self.closed:
            return
        with self.within():
            self._lab._take_changes()
            while self._slice() is not False or self.changed:
                self._lab._take_changes()
        self.come()  # an alarm that is set is of no use now

    def close(self):
        """Do nothing any more."""
        self.closed, self.work = True, None
        self.come()

    def _turn(self):
        """Take what has changed, do a slice, send a frame if one is due, and come again if need be."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self.closed:
            return
        with self.within():
            self._lab._take_changes()
            early = self.next_at - time.monotonic()  # a frame that was seen must not hurry what is watched at a pace
            rest, due = early if early > 0 and self.work is not None else self._slice(), 0
            if self.pace.owed:
                due = self.pace.due(self._lab.frame_seconds if self.work is not None else 0)
                if due == 0:
                    self._lab._send_frame()
        again = [rest] if rest is not False and self.work is not None else []
        again += [due] if self.pace.owed else []
        again += [0] if self.changed else []
        if again and not self.closed:
            self._alarm = self.loop.call_later(max(min(again), 0.001), self._turn)

    def _slice(self):
        """A slice of the work; the seconds until the next one, or False when nothing is left to do."""
        if self.work is None:
            return False
        work = self.work
        try:
            rest = next(work, self)
            if rest is not self:
                self.pace.owe()
                self.next_at = time.monotonic() + (rest or 0)
                return rest or REST_SECONDS
        except Exception as error:
            self._lab._halt(error)
        if self.work is work:
            self.work = None
        self.pace.owe()
        return False
