"""The module's sockets: a table of TCP and UDP sockets that commands open, feed, read and close.

What happens on them is published (`socket.opened`, `socket.waiting`, `socket.received`, `socket.closed`,
`socket.ending`, `socket.broken`, `socket.incoming`, `socket.full`); the profile turns it into lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from modemsim.net import Address
from modemsim.net.bearer import Bearer
from modemsim.net.crossing import CrossingFailed, Loss
from modemsim.net.resolver import NameFailed, Resolver
from modemsim.net.tcp import TcpListener, TcpSocket
from modemsim.net.tls import Stream, make_stream, open_stream
from modemsim.net.tls_settings import TlsFailed
from modemsim.profile import SocketsTable
from modemsim.timing import Timing
from modemsim.ue.socket import ANY_ADDRESS, SERVERS, STREAMS, Access, Kind, Socket, State
from modemsim.ue.socket_buffer import SocketBuffer
from modemsim.ue.socket_failures import BROADER, situation_of
from modemsim.ue.socket_lines import received
from modemsim.ue.socket_options import SocketOptions

CONNECT_LIMIT = "socket_connect"
"""Name of the timing after which an attempt to connect is given up."""
PUSH_BACKLOG = 2
"""Unsent lines at which pushing waits for the serial line; the peer's window fills meanwhile."""


@dataclass(frozen=True)
class Surroundings:
    """What sockets need of the module.

    `backlog` tells how many lines the serial line still owes the host, `shows` whether a setting is on.
    """

    bearer: Bearer
    resolver: Resolver
    timing: Timing
    spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
    backlog: Callable[[], int]
    shows: Callable[[str | None], bool]


class Sockets:
    """The sockets of one module.

    `options` is what the host has set for them. `usable` tells whether a context carries data, `takes`
    whether received data of a socket goes no further; `on_connected` is called with each socket that can
    send.
    """

    def __init__(
        self,
        table: SocketsTable,
        around: Surroundings,
        publish: Callable[..., None],
        options: SocketOptions,
    ) -> None:
        self._table = table
        self._bearer = around.bearer
        self._resolver = around.resolver
        self._timing = around.timing
        self._publish = publish
        self._spawn = around.spawn
        self._backlog = around.backlog
        self._shows = around.shows
        self.options = options
        self.usable: Callable[[int], bool] = lambda context: around.bearer.ip is not None
        self.takes: Callable[[int, bytes], bool] = lambda id, data: False
        self.on_connected: Callable[[Socket], None] = lambda socket: None
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

    @property
    def last(self) -> int:
        """The highest number a socket can have."""
        return self._table.ids - 1

    def free(self, start: int = 0) -> int | None:
        """The lowest number from `start` on that no socket has; None when all are taken."""
        return next((id for id in range(start, self._table.ids) if id not in self._sockets), None)

    def number(self, situation: str) -> int:
        """The number the profile gives a situation; raises KeyError for one it does not know."""
        numbers = self._table.numbers
        return numbers[situation if situation in numbers else BROADER.get(situation, situation)]

    def failed(self, situation: str) -> str:
        """Remember a failure; returns its situation."""
        number = self._table.numbers.get(situation)
        if number is not None:
            self.on_failure(number)
        return situation

    # ------------------------------------------------------------ opening

    def create(self, id: int, kind: Kind, **values: Any) -> Socket:
        """Enter a socket into the table; the number must be free."""
        buffer = SocketBuffer(self._table.buffer, stream=kind in STREAMS)
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
        error = self.number(situation)
        self._publish("socket.opened", **self._values(socket), situation=situation, error=error)

    async def establish(self, socket: Socket) -> str:
        """Open it, whatever its kind; returns "ok" or the situation that prevented it."""
        socket.state = State.OPENING
        socket.connecting = asyncio.get_running_loop().create_task(self._connect(socket))
        try:
            await socket.connecting
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not socket.broken or task is None or task.cancelling():
                raise
            situation = "pdp_broken"
        except TlsFailed as failed:
            socket.tcp, situation = None, failed.failure.value  # what TLS has to say to the peer still leaves
        except (NameFailed, OSError) as problem:
            situation = situation_of(problem)
        else:
            if socket.state is State.OPENING:
                socket.state = State.CONNECTED if socket.loss is None else State.CLOSING
            self.on_connected(socket)
            asyncio.get_running_loop().call_soon(self._begin, socket)
            return "ok"
        if socket.tcp is not None:
            socket.tcp.abort()
        socket.tcp, socket.state = None, State.INITIAL
        return self.failed(situation)

    def _begin(self, socket: Socket) -> None:
        """What has come while it was being opened follows the outcome."""
        if self._sockets.get(socket.id) is socket:
            self._pump(socket)

    async def _connect(self, socket: Socket) -> None:
        if not self.usable(socket.context):
            raise CrossingFailed(Loss.NO_BEARER)
        port = socket.local_port
        if any(other.holds_port(socket.kind, port) for other in self if other is not socket):
            raise OSError(f"the port {port} is taken")
        if socket.kind in SERVERS and socket.host not in ("", *ANY_ADDRESS, self._bearer.ip):
            raise OSError(f"{socket.host} is no address of the module")
        if socket.kind is Kind.LISTENER:
            arrived = partial(self._incoming, socket)
            socket.listener = TcpListener(self._bearer, socket.local_port, arrived)
            socket.local_port = socket.local_port or socket.listener.local_port
            socket.state = State.LISTENING
            return
        if socket.kind is not Kind.SERVICE:
            socket.host = (await self._resolver.resolve(socket.host))[0]
        if socket.kind is Kind.TCP:
            socket.tcp = self._adopt(socket, make_stream(self._bearer, socket.security))
            limit = socket.patience or self._timing.draw(CONNECT_LIMIT)
            await open_stream(socket.tcp, socket.remote, socket.local_port, limit)
            socket.tcp.keep_alive(self.options.keep_alive())
        elif socket.udp is None:
            self.bind(socket)

    def bind(self, socket: Socket) -> None:
        """Give a UDP socket its port; it hears everybody, or its one peer where it has one."""
        socket.udp = self._bearer.udp(socket.local_port)
        socket.udp.receiver = partial(self._datagram, socket)
        socket.state = State.CONNECTED

    def _adopt(self, socket: Socket, tcp: Stream) -> Stream:
        """Let a connection's data and its end come to a socket."""
        tcp.on_data = lambda data: self._arrived(socket, data, socket.remote)
        tcp.on_end = partial(self._ended, socket)
        tcp.room = lambda: socket.buffer.room
        tcp.retransmission = self.options.retransmission()
        return tcp

    def _incoming(self, listener: Socket, tcp: TcpSocket) -> None:
        if self.options.accepts:
            self.take_in(listener, tcp)
        elif listener.waiting.put(tcp):
            self._publish("socket.asking", server=listener.id)
        else:
            self._publish("socket.incoming_full", server=listener.id)

    def take_in(self, listener: Socket, tcp: TcpSocket) -> bool:
        """Give a connection that came to a listener a number; False when all are taken."""
        id = self.free()
        if id is None:
            tcp.abort()
            self._publish("socket.incoming_full", server=listener.id)
            return False
        host, port = tcp.peer
        inherited = {"access": listener.access, "context": listener.context, "server": listener.id}
        place = {"host": host, "port": port, "local_port": listener.local_port}
        socket = self.create(id, Kind.INCOMING, **inherited, **place)
        socket.tcp = self._adopt(socket, tcp)
        tcp.keep_alive(self.options.keep_alive())
        tcp.read_on()
        socket.state = State.CONNECTED
        self._publish("socket.incoming", id=id, server=listener.id, host=host, port=port)
        self.on_connected(socket)
        return True

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

    def read(self, socket: Socket, most: int, *, joined: bool = False) -> tuple[bytes, Address]:
        """Take received data out of its buffer, of datagrams one or with `joined` as many as fit."""
        piece = socket.buffer.take(most, joined=joined)
        socket.full = False
        if socket.tcp is not None:
            socket.tcp.read_on()
        if not socket.buffer:
            socket.announced = False
        return piece.data, piece.sender

    def show_by(self, access: Access) -> None:
        """Received data of every socket reaches the host this way from now on; `pump` brings what waits."""
        for socket in self:
            socket.access = access

    def announce(self, socket: Socket) -> None:
        """Tell the host that data waits, and how much; once the serial line has caught up."""
        socket.announced = True
        socket.due = self._backlog() >= PUSH_BACKLOG
        if not socket.due:
            self._publish("socket.waiting", **self._values(socket), length=socket.buffer.next_size)

    def _datagram(self, socket: Socket, data: bytes, sender: Address) -> None:
        if socket.kind is Kind.UDP and socket.port and sender != socket.remote:
            return
        self._arrived(socket, data, sender)

    def _arrived(self, socket: Socket, data: bytes, sender: Address) -> None:
        if self.takes(socket.id, data):
            return
        if not socket.buffer.put(data, sender):
            if not socket.full:
                socket.full = True
                self._publish("socket.full", **self._values(socket))
            return
        self._pump(socket)

    def _pump(self, socket: Socket) -> None:
        """Pass on what waits, as far as the way of access and the serial line allow."""
        if socket.state is State.OPENING or (socket.on_received is not None and socket.on_received()):
            return
        if socket.access is Access.BUFFER:
            if socket.buffer and (not socket.announced or self._table.announce == "each"):
                self.announce(socket)
        elif socket.access is Access.PUSH:
            while socket.buffer and self._backlog() < PUSH_BACKLOG:
                self._push(socket)
        if socket.ended is not None and (not socket.buffer or socket.access is Access.BUFFER):
            self.tell_end(socket)

    def _push(self, socket: Socket) -> None:
        data, (host, port) = self.read(socket, self._table.push)
        with_length = self._shows(self._table.show_length)
        with_address = socket.kind is Kind.SERVICE or self._shows(self._table.show_address)
        shown = received(data, (host, port), with_length=with_length, with_address=with_address)
        self._publish("socket.received", **self._values(socket), **shown)

    def pump(self) -> None:
        """The serial line has caught up: push what waits, announce what is still to be announced."""
        for socket in self:
            if socket.due and socket.buffer:
                self.announce(socket)
            if socket.access is not Access.BUFFER and (socket.buffer or socket.ended is not None):
                self._pump(socket)

    def _values(self, socket: Socket) -> dict[str, Any]:
        return {"id": socket.id, "kind": socket.kind.value, "access": int(socket.access)}

    # ------------------------------------------------------------ the end

    def _ended(self, socket: Socket, loss: Loss) -> None:
        socket.loss = loss
        if socket.state is not State.OPENING:
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
        self.let_go(socket)

    def let_go(self, socket: Socket) -> None:
        """Close what its peer has closed and the host has read, where the module does so by itself."""
        if self.options.closes and socket.loss is Loss.CLOSED and not socket.ended and not socket.buffer:
            self.close(socket)

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
        self._stop_listening(socket)

    @staticmethod
    def _stop_listening(socket: Socket) -> None:
        if socket.listener is not None:
            socket.listener.abort()
        socket.waiting.clear()

    def drop(self, socket: Socket) -> None:
        """Free its number and forget everything about it."""
        if socket.tcp is not None:
            socket.tcp.abort()
        self.close(socket)

    def bearer_lost(self, *, by_host: bool = False, told: bool = False) -> bool:
        """The PDN connection is gone: every socket is broken, and stays until the host closes it.

        `told`: the host hears of the context from elsewhere. Returns whether it has been told by now.
        """
        broken = [socket for socket in self if socket.state is not State.CLOSING]
        for socket in broken:
            before, socket.state, socket.loss = socket.state, State.CLOSING, Loss.NO_BEARER
            if before is State.OPENING and socket.connecting is not None:
                socket.connecting.cancel()
                continue
            if socket.tcp is not None:
                socket.tcp.on_end = lambda loss: None
                socket.tcp.abort()
            if socket.udp is not None:
                socket.udp.close()
            self._stop_listening(socket)
            connected = before is State.CONNECTED and socket.stream
            self._publish("socket.broken", id=socket.id, connected=connected)
            if socket.on_received is not None:
                socket.on_received()
        if broken and not told:
            self._publish("sockets.deactivated", context=broken[0].context, by_host=by_host)
        return told or bool(broken)

    def clear(self) -> None:
        """The power is gone."""
        self._sockets.clear()
        self.online = None
        self.jobs.clear()
