"""What the library changes in the process, and that each change can be switched off."""

import os
import subprocess
import sys
import types

import pytest

from batchlab import process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no variable moves the cache folder")

KEEP = """
import batchlab as bl
from batchlab import process
print(process.keep_programs())
bl.fit(bl.data.noisy_sine(n=4), hidden=(2,), batch_size=2, num_epochs=1)
"""


def kept(folder, **settings):
    """What `keep` answers in a fresh process whose cache folder is this one, and how many programs it has left."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    env = {**ours, "XDG_CACHE_HOME": str(folder), **settings}
    done = subprocess.run([sys.executable, "-c", KEEP], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), len(list((folder / "batchlab").rglob("*-cache")))


def test_programs_are_kept_in_the_readers_cache_folder(tmp_path):
    answer, programs = kept(tmp_path)
    assert answer.startswith(str(tmp_path / "batchlab" / "jax-"))
    assert programs >= 3  # start, measure, train


@pytest.mark.parametrize("setting", ["JAX_ENABLE_COMPILATION_CACHE", "JAX_COMPILATION_CACHE_DIR"])
def test_a_readers_own_setting_counts(tmp_path, setting):
    value = {"JAX_ENABLE_COMPILATION_CACHE": "false", "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")}[setting]
    answer, _ = kept(tmp_path, **{setting: value})
    assert answer == "None"
    assert not (tmp_path / "batchlab").exists()


def test_a_cache_folder_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "batchlab").write_text("a file where the folder would be")
    assert kept(tmp_path) == ("None", 0)


@pytest.mark.parametrize("before", ["enable", "disable"])
def test_importing_leaves_the_garbage_collector_as_it_was_and_little_for_it_to_look_through(before):
    asked = f"""
import gc
gc.{before}()
import batchlab
print(gc.isenabled(), len(gc.get_objects()) < gc.get_freeze_count() / 10)
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(before == "enable"), "True"], done.stderr


def test_the_garbage_collector_is_left_alone_where_that_is_wanted():
    asked = "import gc, batchlab; print(gc.get_freeze_count())"
    env = {**os.environ, "BATCHLAB_FREEZE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", asked], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["0"]


@pytest.mark.parametrize(("setting", "calls"), [("on", 1), ("off", 0)])
def test_memory_goes_back_unless_that_is_switched_off(monkeypatch, setting, calls):
    monkeypatch.setenv("BATCHLAB_TRIM", setting)
    asked = []
    monkeypatch.setattr(process.ctypes, "CDLL", lambda name: types.SimpleNamespace(malloc_trim=asked.append))
    process.release_memory()
    assert len(asked) == calls


LOOPS = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold="


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (None, LOOPS + "300000"),
        ("--xla_cpu_enable_fast_math=false", "--xla_cpu_enable_fast_math=false " + LOOPS + "300000"),
        (LOOPS + "1024", LOOPS + "1024"),
    ],
    ids=["none", "others", "own"],
)
def test_importing_asks_for_inlined_loops_unless_the_reader_has_a_setting(given, left):
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    env |= {} if given is None else {"XLA_FLAGS": given}
    asked = "import os, batchlab as bl; print(os.environ['XLA_FLAGS']); bl.fit(bl.data.noisy_sine(n=4), num_epochs=0)"
    done = subprocess.run([sys.executable, "-c", asked], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == left, done.stderr
