"""What the library changes in the reader's Python process: here alone, each with its gain and a way to switch it off.

* Garbage collection leaves out what the imports made: a search took 0.1 s, in mid-frame. BATCHLAB_FREEZE=off.
* Compiled programs are kept on disk, where the course is imported: the start of a kernel to the first picture takes
  1.6 s with them and 2.2 s without. JAX_ENABLE_COMPILATION_CACHE=false.
* Loops of small steps become one function of XLA's CPU compiler, in which no step costs a call: an update of the
  perceptron 1-32-32-1 at batch size 1 takes a quarter of the time, one of 64-128-10 two thirds. BATCHLAB_INLINE=off.
* Memory that the compiler used and freed goes back after `fit`: some 50 MB a model. BATCHLAB_TRIM=off.

One more lies outside this process: `batchlab_server` has Jupyter's server send at once what it would hold back for up
to 40 ms (pictures came 24 ms late, median, at a press every 100 ms). `BATCHLAB_NODELAY=off` switches that off.
"""

import contextlib
import ctypes
import gc
import hashlib
import os
import pathlib
import platform


def wanted(name):
    """Whether the environment leaves a setting on: True unless BATCHLAB_<name> is "off"."""
    return os.environ.get(f"BATCHLAB_{name}") != "off"


@contextlib.contextmanager
def imports():
    """What is imported in this block is no garbage: the collector rests meanwhile and leaves it out from then on."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if wanted("FREEZE"):
            gc.freeze()
        if collecting:
            gc.enable()


def inline_small_loops():
    """Have XLA's CPU compiler turn a loop of small steps into one function, in which no step costs a call.

    XLA does it for loops whose steps touch at most 1,024 bytes; here that becomes 300,000. The setting is read when
    JAX first computes; XLA_FLAGS with --xla_backend_extra_options of your own stay as they are.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if wanted("INLINE") and "--xla_backend_extra_options" not in flags:
        ours = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=300000"
        os.environ["XLA_FLAGS"] = f"{flags} {ours}".strip()


def keep_programs():
    """Have JAX keep compiled programs, unless the user has a setting of their own; return the folder, or None.

    A program compiled for one processor can fail on another, so that each kind of processor has its own folder.
    """
    import jax
    import platformdirs

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


def release_memory():
    """Give memory that the compiler has used and freed back to the system; glibc would keep it."""
    if wanted("TRIM"):
        with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc: nothing to do
            ctypes.CDLL(None).malloc_trim(0)


def processor():
    """A short name for JAX's version and this kind of processor."""
    import jax

    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        about = "".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))
    except OSError:
        about = platform.processor() + platform.platform()
    return f"jax-{jax.__version__}-{hashlib.sha256(about.encode()).hexdigest()[:12]}"
