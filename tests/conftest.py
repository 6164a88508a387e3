"""What every test stands on: strict shapes, no compilation cache, and a browser or a reason why not."""

import atexit
import os
import shutil
import tempfile

# In the environment, so that the kernels which run the notebooks inherit it, and before jax is imported.
# What a test measures or proves must not depend on what an earlier run left in the user's cache folder,
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
# nor on the reader's progress, nor change it;
os.environ["BATCHLAB_PROGRESS"] = "off"
# sweeps are kept, as the reader's are, but for these tests alone;
if "PYTEST_XDIST_WORKER" not in os.environ:  # the workers have it from the process that started them
    os.environ["BATCHLAB_CACHE"] = tempfile.mkdtemp(prefix="batchlab-tests-")
# no progress bar may stand among the outputs that are compared;
os.environ["TQDM_DISABLE"] = "1"
# and what goes wrong in a widget's callback must be heard.
os.environ["BATCHLAB_STRICT"] = "1"

import jax
import matplotlib
import pytest

from batchlab import quiz

from . import verdicts

collect_ignore = ["colab"]  # a stand-in, on no path but that of `make colab`
if "PYTEST_XDIST_WORKER" not in os.environ:
    atexit.register(shutil.rmtree, os.environ["BATCHLAB_CACHE"], ignore_errors=True)
# Catches the loss that broadcasts (n,) against (n, 1) to (n, n) and still goes down.
jax.config.update("jax_numpy_rank_promotion", "raise")
matplotlib.use("Agg")

# Heard for the whole session: jax 0.7.2 has no way to take a listener off again.
SEEN = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **_: SEEN.append(seconds) if event.endswith("/backend_compile_duration") else None
)


@pytest.fixture
def compilations():
    """The seconds of every compilation by XLA from here on."""
    SEEN.clear()
    jax.jit(lambda x: x + 1)(0.0)
    assert SEEN, "no compilation is heard"
    SEEN.clear()
    return SEEN


@pytest.fixture(autouse=True)
def no_progress_kept():
    """Whatever an earlier test has set, the answers of this one are not kept, unless it says so."""
    quiz.progress_file("off")


@pytest.fixture(scope="session")
def chromium():
    """The path of a Chromium. Without one the test is skipped, or fails where BATCHLAB_BROWSER=required."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    reason = "no chromium, chromium-browser or google-chrome on the PATH"
    if os.environ.get("BATCHLAB_BROWSER") == "required":
        pytest.fail(f"{reason}, and BATCHLAB_BROWSER=required")
    pytest.skip(reason)


def pytest_addoption(parser):
    """The option with which `make verdicts` runs the tests of the statements."""
    parser.addoption("--write-verdicts", action="store_true", help="put what is measured into the README's table")


@pytest.fixture(scope="session")
def verdict(request):
    """`verdict("S15", "what was measured")`: the README must say the same of this statement."""
    if not request.config.getoption("--write-verdicts"):
        yield verdicts.check
        return
    sentences = {}
    yield sentences.__setitem__
    verdicts.write(sentences)
