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
from jax.experimental.compilation_cache import compilation_cache as jax_compilation_cache

from . import verdicts

if "PYTEST_XDIST_WORKER" not in os.environ:
    atexit.register(shutil.rmtree, os.environ["BATCHLAB_CACHE"], ignore_errors=True)
# Catches the loss that broadcasts (n,) against (n, 1) to (n, n) and still goes down.
jax.config.update("jax_numpy_rank_promotion", "raise")
matplotlib.use("Agg")


@pytest.fixture
def compilation_cache(tmp_path):
    """The compilation cache, on for one test, in an empty folder of its own; the folder."""
    settings = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(tmp_path / "cache"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    jax_compilation_cache.reset_cache()
    yield tmp_path / "cache"
    for name, value in before.items():
        jax.config.update(name, value)
    jax_compilation_cache.reset_cache()


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
