"""Two secured sockets with a wire between them that loses, repeats, reorders and garbles what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from modemsim.coap.dtls.association import Timers
from modemsim.coap.dtls.client import DtlsClientSocket, Security
from modemsim.coap.dtls.engine import SUITES, Credentials, Suite
from modemsim.coap.dtls.server import DtlsServerSocket
from modemsim.coap.endpoint import Address

MODULE: Address = ("10.0.0.2", 40000)
SERVER: Address = ("180.101.147.115", 5684)
IDENTITY = "862745063975087"
KEY = bytes(range(16))
LATENCY = 0.1
TIMERS = Timers(10.0, 30.0)

LIBRARIES = {"mbedtls": "mbedtls", "openssl": "OpenSSL"}


def needs(backend: str) -> str:
    """The backend, or a skip that says what is missing."""
    if find_spec(LIBRARIES[backend]) is None:
        pytest.skip(f"{LIBRARIES[backend]} is not installed")  # wheels of python-mbedtls end at Python 3.12
    return backend


class End:
    """One end of the wire, a datagram socket."""

    def __init__(self, wire: Wire, local: Address) -> None:
        self.wire = wire
        self.local = local
        self.receiver: Callable[[bytes, Address], None] = lambda data, sender: None
        self.open = True

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        self.wire.carry(data, self.local, to)

    def close(self) -> None:
        self.open = False


class Wire:
    """Every datagram gets a number from 0; `fate` says after which delays it arrives (none: it is lost)."""

    def __init__(self) -> None:
        self.ends: dict[Address, End] = {}
        self.log: list[tuple[float, Address, bytes]] = []
        self.fate: Callable[[int, bytes], list[float]] = lambda number, data: [LATENCY]

    def end(self, local: Address) -> End:
        self.ends[local] = End(self, local)
        return self.ends[local]

    def carry(self, data: bytes, sender: Address, to: Address) -> None:
        loop = asyncio.get_running_loop()
        self.log.append((loop.time(), sender, data))
        for delay in self.fate(len(self.log) - 1, data):
            loop.call_later(delay, self.arrive, data, sender, to)

    def arrive(self, data: bytes, sender: Address, to: Address) -> None:
        if to in self.ends and self.ends[to].open:
            self.ends[to].receiver(data, sender)


class Desk:
    """A client and a server on one wire; what each got is kept."""

    def __init__(
        self,
        backend: str,
        *,
        peer: str | None = None,
        suites: tuple[Suite, ...] = SUITES,
        key: bytes = KEY,
        identity: str = IDENTITY,
        keys: dict[str, bytes] | None = None,
        renew_after: float | None = None,
        resume: bool = False,
        keylog: Callable[[str], None] | None = None,
    ) -> None:
        self.wire = Wire()
        self.events: list[tuple[str, object]] = []
        self.failures: list[tuple[str | None, str]] = []
        known = {IDENTITY: KEY} if keys is None else keys
        security = Security(Credentials(identity, key), suites, TIMERS, renew_after, resume, backend, keylog)
        self.client = DtlsClientSocket(self.wire.end(MODULE), SERVER, security, on_change=self._changed)
        self.server = DtlsServerSocket(
            self.wire.end(SERVER),
            known.get,
            backend=peer or backend,
            on_failure=lambda address, who, ended: self.failures.append((who, str(ended))),
        )
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.server.receiver = lambda data, sender: self.up.append(data)
        self.client.receiver = lambda data, sender: self.down.append(data)

    def _changed(self, event: str, **values: object) -> None:
        self.events.append((event, next(iter(values.values()), None)))

    async def talk(self, seconds: float = 100.0) -> bool:
        """An uplink and a downlink in their session; whether both arrived."""
        self.up.clear()
        self.down.clear()
        self.client.send(b"uplink", SERVER)
        await asyncio.sleep(seconds)
        self.server.send(b"downlink", MODULE)
        await asyncio.sleep(1)
        return self.up == [b"uplink"] and self.down == [b"downlink"]
