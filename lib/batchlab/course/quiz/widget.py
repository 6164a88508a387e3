"""What the quiz's widgets share: their look, and their words for viewers without a kernel, such as GitHub."""

import pathlib

import anywidget
import traitlets


def text_of(name):
    """The text of a file beside this one, as a trait that goes to the page."""
    return traitlets.Unicode(pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8")).tag(sync=True)


class QuizWidget(anywidget.AnyWidget):
    """A widget with the quiz's style; a subclass has a script, `__repr__`, and `as_html()` for where none runs."""

    _css = text_of("question.css")

    def as_html(self):
        """What stands where no kernel runs; never the right answer."""
        raise NotImplementedError

    _ipython_display_ = None  # of ipywidgets 7, which knows no bundle

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})  # by the version of ipywidgets
        return {**bundle, "text/plain": repr(self), "text/html": self.as_html()}, metadata
