"""Chapter 10, choose for your own data: what it asks, and its exercise."""

import math

from .. import quiz

quiz.read(__file__)


def predict_epochs(probe_epochs, probe_size, batch_size, noise_scale):
    """Return the epochs that `batch_size` needs, from a probe at another batch size."""
    least = probe_epochs / (1 + probe_size / noise_scale)
    return least * (1 + batch_size / noise_scale)


def _wrong_ways(epochs, probe, size, scale):
    """What comes out of typical mistakes, and what is said about each."""
    least = epochs / (1 + probe / scale)
    return [
        (epochs, "that is the probe's own number. It holds for the probe's batch size only."),
        (least, "this is E_min, for a very small batch. Multiply it by 1 + B / B_noise for the batch size asked for."),
        (epochs * (1 + size / scale), "the probe's epochs are not E_min: divide them by 1 + B_probe / B_noise first."),
        (least * (1 + scale / size), "1 + B_noise / B belongs to the iterations. Epochs grow with B: 1 + B / B_noise."),
        (epochs / (1 + scale / probe) * (1 + scale / size), "both factors are upside down: those are the iterations' "
         "factors. For epochs it is B / B_noise."),
        (epochs * size / probe, "proportional to B holds only far above the noise scale."),
        (least * size / scale, "the 1 in 1 + B / B_noise is missing: even a tiny batch needs E_min."),
        (epochs * (1 + probe / scale) / (1 + size / scale), "the two factors are exchanged: the probe's one divides."),
        (epochs * (1 + probe / scale) * (1 + size / scale), "divide by the probe's factor, do not multiply by it."),
        (math.ceil(least * (1 + size / scale)), "do not round: the rule gives parts of an epoch, too."),
        (round(least * (1 + size / scale)), "do not round: the rule gives parts of an epoch, too."),
    ]  # fmt: skip


_CASES = ((6.0, 20, 90, 50.0), (2.5, 50, 8, 90.0), (11.0, 4, 300, 30.0))


@quiz.register("10.predict_epochs", solution=predict_epochs)
def check_predict_epochs(answer):
    """Check `predict_epochs(probe_epochs, probe_size, batch_size, noise_scale)`: one number."""
    for case in _CASES:
        result = quiz.filled_in(answer(*case))
        epochs, probe, size, scale = case
        said = f"for {epochs} epochs at batch size {probe}, asked for {size} at noise scale {scale:g}, it returned"
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise quiz.Wrong(f"{said} {result!r}. Return one number, the epochs.") from None
        right = predict_epochs(*case)
        if abs(value - right) <= 1e-6 * right:
            continue
        told = [advice for wrong, advice in _wrong_ways(*case) if abs(value - wrong) <= 1e-6 * abs(wrong)]
        advice = told[0] if told else "write the rule down for both batch sizes, and let E_min drop out."
        raise quiz.Wrong(f"{said} {value:.4g}; right is {right:.4g}. Look: {advice}")
