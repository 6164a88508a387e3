"""The end of a chapter: a button that shuts the notebook's kernel down, so that the next one finds its memory free."""

import html

import traitlets

from .widget import QuizWidget, text_of


class Closing(QuizWidget):
    """A button that shuts down the kernel it is shown by; where it cannot, a line that says how."""

    _esm = text_of("closing.js")
    instead = traitlets.Unicode("To free the memory of this chapter: Kernel > Shut Down Kernel.").tag(sync=True)

    def __repr__(self):
        return self.instead

    def as_html(self):
        """The line that says how."""
        return f"<p>{html.escape(self.instead)}</p>"
