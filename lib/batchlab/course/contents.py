"""The chapters of the course: number -> (title, notebook), in the order in which they are read."""

import itertools

NOTEBOOKS = {
    "00": ("Start here", "00_start_here.ipynb"),
    "01": ("Count epochs, batches, iterations", "01_count_epochs_batches_iterations.ipynb"),
    "02": ("Descend three ways", "02_descend_three_ways.ipynb"),
    "03": ("Stop at the right epoch", "03_stop_at_the_right_epoch.ipynb"),
    "04": ("Measure the gradient noise", "04_measure_the_gradient_noise.ipynb"),
    "05": ("Match the rate to the batch", "05_match_rate_to_batch.ipynb"),
    "06": ("Reach the same accuracy", "06_reach_the_same_accuracy.ipynb"),
    "07": ("Fill the memory and the device", "07_fill_the_memory_and_the_device.ipynb"),
    "08": ("Go by the sign: Rprop", "08_go_by_the_sign_rprop.ipynb"),
    "09": ("Escape a poor minimum", "09_escape_a_poor_minimum.ipynb"),
    "10": ("Choose for your own data", "10_choose_for_your_own_data.ipynb"),
}


def link(chapter):
    """A chapter's number and title as a link to its notebook, in HTML."""
    title, notebook = NOTEBOOKS[chapter]
    return f'<a href="{notebook}">{chapter} {title}</a>'


def after(chapter):
    """The number of the next chapter; None after the last."""
    return dict(itertools.pairwise(NOTEBOOKS)).get(chapter)
