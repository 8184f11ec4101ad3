"""What encryption costs: handshakes and requests for each library beside plain CoAP."""

from __future__ import annotations

import asyncio
import random
import time
from importlib.util import find_spec
from typing import Any

from aiocoap import Code, Message

from modemsim import clock
from modemsim.coap.datagram import DatagramSocket, PlainSocket
from modemsim.coap.dtls.association import Association, Timers
from modemsim.coap.dtls.client import DtlsClientSocket, Security
from modemsim.coap.dtls.engine import SUITES, Credentials, load
from modemsim.coap.dtls.server import DtlsServerSocket
from modemsim.coap.endpoint import Endpoint

IDENTITY, KEY = "862745063975087", bytes(range(16))
LIBRARIES = {"mbedtls": "mbedtls", "openssl": "OpenSSL"}


def installed() -> list[str]:
    """The backends that can be measured here."""
    return [backend for backend, library in LIBRARIES.items() if find_spec(library) is not None]


def measure_handshake(backend: str, rounds: int) -> float:
    """Seconds of CPU for one full handshake, both ends, without sockets."""
    library = load(backend)
    acceptor = library.server({IDENTITY: KEY}.get, SUITES, None)
    started = time.process_time()
    for number in range(rounds):
        client = Association(
            library.client(Credentials(IDENTITY, KEY), SUITES, None, None), Timers(), server=False
        )
        server = Association(acceptor.accept(b"%d" % number), Timers(), server=True)
        up = client.step(0.0)
        while not (client.up and server.up):
            down = [out for data in up for out in server.feed(data, 0.0).datagrams]
            up = [out for data in down for out in client.feed(data, 0.0).datagrams]
    return (time.process_time() - started) / rounds


class _Answerer:
    """Serves every request with a few octets."""

    async def render_to_pipe(self, pipe: Any) -> None:
        pipe.add_response(Message(code=Code.CONTENT, payload=b"0123456789"), is_last=True)


def measure_request(backend: str | None, rounds: int) -> float:
    """Seconds of one request and its response on loopback, both ends in this process; None: plain CoAP."""
    return clock.run(_requests(backend, rounds))


async def _requests(backend: str | None, rounds: int) -> float:
    server: DatagramSocket = PlainSocket()
    client: DatagramSocket = PlainSocket()
    if backend is not None:
        server = DtlsServerSocket(server, {IDENTITY: KEY}.get, backend=backend)
        client = DtlsClientSocket(client, server.local, Security(Credentials(IDENTITY, KEY), backend=backend))
    serving = Endpoint(server, _Answerer(), stream=random.Random(1))
    asking = Endpoint(client, None, stream=random.Random(2))

    async def ask() -> None:
        message = Message(code=Code.GET, uri_path=("3", "0", "0"))
        await asking.ask(message, server.local, blockwise=False)

    await ask()
    started = time.perf_counter()
    for _ in range(rounds):
        await ask()
    taken = (time.perf_counter() - started) / rounds
    asking.close()
    serving.close()
    await asyncio.sleep(0)
    return taken
