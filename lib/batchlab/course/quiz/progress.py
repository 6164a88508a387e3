"""What is remembered of a reader, in one small file beside the notebooks, and how anything is said to them."""

import contextlib
import html
import json
import os
import pathlib
import threading
import time

from ..contents import NOTEBOOKS, link


class Words:
    """What is said to the reader: text in a terminal, a paragraph in a notebook; true only if it says "right".

    >>> words = Words("Right: an epoch uses every sample once.", right=True)
    >>> words, bool(words)
    (Right: an epoch uses every sample once., True)
    """

    def __init__(self, text, right=None, markup=None):
        self.text, self.right, self._markup = text.strip(), right, markup

    def __bool__(self):
        return self.right is True

    def __repr__(self):
        return self.text

    def _repr_html_(self):
        colour = {True: "#0072b2", False: "#d55e00", None: "#888888"}[self.right]  # the words say it too
        style = f"border-left: 4px solid {colour}; padding-left: 0.7em; line-height: 1.5; max-width: 48em"
        text = html.escape(self.text).replace("\n", "<br>")
        return self._markup or f'<div role="status" aria-live="polite" style="{style}">{text}</div>'


class Progress:
    """The reader's answers, in a JSON file or, with `path=None`, in memory only.

    Every change reads the file again and replaces it in one step, so a second open notebook keeps its answers and a
    crash leaves the old file whole. A file that cannot be understood is renamed, never overwritten; where nothing can
    be written, memory takes over. `notice()` tells the reader so, once.

    >>> progress = Progress(None)
    >>> with progress.change() as record:
    ...     record["chapters"]["03"] = True
    >>> progress.read()
    {'predictions': {}, 'exercises': {}, 'chapters': {'03': True}}
    """

    def __init__(self, path):
        self.path = path and pathlib.Path(path).absolute()
        self._record, self._notice = _nothing(), ""
        self._lock = threading.RLock()  # a widget's callback may run on another thread than the cells

    def read(self):
        """Return the record: what is known under "predictions" and "exercises" by key, under "chapters" by chapter."""
        with self._lock:
            try:
                if self.path:
                    self._record = _understood(self.path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                self._record = _nothing()
            except OSError as error:
                self._keep_in_memory(error)
            except (ValueError, LookupError, TypeError, AttributeError):
                self.set_aside("The progress file could not be understood. ")
            return self._record

    @contextlib.contextmanager
    def change(self):
        """Hand out the record, then write it: `with progress.change() as record: ...`."""
        with self._lock:
            yield self.read()
            try:
                if self.path:
                    draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
                    draft.write_text(json.dumps(self._record, indent=1), encoding="utf-8")
                    _put(draft, self.path)
            except OSError as error:
                self._keep_in_memory(error)

    def set_aside(self, why=""):
        """Begin a new record; the file is renamed to the first free backup name."""
        self._record = _nothing()
        if not (self.path and self.path.exists()):
            return
        number, backup = 1, self.path.with_name(f"{self.path.name}.bak")
        while backup.exists():
            number, backup = number + 1, self.path.with_name(f"{self.path.name}.{number}.bak")
        try:
            os.replace(self.path, backup)
            self._notice = f"{why}The old one is kept as {backup.name}; a new one begins."
        except OSError as error:
            self._keep_in_memory(error)

    def notice(self):
        """Return what the reader has to know about the file, once; then the empty string."""
        said, self._notice = self._notice, ""
        return said

    def _keep_in_memory(self, error):
        self._notice = f"Answers last only as long as this kernel: {self.path.name} is not usable ({error.strerror})."
        self.path = None


def _put(draft, path):
    """Put `draft` in the place of `path`: again after each pause, since on Windows a file that is read is locked."""
    for pause in (0.02, 0.05, 0.1, 0.2):
        with contextlib.suppress(PermissionError):
            return os.replace(draft, path)
        time.sleep(pause)
    return os.replace(draft, path)


def _nothing():
    return {"predictions": {}, "exercises": {}, "chapters": {}}


def _understood(text):
    """Return the record written in `text`; raise one of Python's own errors if it has another shape."""
    record = json.loads(text)
    for answers in record["predictions"].values():
        _ = answers[0], [(entry["answer"], entry["right"]) for entry in answers]
    _ = [(entry["done"], entry["tries"]) for entry in record["exercises"].values()], record["chapters"].items()
    return record


_progress = None


def progress_file(path):
    """Keep progress in the file `path` from now on ("off": in memory only) and return the `Progress`."""
    global _progress
    _progress = Progress(None if str(path) == "off" else path)
    return _progress


def load():
    """Return the progress in use: at first BATCHLAB_PROGRESS (a path or "off") or `.batchlab-progress.json` here."""
    return _progress or progress_file(os.environ.get("BATCHLAB_PROGRESS") or ".batchlab-progress.json")


def reset():
    """Forget every answer; the file is kept under another name."""
    load().read()
    load().set_aside()
    return Words(f"Progress starts again from nothing. {load().notice()}")


def summary():
    """Return what was predicted and coded, chapter by chapter."""
    record, lines, body = load().read(), [], ""
    names = {chapter: f"{chapter} {title}" for chapter, (title, _) in NOTEBOOKS.items()} | {"final": "The final quiz"}
    for chapter, name in names.items():
        given = [answers for key, answers in record["predictions"].items() if key.split(".")[0] == chapter]
        coded = [entry for key, entry in record["exercises"].items() if key.split(".")[0] == chapter]
        counts = {
            "predicted": sum(answers[-1]["answer"] is not None for answers in given),
            "right": sum(answers[-1]["right"] is True for answers in given),
            "right at once": sum(answers[0]["right"] is True for answers in given),
            "skipped": sum(answers[-1]["answer"] is None for answers in given),
            "exercises right": sum(entry["done"] for entry in coded),
            "finished": "yes" if chapter in record["chapters"] else "no",
        }
        lines.append(f"{name}: " + ", ".join(f"{what} {count}" for what, count in counts.items()))
        cells = [link(chapter) if chapter in NOTEBOOKS else name, *counts.values()]
        body += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    notice = load().notice()
    head = "".join(f'<th scope="col">{what}</th>' for what in ("chapter", *counts))
    markup = f"<table><caption>Your progress. {html.escape(notice)}</caption><tr>{head}</tr>{body}</table>"
    return Words("\n".join([*lines, notice]), markup=markup)
