"""Run the benchmarks and print their tables: python -m benchmarks, with the names of parts to run only these."""

import argparse
import importlib
import os

from .tables import machine

PARTS = ("speed", "startup", "memory", "picture", "latency", "noise", "sweep")


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(PARTS)}; without one, all")
    chosen = parser.parse_args().parts
    if unknown := [part for part in chosen if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.environ.update(
        PYTHONPATH=os.pathsep.join(map(os.path.abspath, paths)),  # kernels run in folders of their own
        BATCHLAB_PROGRESS="off",
        BATCHLAB_STRICT="1",
        JAX_ENABLE_COMPILATION_CACHE="false",  # what an earlier run left must not count; start-up measures both
    )
    print(machine(), flush=True)
    for part in chosen or PARTS:
        importlib.import_module(f"benchmarks.{part}").report()


if __name__ == "__main__":
    main()
