"""A reader who drags every slider of a lab from end to end and back, on a running loop.

In a chapter's test: `drags_every_slider(StepLab, "batch size {0.batch_size},".format, {"samples": 3000})`.
"""

import asyncio

import numpy as np

from ..live.page import Page, kernel, settled

STOPS = 20  # of a drag


def stops(row):
    """Where a slider comes by from its left end to its right one."""
    if row["kind"] == "steps":
        return row["steps"]
    low, high = row["low"], row["high"]
    spread = np.geomspace(low + 1, high + 1, STOPS) - 1 if row.get("log") else np.linspace(low, high, STOPS)
    values = np.clip([low, *spread, high], low, high).tolist()
    return [round(value) for value in values] if row["kind"] == "whole" else values


async def drag_every_slider(lab, beginning, wish):
    """Drag them all; whatever came in between, picture and words show where each ended, and the lab goes on.

    Args:
        lab: on a running loop.
        beginning: `beginning(lab)` is what its words begin with.
        wish: another one afterwards, {control: value}.
    """
    page, dragged = Page(lab), []
    await settled(lab)
    for name in lab.controls:
        row = page.row(name)
        if row["kind"] not in ("whole", "number", "steps") or row.get("hidden"):
            continue
        dragged.append(name)
        for values in (stops(row), stops(row)[::-1]):
            for value in values:
                page.wish(**{name: value})
                lab._turns.acknowledged(lab.frame["count"])  # a page that sees what it is sent
                await asyncio.sleep(0.002)
                assert page.words.startswith(("batch size", "epoch"))
            await settled(lab)
            _agree(lab, page, beginning)
            assert page.shows[name] == values[-1]
    assert dragged
    page.wish(**wish)
    await settled(lab)
    _agree(lab, page, beginning)
    assert wish.items() <= page.shows.items()


def drags_every_slider(make, beginning, wish):
    """The same for a lab that `make()` makes on a loop of its own."""

    async def session():
        lab = make()
        await drag_every_slider(lab, beginning, wish)
        lab.close()

    kernel(session)


def _agree(lab, page, beginning):
    """Nothing has failed; words, picture and controls say the same."""
    assert lab.error is None, lab.error
    assert not lab.frame["alarm"], page.message
    assert page.shows == page.values
    assert page.words == lab.words()
    assert page.words.startswith(beginning(lab))
