"""A slow link: what passes takes its time, as from a server far away over a line of 1 Mbit/s.

    with Link(port) as link:      # at first it passes everything on at once
        open_page(link.port)
        link.slow()               # from here on as slow as it is meant to be

Both directions have the rate and half of the round trip each; all connections share them, in order.
"""

import asyncio
import threading

RATE, ROUND_TRIP = 1e6 / 8, 0.100  # bytes a second, seconds
PIECE = 1460  # bytes that travel together


class Link:
    """A proxy before a port of this machine."""

    def __init__(self, port, rate=RATE, round_trip=ROUND_TRIP):
        self._target, self._rate, self._delay = port, rate, round_trip / 2
        self._shaped, self._free = False, {"up": 0.0, "down": 0.0}
        self._loop = asyncio.new_event_loop()

    def __enter__(self):
        ready = threading.Event()

        async def serve():
            server = await asyncio.start_server(self._connect, "localhost", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()

        def run():
            asyncio.set_event_loop(self._loop)
            self._loop.create_task(serve())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_):
        self._loop.set_exception_handler(lambda *_: None)  # connections that are cut are no failure here
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def slow(self, on=True):
        """Shape the traffic from now on, or no longer."""
        self._shaped = on

    async def _connect(self, reader, writer):
        try:
            there = await asyncio.open_connection("localhost", self._target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, there[1], "up"), self._pass(there[0], writer, "down"))

    async def _pass(self, reader, writer, direction):
        queue = asyncio.Queue()
        sender = asyncio.ensure_future(self._send(queue, writer))
        try:
            while data := await reader.read(PIECE if self._shaped else 65536):
                due = 0.0
                if self._shaped:
                    now = self._loop.time()
                    self._free[direction] = max(self._free[direction], now) + len(data) / self._rate
                    due = self._free[direction] + self._delay
                queue.put_nowait((due, data))
        except ConnectionError:
            pass
        queue.put_nowait((0.0, b""))
        await sender

    async def _send(self, queue, writer):
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            try:
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()
            except ConnectionError:
                return
