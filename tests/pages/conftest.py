"""What the tests in a browser share."""

import pytest

from . import browser


@pytest.fixture(scope="module")
def chromium_open(chromium):
    """A Chromium for the tests of a file."""
    with browser.chromium_at(chromium) as opened:
        yield opened
