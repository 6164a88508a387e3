"""The orders in which the epochs of a run walk through its samples."""

import functools

import numpy as np

SHUFFLES = 64  # epochs whose orders are drawn together


def _draw(seed, block, n):
    """Orders of n samples in the epochs of a block, 64 block + 1 to 64 block + 64: (64, n) int32.

    They depend on the seed, not on batch size or rate: runs that differ in these see the samples in the same order.
    """
    rows = np.tile(np.arange(n, dtype=np.int32), (SHUFFLES, 1))
    orders = np.random.default_rng((seed, block + 1)).permuted(rows, axis=1)  # block 0 would repeat the data's stream
    orders.flags.writeable = False  # it is shared
    return orders


_few, _many = functools.lru_cache(maxsize=8)(_draw), functools.lru_cache(maxsize=1024)(_draw)


@functools.wraps(_draw)
def shuffles(seed, block, n):  # noqa: D103, the words are those of what it wraps
    return (_many if n <= 128 else _few)(seed, block, n)  # 1,024 of at most 32 KiB, or 8 of any size
