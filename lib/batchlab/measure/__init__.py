"""What can be measured of a descent: gradients and their noise, rates, targets, and the costs of a step.

Each part has a file of its own; all are called as `measure.NAME`.
"""

# ruff: noqa: F401, the names are for those who call them

from ..sweeps import Sweep, sweep
from .costs import (
    Bytes,
    Saturation,
    byte_law,
    bytes_at,
    compiled_step,
    device_peak,
    fit_saturation,
    largest_batch,
    step_bytes,
    steps,
    throughput,
    time_step,
)
from .devices import kinds_of_device, quickest
from .gradients import (
    Estimate,
    batch_gradient,
    cosine,
    decades,
    draw_batches,
    estimate_noise_scale,
    expected_deviation,
    gradient_programs,
    inner_products,
    noise_curve,
    noise_scale,
    per_sample_gradients,
    plane,
    spread_sizes,
    squared_deviation,
    squared_length,
    two_batch_noise_scale,
    variance,
)
from .rates import best_and_edge, fitted_largest, guessing_loss, largest_rate, matched_rate, stable_rate
from .targets import Law, best_rates, fit_law, seconds_per_epoch, share
