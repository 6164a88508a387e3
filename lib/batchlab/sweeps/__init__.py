"""Many runs side by side: every combination of batch sizes, learning rates and seeds.

`grid` holds what was asked for and the answers, `lanes` trains, `kept` remembers what is finished.
"""

from .grid import LOST, METRICS, Sweep, sweep  # noqa: F401, reached from here
