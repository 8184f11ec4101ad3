"""The module's sockets: a table of TCP and UDP sockets that commands open, feed, read and close.

What happens on them is published (`socket.opened`, `socket.waiting`, `socket.received`, `socket.closed`,
`socket.ending`, `socket.broken`, `socket.incoming`, `socket.full`); the profile turns it into lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import partial
from typing import Any

from modemsim.at.dialect import to_text
from modemsim.net import Address, UdpSocket
from modemsim.net.bearer import Bearer
from modemsim.net.crossing import CrossingFailed, Loss
from modemsim.net.resolver import NameFailed, NameProblem, Resolver
from modemsim.net.tcp import TcpListener, TcpSocket
from modemsim.profile import SocketsTable
from modemsim.timing import Timing
from modemsim.ue.socket_buffer import SocketBuffer

CONNECT_LIMIT = "socket_connect"
"""Name of the timing after which an attempt to connect is given up."""
PUSH_BACKLOG = 2
"""Unsent lines at which pushing waits for the serial line; the peer's window fills meanwhile."""


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


_STREAMS = (Kind.TCP, Kind.INCOMING)
_SITUATIONS = {
    NameProblem.NO_BEARER: "no_bearer",
    NameProblem.NO_ANSWER: "dns",
    NameProblem.UNKNOWN: "dns",
    Loss.NO_BEARER: "no_bearer",
    Loss.NO_ANSWER: "connect",
    Loss.REFUSED: "connect",
}


@dataclass(eq=False)
class Socket:
    """One entry of the table; `server` is the listener an incoming connection came from."""

    id: int
    kind: Kind
    buffer: SocketBuffer
    access: Access = Access.PUSH
    context: int = 0
    host: str = ""
    port: int = 0
    local_port: int = 0
    server: int | None = None
    state: State = State.INITIAL
    sent: int = 0
    announced: bool = False
    full: bool = False
    ended: Loss | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """What a family of commands remembers about it."""
    tcp: TcpSocket | None = field(default=None, repr=False)
    udp: UdpSocket | None = field(default=None, repr=False)
    listener: TcpListener | None = field(default=None, repr=False)
    task: asyncio.Task[Any] | None = field(default=None, repr=False)
    on_received: Callable[[], bool] | None = field(default=None, repr=False)
    """Takes what arrives in place of the usual lines (transparent mode, MQTT); True when it did."""

    @property
    def stream(self) -> bool:
        """Whether it is one end of a TCP connection."""
        return self.kind in _STREAMS

    @property
    def acked(self) -> int:
        """Bytes the peer has; over UDP all that were sent."""
        return self.tcp.acked if self.tcp is not None else self.sent

    @property
    def remote(self) -> Address:
        """The peer as the module knows it."""
        return self.host, self.port


class Sockets:
    """The sockets of one module.

    `backlog` tells how many lines the serial line still owes the host, `shows` whether a setting is on.
    """

    def __init__(
        self,
        table: SocketsTable,
        bearer: Bearer,
        resolver: Resolver,
        timing: Timing,
        publish: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        backlog: Callable[[], int],
        shows: Callable[[str | None], bool],
    ) -> None:
        self._table = table
        self._bearer = bearer
        self._resolver = resolver
        self._timing = timing
        self._publish = publish
        self._spawn = spawn
        self._backlog = backlog
        self._shows = shows
        self._sockets: dict[int, Socket] = {}
        self.jobs: set[str] = set()
        """What runs in the background and can run only once (a ping, a look-up)."""
        self.online: Socket | None = None
        """The socket that was last in transparent mode."""
        self.on_failure: Callable[[int], None] = lambda number: None
        """Called with the number of every failure, for commands that tell the last one."""

    def __iter__(self) -> Iterator[Socket]:
        return iter([self._sockets[id] for id in sorted(self._sockets)])

    def get(self, id: int) -> Socket | None:
        """The socket of that number, if there is one."""
        return self._sockets.get(id)

    def free(self, start: int = 0) -> int | None:
        """The lowest number from `start` on that no socket has; None when all are taken."""
        return next((id for id in range(start, self._table.ids) if id not in self._sockets), None)

    def number(self, situation: str) -> int:
        """The number the profile gives a situation; raises KeyError for one it does not know."""
        return self._table.numbers[situation]

    def failed(self, situation: str) -> str:
        """Remember a failure; returns its situation."""
        number = self._table.numbers.get(situation)
        if number is not None:
            self.on_failure(number)
        return situation

    # ------------------------------------------------------------ opening

    def create(self, id: int, kind: Kind, **values: Any) -> Socket:
        """Enter a socket into the table; the number must be free."""
        buffer = SocketBuffer(self._table.buffer, stream=kind in _STREAMS)
        socket = self._sockets[id] = Socket(id, kind, buffer, **values)
        return socket

    def open(self, socket: Socket) -> None:
        """Start to open it towards its host and port; `socket.opened` tells the outcome."""
        socket.state = State.OPENING
        socket.task = self._spawn(self._open(socket))

    async def _open(self, socket: Socket) -> None:
        situation = await self.establish(socket)
        if socket is not self._sockets.get(socket.id):
            return
        if situation != "ok":
            self.drop(socket)
        values = {"id": socket.id, "kind": socket.kind.value, "access": int(socket.access)}
        self._publish("socket.opened", **values, situation=situation, error=self.number(situation))
        self._pump(socket)

    async def establish(self, socket: Socket) -> str:
        """Open it, whatever its kind; returns "ok" or the situation that prevented it."""
        socket.state = State.OPENING
        try:
            await self._connect(socket)
        except NameFailed as failed:
            situation = _SITUATIONS[failed.problem]
        except CrossingFailed as failed:
            situation = _SITUATIONS[failed.loss]
        except TimeoutError:
            situation = "timeout"
        except OSError:
            situation = "bind"
        else:
            return "ok"
        if socket.tcp is not None:
            socket.tcp.abort()
        socket.tcp, socket.state = None, State.INITIAL
        return self.failed(situation)

    async def _connect(self, socket: Socket) -> None:
        if self._bearer.ip is None:
            raise CrossingFailed(Loss.NO_BEARER)
        if socket.kind is Kind.LISTENER:
            arrived = partial(self._incoming, socket)
            socket.listener = TcpListener(self._bearer, socket.local_port, arrived)
            socket.state = State.LISTENING
            return
        if socket.kind is not Kind.SERVICE:
            socket.host = (await self._resolver.resolve(socket.host))[0]
        if socket.kind is Kind.TCP:
            socket.tcp = self._adopt(socket, TcpSocket(self._bearer))
            async with asyncio.timeout(self._timing.draw(CONNECT_LIMIT)):
                await socket.tcp.connect(socket.remote, socket.local_port)
        elif socket.udp is None:
            self.bind(socket)
        socket.state = State.CONNECTED

    def bind(self, socket: Socket) -> None:
        """Give a UDP socket its port; it hears everybody, or its one peer where it has one."""
        socket.udp = self._bearer.udp(socket.local_port)
        socket.udp.receiver = partial(self._datagram, socket)
        socket.state = State.CONNECTED

    def _adopt(self, socket: Socket, tcp: TcpSocket) -> TcpSocket:
        tcp.on_data = lambda data: self._arrived(socket, data, socket.remote)
        tcp.on_end = partial(self._ended, socket)
        tcp.room = lambda: socket.buffer.room
        return tcp

    def _incoming(self, listener: Socket, tcp: TcpSocket) -> None:
        id = self.free()
        if id is None:
            tcp.abort()
            self._publish("socket.incoming_full", server=listener.id)
            return
        host, port = tcp.peer
        inherited = {"access": listener.access, "context": listener.context, "server": listener.id}
        place = {"host": host, "port": port, "local_port": listener.local_port}
        socket = self.create(id, Kind.INCOMING, **inherited, **place)
        socket.tcp = self._adopt(socket, tcp)
        socket.state = State.CONNECTED
        self._publish("socket.incoming", id=id, server=listener.id, host=host, port=port)

    # ------------------------------------------------------------ data

    def send(self, socket: Socket, data: bytes, to: Address | None = None, rai: int = 0) -> bool:
        """Hand data to the stack; False when its buffer is full or the connection is over."""
        if socket.tcp is not None:
            if socket.state is not State.CONNECTED or socket.tcp.closed:
                return False
            if socket.tcp.unacked + len(data) > self._table.send_buffer:
                return False
            socket.tcp.send(data)
        elif socket.udp is not None:
            socket.udp.send(data, to or socket.remote, rai)
        else:
            return False
        socket.sent += len(data)
        return True

    def read(self, socket: Socket, most: int) -> tuple[bytes, Address]:
        """Take received data out of its buffer; what still waits is announced again where that is due."""
        piece = socket.buffer.take(most)
        socket.full = False
        if socket.tcp is not None:
            socket.tcp.read_on()
        if not socket.buffer:
            socket.announced = False
        return piece.data, piece.sender

    def announce(self, socket: Socket) -> None:
        """Tell the host that data waits, and how much."""
        socket.announced = True
        self._publish("socket.waiting", **self._values(socket), length=socket.buffer.next_size)

    def _datagram(self, socket: Socket, data: bytes, sender: Address) -> None:
        if socket.kind is Kind.UDP and socket.port and sender != socket.remote:
            return
        self._arrived(socket, data, sender)

    def _arrived(self, socket: Socket, data: bytes, sender: Address) -> None:
        if not socket.buffer.put(data, sender):
            if not socket.full:
                socket.full = True
                self._publish("socket.full", **self._values(socket))
            return
        self._pump(socket)

    def _pump(self, socket: Socket) -> None:
        """Pass on what waits, as far as the way of access and the serial line allow."""
        if socket.on_received is not None and socket.on_received():
            return
        if socket.access is Access.BUFFER:
            if socket.buffer and (not socket.announced or self._table.announce == "each"):
                self.announce(socket)
        elif socket.access is Access.PUSH and socket.state is not State.OPENING:
            while socket.buffer and self._backlog() < PUSH_BACKLOG:
                self._push(socket)
        if socket.ended is not None and (not socket.buffer or socket.access is Access.BUFFER):
            self.tell_end(socket)

    def _push(self, socket: Socket) -> None:
        data, (host, port) = self.read(socket, self._table.push)
        with_length = self._shows(self._table.show_length)
        with_address = socket.kind is Kind.SERVICE or self._shows(self._table.show_address)
        self._publish(
            "socket.received",
            **self._values(socket),
            length=len(data),
            digits=2 * len(data),
            host=host,
            port=port,
            data=data,
            text=to_text(data),
            hex=data.hex(),
            shown_length=len(data) if with_length else None,
            shown_host=host if with_address else None,
            shown_port=port if with_address else None,
        )

    def pump(self) -> None:
        """The serial line has caught up: push what waits."""
        for socket in self:
            if socket.access is not Access.BUFFER and (socket.buffer or socket.ended is not None):
                self._pump(socket)

    def _values(self, socket: Socket) -> dict[str, Any]:
        return {"id": socket.id, "kind": socket.kind.value, "access": int(socket.access)}

    # ------------------------------------------------------------ the end

    def _ended(self, socket: Socket, loss: Loss) -> None:
        socket.state = State.CLOSING
        if loss is not Loss.NO_BEARER:
            socket.ended = loss
            if socket.buffer:
                self._publish("socket.ending", id=socket.id)
            self._pump(socket)

    def tell_end(self, socket: Socket) -> None:
        """Publish the end of a connection whose data is out."""
        loss, socket.ended = socket.ended, None
        self._publish("socket.closed", id=socket.id, reason=str(loss))

    def close(self, socket: Socket) -> None:
        """The host is done with it: end the connection in good order and free its number."""
        self._sockets.pop(socket.id, None)
        socket.state = State.CLOSING
        if self.online is socket:
            self.online = None
        if socket.task is not None and socket.task is not asyncio.current_task():
            socket.task.cancel()
        if socket.tcp is not None:
            socket.tcp.close()
        if socket.udp is not None:
            socket.udp.close()
        if socket.listener is not None:
            socket.listener.abort()

    def drop(self, socket: Socket) -> None:
        """Free its number and forget everything about it."""
        if socket.tcp is not None:
            socket.tcp.abort()
        self.close(socket)

    def bearer_lost(self, *, by_host: bool = False) -> None:
        """The PDN connection is gone: every socket is broken, and stays until the host closes it."""
        broken = [socket for socket in self if socket.state is not State.CLOSING]
        for socket in broken:
            socket.state = State.CLOSING
            if socket.tcp is not None:
                socket.tcp.on_end = lambda loss: None
                socket.tcp.abort()
            if socket.udp is not None:
                socket.udp.close()
            if socket.listener is not None:
                socket.listener.abort()
            self._publish("socket.broken", id=socket.id)
            if socket.on_received is not None:
                socket.on_received()
        if broken:
            self._publish("sockets.deactivated", context=broken[0].context, by_host=by_host)

    def clear(self) -> None:
        """The power is gone."""
        self._sockets.clear()
        self.online = None
        self.jobs.clear()
