"""What anywidget calls and reads on Colab."""


class _widgets:
    _installed_url = "/widgets"  # of the manager that Colab's page would fetch


def enable_custom_widget_manager():
    """Nothing to do here."""
