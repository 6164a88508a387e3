"""A stand-in: the library looks whether a module of this name has been imported; anywidget asks it for `output`."""
