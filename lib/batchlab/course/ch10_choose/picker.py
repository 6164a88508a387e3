"""A button that opens a file of the reader's own computer in a `Choice`."""

import pathlib
import tempfile

import ipywidgets


class Picker(ipywidgets.FileUpload):
    """The browser's way to choose a CSV file; it is copied to the kernel, and opened as if its name had been typed.

    Args:
        choice: the `Choice`; while it is locked the button is off.
    """

    def __init__(self, choice):
        looks = {"description": "choose a CSV file", "layout": {"width": "max-content"}}
        super().__init__(accept=".csv,.tsv,.txt", multiple=False, disabled=choice.locked, **looks)
        self._choice, self._folder = choice, tempfile.TemporaryDirectory(prefix="batchlab-")
        self.observe(lambda change: self._open(change["new"]), "value")
        choice.observe(lambda change: setattr(self, "disabled", change["new"]), "locked")

    def _open(self, value):
        """What was chosen: ({"name": ..., "content": ...},), or of ipywidgets 7 {name: {"content": ...}}."""
        files = value.items() if isinstance(value, dict) else [(one["name"], one) for one in value]
        for name, file in files:
            path = pathlib.Path(self._folder.name) / pathlib.PurePath(name).name
            path.write_bytes(file["content"])
            self._choice.path = str(path)

    def __repr__(self):
        return "A button that opens a CSV file of your own."
