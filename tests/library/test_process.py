"""Compiled programs are kept in the reader's cache folder, unless the reader has said where, or not at all."""

import os
import subprocess
import sys

import pytest

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
