"""The end of a chapter: a button that shuts the notebook's kernel down, so that the next one finds its memory free."""

import pathlib

import anywidget
import traitlets

SCRIPT = """
export default { render({ model, el }) {
  const kernel = model.widget_manager?.kernel, button = document.createElement("button");
  el.classList.add("batchlab-quiz");
  if (!kernel?.shutdown) return (el.textContent = model.get("instead"));
  Object.assign(button, { type: "button", textContent: "Close this chapter: shut its kernel down" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    await kernel.shutdown();
    el.textContent = "The kernel is shut down, its memory is free. To go on here, restart it: Kernel > Restart Kernel.";
  });
  el.append(button);
} };
"""


class Closing(anywidget.AnyWidget):
    """A button that shuts down the kernel it is shown by; where it cannot, a line that says how."""

    _esm = traitlets.Unicode(SCRIPT).tag(sync=True)
    _css = traitlets.Unicode(pathlib.Path(__file__).with_name("question.css").read_text(encoding="utf-8")).tag(
        sync=True
    )
    instead = traitlets.Unicode("To free the memory of this chapter: Kernel > Shut Down Kernel.").tag(sync=True)

    def __repr__(self):
        return self.instead

    _ipython_display_ = None  # of ipywidgets 7, which knows no bundle

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {
            **bundle,
            "text/plain": repr(self),
            "text/html": f"<p>{self.instead.replace('>', '&gt;')}</p>",
        }, metadata
