"""Every kernel that is started with this folder on its path believes that it runs on Colab."""

import google.colab  # noqa: F401
