"""The live picture: what matplotlib draws is recorded, and the page replays it, with or without a kernel.

It knows nothing of descent: a `Live` has controls, a picture, words, and work that is done in slices.
"""

# ruff: noqa: F401, the names are for those who make pictures

from .controls import Menu, Number, Press, Steps, Tick, Whole, Words, press
from .loop import running_loop
from .picture import NARROW, Picture, View, columns, still
from .stage import Live
