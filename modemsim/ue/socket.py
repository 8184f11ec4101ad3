"""One socket of the module: what it is, how far it is, and what it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from modemsim.net import Address, UdpSocket
from modemsim.net.crossing import Loss
from modemsim.net.tcp import TcpListener
from modemsim.net.tls import Stream
from modemsim.net.tls_settings import TlsSettings
from modemsim.ue.socket_buffer import SocketBuffer
from modemsim.ue.socket_waiting import Waiting


class Kind(StrEnum):
    """What a socket is, in the words of AT+QIOPEN and AT+QISTATE."""

    TCP = "TCP"
    UDP = "UDP"
    LISTENER = "TCP LISTENER"
    SERVICE = "UDP SERVICE"
    INCOMING = "TCP INCOMING"


class State(IntEnum):
    """How far a socket is; the numbers are those of AT+QISTATE."""

    INITIAL = 0
    OPENING = 1
    CONNECTED = 2
    LISTENING = 3
    CLOSING = 4


class Access(IntEnum):
    """How received data reaches the host."""

    BUFFER = 0
    PUSH = 1
    TRANSPARENT = 2


STREAMS = (Kind.TCP, Kind.INCOMING)
"""Kinds that are one end of a TCP connection."""
SERVERS = (Kind.LISTENER, Kind.SERVICE)
"""Kinds whose address is the module's own."""
ANY_ADDRESS = ("0.0.0.0", "127.0.0.1")
"""Addresses of its own that a module has in any network."""
_DATAGRAMS = (Kind.UDP, Kind.SERVICE)


@dataclass(eq=False)
class Socket:
    """One entry of the table; `server` is the listener an incoming connection came from.

    `patience`: seconds of its own for connecting. `loss`: why it is over. `waiting`: connections a listener
    has not accepted yet.
    """

    id: int
    kind: Kind
    buffer: SocketBuffer
    access: Access = Access.PUSH
    context: int = 0
    host: str = ""
    port: int = 0
    local_port: int = 0
    server: int | None = None
    patience: float | None = None
    state: State = State.INITIAL
    sent: int = 0
    announced: bool = False
    due: bool = False
    """Waiting data is still to be announced: the serial line has not caught up."""
    full: bool = False
    ended: Loss | None = None
    loss: Loss | None = None
    waiting: Waiting = field(default_factory=Waiting, repr=False)
    extra: dict[str, Any] = field(default_factory=dict)
    """What a family of commands remembers about it."""
    security: TlsSettings | None = field(default=None, repr=False)
    tcp: Stream | None = field(default=None, repr=False)
    udp: UdpSocket | None = field(default=None, repr=False)
    listener: TcpListener | None = field(default=None, repr=False)
    task: asyncio.Task[Any] | None = field(default=None, repr=False)
    connecting: asyncio.Task[None] | None = field(default=None, repr=False)
    on_received: Callable[[], bool] | None = field(default=None, repr=False)
    """Takes what arrives in place of the usual lines (transparent mode, MQTT); True when it did."""

    @property
    def stream(self) -> bool:
        """Whether it is one end of a TCP connection."""
        return self.kind in STREAMS

    @property
    def broken(self) -> bool:
        """Whether its PDN connection went."""
        return self.loss is Loss.NO_BEARER

    @property
    def failed(self) -> bool:
        """Whether its connection ended in another way than by the peer's closing it."""
        return self.loss not in (None, Loss.CLOSED)

    @property
    def acked(self) -> int:
        """Bytes the peer has; over UDP all that were sent."""
        return self.tcp.acked if self.tcp is not None else self.sent

    @property
    def remote(self) -> Address:
        """The peer as the module knows it."""
        return self.host, self.port

    def holds_port(self, kind: Kind, port: int) -> bool:
        """Whether it keeps another socket of a kind from having a port (0 is any) of the module's own.

        Streams and datagrams have ports of their own; a connection that came to a listener shares its port.
        """
        alike = (self.kind in _DATAGRAMS) is (kind in _DATAGRAMS) and self.kind is not Kind.INCOMING
        return alike and 0 < port == self.local_port
