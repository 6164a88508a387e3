"""Build the course as static pages: python site/build.py FOLDER, with the packages of the extra `site`.

The text, the code and the outputs are those of the committed notebooks. Only the cells of live pictures and questions
are run again, with what they stand on: a picture is recorded at the positions below, a question brings its explanations
along. So the pages need no kernel, no server and no network.
"""

import argparse
import ast
import concurrent.futures
import contextlib
import html
import io
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "site"
os.environ.update(BATCHLAB_PROGRESS="off", BATCHLAB_WAIT="1", TQDM_DISABLE="1", JAX_ENABLE_COMPILATION_CACHE="false")

import nbformat  # noqa: E402, after what the library reads from the environment

import batchlab as bl  # noqa: E402
from batchlab.course import NOTEBOOKS  # noqa: E402
from batchlab.course.quiz import Final, NumberQuestion, Prediction  # noqa: E402
from batchlab.live import Live, export  # noqa: E402

MOST_BYTES = 8_000_000
# Positions of each control, for a quick look; 0: all. Then no number is measured either: its highest answer stands in.
FEW = int(os.environ.get("BATCHLAB_SITE_FEW", "0"))
LIVE = re.compile(r"quiz\.ask\(|quiz\.Final\(|bl\.Lab\(|^\w+ = ch\d\d_\w+\.[A-Z]\w*\(", re.MULTILINE)
REVEAL = re.compile(r"\.reveal\(")
DROPPED = re.compile(r"quiz\.(chapter_done|summary)\(|^ *%pip", re.MULTILINE)  # of no use without a kernel
BINDER = re.compile(r"\((https://mybinder\.org[^)]*)\)")
KERNEL = re.compile(r"^(Choose \*Run|What you answer is kept|Your progress through the course).*", re.MULTILINE)
EXERCISE = re.compile(r"quiz\.exercise\(")
RECORDED = """```{note}
The pictures on this page are recordings: their sliders go from one recorded position to the next. Buttons and other
controls that the text names need [a running notebook](index.md#with-a-kernel). What you answer stays in this browser.
```"""
NEEDS_KERNEL = """<p class="needs-kernel">To write and check your own lines you need a running notebook: <a
href="{binder}">start this one on Binder</a>, or see
<a href="index.html#with-a-kernel">how to start one yourself</a>.</p>"""


def build(folder, chapters):
    """Write the pages of these chapters into a folder."""
    pages = folder / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, pages, ignore=shutil.ignore_patterns("build.py", "__pycache__"))
    write_script(pages / "static")
    shutil.copytree(ROOT / "notebooks/images", pages / "images", ignore=shutil.ignore_patterns("*.gif"))
    paths = [ROOT / "notebooks" / NOTEBOOKS[number][1] for number in chapters]
    spawn = multiprocessing.get_context("spawn")
    # A process for each chapter, as a kernel is: one changes JAX's devices.
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn, max_tasks_per_child=1) as pool:
        for path, page in zip(paths, pool.map(page_of, paths), strict=True):
            nbformat.write(page, pages / path.name)
    for path in (ROOT / "notebooks").glob("*.md"):
        shutil.copy(path, pages / path.name)
    write_index(pages / "index.md", chapters)
    options = ["-q", "-W", "--keep-going", "-d", folder / "doctrees"]
    subprocess.run([sys.executable, "-m", "sphinx", *options, pages, folder / "html"], check=True)
    for page in (folder / "html").glob("*.html"):
        if page.stat().st_size > MOST_BYTES:
            raise ValueError(f"{page.name} has {page.stat().st_size / 1e6:.1f} MB; record fewer positions there.")
    return folder / "html"


def write_index(path, chapters):
    """The first page: the overfitting lab, and the chapters by number and title."""
    listed = [f"{number} {NOTEBOOKS[number][0]} <{Path(NOTEBOOKS[number][1]).stem}>" for number in chapters]
    listed += [other.stem for other in (ROOT / "notebooks").glob("*.md")]
    picture = embedded(bl.Lab("noisy sine", controls=("batch size", "epochs", "learning rate")))
    text = path.read_text(encoding="utf-8").replace("CHAPTERS", "\n".join(listed)).replace("PICTURE", picture)
    path.write_text(text, encoding="utf-8")


def write_script(static):
    """One script for all pages. Pages that are opened as files may not import modules, so there is none."""
    parts = [
        (ROOT / "lib/batchlab/live/live.js", "playBack"),
        (ROOT / "lib/batchlab/course/quiz/question.js", "playQuestion"),
    ]
    text = ""
    for path, name in parts:
        source = re.sub(r"(?m)^export (?=(async )?function)", "", path.read_text(encoding="utf-8"))
        source = source.replace("export default { render };", "")
        text += f"const {name} = (() => {{\n{source}\nreturn {name};\n}})();\n"
        shutil.copy(path.with_suffix(".css"), static)
    pages = static / "batchlab.js"
    pages.write_text(text + pages.read_text(encoding="utf-8"), encoding="utf-8")


# ---- a notebook ------------------------------------------------------------------------------------------------------


def page_of(path):
    """The notebook as a page has it: no kernel, live pictures as recordings, questions with their explanations."""
    notebook = nbformat.read(path, as_version=4)
    shown = run_live(notebook.cells)
    cells = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            if DROPPED.search(cell.source):
                continue
            cell.outputs = [still(output) for output in cell.outputs if output.output_type != "error"]
            if number in shown:
                cell.metadata.tags = ["hide-input"]
                cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": shown[number]})]
            elif REVEAL.search(cell.source):  # the question says it
                cell.outputs = [output for output in cell.outputs if "image/png" in str(output)]
            if EXERCISE.search(cell.source):
                text = NEEDS_KERNEL.format(binder=html.escape(BINDER.search(notebook.cells[0].source)[1], quote=True))
                cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": text})]
        else:
            cell.source = KERNEL.sub("", cell.source)
            cell.source = re.sub(r"</?(details|summary)>", lambda tag: f"\n{tag.group()}\n", cell.source)
        cells.append(cell)
    cells.insert(1, nbformat.v4.new_markdown_cell(RECORDED))
    notebook.cells = cells
    return notebook


def still(output):
    """A picture that stands still with its alternative text, which Sphinx would lose."""
    data = output.get("data", {})
    if "image/png" in data:
        about = output.metadata.get("image/png", {})
        size = f'width="{about["width"]}"' if "width" in about else ""
        alt = html.escape(about.get("alt", ""), quote=True)
        source = f"data:image/png;base64,{data['image/png'].strip()}"
        output.data = {"text/html": f'<img class="still dark-light" alt="{alt}" {size} src="{source}">'}
    return output


def run_live(cells):
    """Run the live cells and what they stand on; {number of the cell: HTML}."""
    run = {n: cell.source for n, cell in enumerate(cells) if cell.cell_type == "code" and "%pip" not in cell.source}
    trees = {n: ast.parse(source) for n, source in run.items()}
    live = [n for n, source in run.items() if LIVE.search(source) or (REVEAL.search(source) and not FEW)]
    needed = set(live)
    for number in live:
        needed |= stands_on(trees, number)
    names, pieces = {}, {}
    for number in sorted(needed):
        shown = []
        names["display"] = lambda *things, shown=shown: shown.extend(things)
        tree, last = trees[number], None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, "a cell", "exec"), names)
            value = eval(compile(last, "a cell", "eval"), names) if last else None
        shown.append(value)
        pieces[number] = [thing for thing in shown if isinstance(thing, (Live, Prediction, Final))]
    return {number: "\n".join(map(embedded, things)) for number, things in pieces.items() if things}


def stands_on(trees, number):
    """The earlier cells in which names of a cell were last given a value, and those that these stand on."""
    loaded = {node.id for node in ast.walk(trees[number]) if isinstance(node, ast.Name)}
    found = set()
    for name in loaded:
        for earlier in sorted((n for n in trees if n < number), reverse=True):
            if name in given(trees[earlier]):
                found |= {earlier} | stands_on(trees, earlier)
                break
    return found


def given(tree):
    """The names that a cell gives a value."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


# ---- what moves and what asks ----------------------------------------------------------------------------------------


def embedded(thing):
    """A picture, a question or the final quiz as HTML for the script of the pages."""
    if isinstance(thing, Final):
        questions = "".join(map(embedded, thing.questions))
        return element("final", {"good": thing.GOOD, "said": thing.SAID}, questions, '<p role="status"></p>')
    if isinstance(thing, Prediction):
        unlocks = [name_of(target) for target in thing._targets if isinstance(target, Live)]
        question = thing.question
        if FEW and isinstance(question, NumberQuestion) and question.measured is None:
            question.measured = question.high
        about = {"key": question.key, "shown": thing.shown, "words": question.for_a_page(), "unlocks": unlocks}
        return element("question", about, without_script(thing.as_html()))
    print(f"  recording {type(thing).__name__}", flush=True)
    if FEW:
        thing.recorded = tuple((name, FEW) for name in export.usual(thing))
    about = {"name": name_of(thing), "recording": export.record(thing, {}, progress=False)}
    thing.close()
    return element("picture", about, without_script(f"<p>{html.escape(thing.words())}</p>"))


def element(kind, about, *inside):
    """A place for the script, with what it needs to know."""
    text = json.dumps(about, ensure_ascii=False).replace("<", "\\u003c")
    return f'<div class="batchlab-{kind}"><script type="application/json">{text}</script>{"".join(inside)}</div>'


def without_script(markup):
    """What stands there without a script, and a place for what the script puts there."""
    return f"<noscript>{markup}</noscript><div></div>"


def name_of(lab):
    """What a question calls the picture that it guards."""
    return f"picture-{id(lab)}"


def main():
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the site goes; emptied first")
    parser.add_argument("--chapters", nargs="*", default=list(NOTEBOOKS), choices=list(NOTEBOOKS), help="only these")
    given = parser.parse_args()
    print(build(given.folder.resolve(), given.chapters))


if __name__ == "__main__":
    main()
