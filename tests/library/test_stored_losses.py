"""`fit` makes of the same settings what it made of them when the losses were stored, bit for bit where it can."""

import numpy as np
import pytest

from . import stored_losses


@pytest.mark.slow
def test_fit_gives_the_losses_that_were_stored():
    with np.load(stored_losses.FILE) as stored:
        same = str(stored["where"]) == stored_losses.here()
        names = set()
        for name, losses in stored_losses.runs():
            names.add(name)
            if same:
                np.testing.assert_array_equal(losses, stored[name], err_msg=name)
            else:  # other sums: the losses to 1e-4, and an accuracy to one sample of 60
                np.testing.assert_allclose(losses[..., :2], stored[name][..., :2], rtol=1e-4, err_msg=name)
                np.testing.assert_allclose(losses[..., 2:], stored[name][..., 2:], atol=0.02, err_msg=name)
        assert names == set(stored) - {"where"}
