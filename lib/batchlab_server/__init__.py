"""A Jupyter server extension: what a kernel says reaches the page at once.

By default the system holds small messages of a connection back until the page has acknowledged the one before (Nagle's
algorithm, RFC 896), and the page's system waits up to 40 ms before it acknowledges (RFC 1122, 4.2.3.2). A picture that
follows a few small messages, as after every key press on a slider, comes that much later. It is a package of its own,
since the server needs none of what `batchlab` imports. `make lab` and Binder enable it in their own environment, by
copying `config.json` to etc/jupyter/jupyter_server_config.d; installing the library does not. BATCHLAB_NODELAY=off in
the environment switches it off.
"""

import os


def _jupyter_server_extension_points():
    return [{"module": __name__}]


def _load_jupyter_server_extension(app):
    if os.environ.get("BATCHLAB_NODELAY") == "off":
        return
    settings = app.web_app.settings
    settings["kernel_websocket_connection_class"] = prompt(settings["kernel_websocket_connection_class"])


def prompt(connection):
    """The class of connections between kernel and page, with nothing held back."""

    class Prompt(connection):
        def connect(self):
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return Prompt
