"""The server extension: what a kernel says is not held back on its way to the page."""

import asyncio
import json
import socket
import subprocess
import sys
import tomllib
import types
from pathlib import Path

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado import httpserver, netutil, web, websocket

import batchlab_server

ROOT = Path(__file__).resolve().parents[2]


class Connection:
    """What Jupyter makes for each page and kernel, as far as the extension sees it."""

    def __init__(self, websocket_handler):
        self.websocket_handler = websocket_handler

    def connect(self):
        return self.websocket_handler.connected()


async def held_back(connection_class):
    """Whether the system holds small messages of such a connection back, asked of a real one."""

    class Handler(websocket.WebSocketHandler):
        async def open(self):
            await connection_class(self).connect()

        async def connected(self):
            stream = self.ws_connection.stream
            told.set_result(not stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    told = asyncio.get_running_loop().create_future()
    (listening, *_) = netutil.bind_sockets(0, "localhost")
    server = httpserver.HTTPServer(web.Application([("/", Handler)]))
    server.add_sockets([listening])
    page = await websocket.websocket_connect(f"ws://localhost:{listening.getsockname()[1]}/")
    try:
        return await asyncio.wait_for(told, 10)
    finally:
        page.close()
        server.stop()
        await server.close_all_connections()


def test_nothing_is_held_back_on_the_way_to_the_page():
    assert asyncio.run(held_back(Connection))  # as Jupyter has it; if no longer, the extension has done its duty
    assert not asyncio.run(held_back(batchlab_server.prompt(Connection)))


def test_the_extension_keeps_the_connection_that_the_server_is_set_to_use():
    settings = {"kernel_websocket_connection_class": ZMQChannelsWebsocketConnection, "another": 1}
    batchlab_server._load_jupyter_server_extension(
        types.SimpleNamespace(web_app=types.SimpleNamespace(settings=settings))
    )
    made = settings.pop("kernel_websocket_connection_class")
    assert issubclass(made, ZMQChannelsWebsocketConnection)
    assert made is not ZMQChannelsWebsocketConnection
    assert settings == {"another": 1}


def test_the_extension_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("BATCHLAB_NODELAY", "off")
    settings = {"kernel_websocket_connection_class": ZMQChannelsWebsocketConnection}
    batchlab_server._load_jupyter_server_extension(
        types.SimpleNamespace(web_app=types.SimpleNamespace(settings=settings))
    )
    assert settings == {"kernel_websocket_connection_class": ZMQChannelsWebsocketConnection}


def test_make_lab_enables_the_extension_and_installing_the_library_does_not():
    (point,) = batchlab_server._jupyter_server_extension_points()
    enabled = json.loads((Path(sys.prefix) / "etc/jupyter/jupyter_server_config.d/batchlab_server.json").read_text())
    assert enabled["ServerApp"]["jpserver_extensions"][point["module"]] is True
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    places = [*wheel.pop("sources").values()]
    assert all(
        place.partition("/")[0] in ("", "batchlab") for place in places
    )  # nothing goes into somebody's etc/jupyter
    assert set(wheel) == {"only-include", "exclude", "dev-mode-dirs"}


def test_the_server_loads_nothing_of_the_library():
    """JAX in every server would cost a second at its start, and some 200 MB."""
    imported = (
        "import sys, batchlab_server; print(sorted({'jax', 'numpy', 'matplotlib', 'batchlab'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", imported], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
