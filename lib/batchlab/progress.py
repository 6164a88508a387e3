"""A progress bar for what takes longer than a second."""

import os


def progress_bar(total, unit, shown, initial=0):
    """A tqdm bar, to be used in a `with`; one that does nothing if it is not shown, or TQDM_DISABLE is set."""
    shown = shown and "TQDM_DISABLE" not in os.environ
    if shown:
        from tqdm.auto import tqdm  # here, since inside a kernel it loads ipywidgets
    else:
        from tqdm.std import tqdm
    return tqdm(total=total, initial=initial, unit=unit, delay=1, leave=False, disable=not shown)
