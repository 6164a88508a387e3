"""What each chapter asks and has its reader write; importing a chapter registers it with `quiz`."""

from . import ch01, ch02, ch03, ch04, ch05, ch06, ch07, ch08, ch09, ch10, final

__all__ = ["ch01", "ch02", "ch03", "ch04", "ch05", "ch06", "ch07", "ch08", "ch09", "ch10", "final"]

TITLES = {
    "01": "Count epochs, batches, iterations",
    "02": "Descend three ways",
    "03": "Stop at the right epoch",
    "04": "Measure the gradient noise",
    "05": "Match the rate to the batch",
    "06": "Reach the same accuracy",
    "07": "Fill the memory and the device",
    "08": "Go by the sign: Rprop",
    "09": "Escape a poor minimum",
    "10": "Choose for your own data",
    "final": "The final quiz",
}
