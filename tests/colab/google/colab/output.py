"""What anywidget calls on Colab."""


def enable_custom_widget_manager():
    """Nothing to do here."""
