"""Stand-ins for what `import batchlab` asks for and a bare GPU machine lacks; nothing that is measured uses them.

Importing this module is enough; a package that is installed is never replaced. In tests: `pytest -p benchmarks.absent`.
"""

import importlib.abc
import importlib.machinery
import sys
import tempfile
import types

NAMES = ("anywidget", "ipywidgets", "platformdirs", "tqdm", "traitlets")


class Nothing:
    """A class to inherit from, a decorator that changes nothing, a progress bar that stays empty."""

    n = 0

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return args[0] if args and callable(args[0]) else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


class Absent(types.ModuleType):
    """A module in which every name is a class of its own that does nothing."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = (lambda *_, **__: tempfile.gettempdir()) if name.startswith("user_") else type(name, (Nothing,), {})
        setattr(self, name, value)
        return value


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the NAMES, with all their submodules."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in NAMES:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        return Absent(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(Finder())  # last: asked only for what is found nowhere else
