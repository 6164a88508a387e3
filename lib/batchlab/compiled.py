"""Compiled programs, kept between sessions in the user's own cache folder."""

import contextlib
import ctypes
import hashlib
import os
import pathlib
import platform

import jax
import platformdirs


def keep():
    """Have JAX keep compiled programs, unless the user has a setting of their own; return the folder, or None.

    A program compiled for one processor can fail on another, so that each kind of processor has its own folder. The
    environment variable JAX_ENABLE_COMPILATION_CACHE=false switches it off.
    """
    if jax.config.jax_compilation_cache_dir is not None or not jax.config.jax_enable_compilation_cache:
        return None
    folder = pathlib.Path(platformdirs.user_cache_dir("batchlab", appauthor=False)) / processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None  # a home that cannot be written to: compiling takes a second each time
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_raise_persistent_cache_errors", False)
    return folder


def inline_small_loops(threshold=300_000):
    """Have XLA's CPU compiler turn a loop of small steps into one function, in which no step costs a call.

    An update of the perceptron 1-32-32-1 at batch size 1 takes a quarter of the time, one of 64-128-10 two thirds. XLA
    does it for loops whose steps touch at most 1,024 bytes; here that becomes `threshold`. The setting is one of the
    process, read when JAX first computes; XLA_FLAGS with --xla_backend_extra_options of your own replaces it.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "--xla_backend_extra_options" not in flags:
        ours = f"--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold={threshold}"
        os.environ["XLA_FLAGS"] = f"{flags} {ours}".strip()


def release():
    """Give memory that the compiler has used and freed back to the system; glibc would keep it, some 50 MB a model."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc: nothing to do
        ctypes.CDLL(None).malloc_trim(0)


def processor():
    """A short name for JAX's version and this kind of processor."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        about = "".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))
    except OSError:
        about = platform.processor() + platform.platform()
    return f"jax-{jax.__version__}-{hashlib.sha256(about.encode()).hexdigest()[:12]}"
