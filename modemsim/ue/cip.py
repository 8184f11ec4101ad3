"""The SIM800-style TCP/IP task of SIMCom modules: a bearer and one connection or several, by their tables.

It has sockets of its own beside those of the CSO commands. What happens is published (`cip.connected`,
`cip.connect_failed`, `cip.received`, `cip.waiting`, `cip.closed`, `cip.deactivated`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modemsim.net import Address
from modemsim.net.tcp import KeepAlive
from modemsim.profile import SocketsTable
from modemsim.ue.cip_states import (
    ACTIVE,
    LINK_TRANSITIONS,
    TRANSITIONS,
    Cip,
    CipEvent,
    Link,
    LinkEvent,
)
from modemsim.ue.socket import Access, Kind, Socket
from modemsim.ue.socket_options import SocketOptions
from modemsim.ue.socket_session import SocketSession
from modemsim.ue.sockets import Sockets, Surroundings

ACTIVATE, SEND_LIMIT, CLOSE_LIMIT, SHUT = "cip_activate", "cip_send_limit", "cip_close_limit", "cip_shut"
"""Names of timings: activation, the longest wait for the peer's acknowledgement when data is sent and when a
connection is closed slowly, deactivation."""

_OPEN = {Kind.TCP: CipEvent.OPEN_TCP, Kind.UDP: CipEvent.OPEN_UDP}
_CLOSE = {Kind.TCP: CipEvent.CLOSE_TCP, Kind.UDP: CipEvent.CLOSE_UDP}
_OVER = {Kind.TCP: CipEvent.TCP_OVER, Kind.UDP: CipEvent.UDP_OVER}
_PASSED_ON = {"socket.received": "cip.received", "socket.full": "cip.full"}


@dataclass(frozen=True)
class Target:
    """What a connection is opened to; `extended`: over UDP anybody is heard, and the peer may change;
    `probes`: how a silent TCP connection is probed, if at all."""

    kind: Kind
    host: str
    port: int
    local_port: int = 0
    extended: bool = False
    probes: KeepAlive | None = None


@dataclass(eq=False)
class Connection:
    """One connection; `to`: where an extended UDP connection sends.

    The socket outlives the connection as long as data in it may be read.
    """

    id: int
    target: Target
    state: Link = Link.INITIAL
    socket: Socket | None = field(default=None, repr=False)
    to: Address | None = None
    session: SocketSession | None = field(default=None, repr=False)
    task: asyncio.Task[Any] | None = field(default=None, repr=False)
    progress: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the peer has more, or the connection is over."""

    def step(self, event: LinkEvent) -> bool:
        """Apply the table; False when the event has no effect in this state."""
        following = LINK_TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        self.state = following
        self.progress.set()
        return True

    @property
    def live(self) -> bool:
        """Whether it is open, or on the way to it or from it."""
        return self.state not in (Link.INITIAL, Link.CLOSED)

    @property
    def remote(self) -> Address:
        """The peer's address once the name is resolved, and its port."""
        resolved = self.socket.host if self.socket is not None else ""
        return resolved or self.target.host, self.target.port


class CipTask:
    """The task of one module; `several` tells whether AT+CIPMUX=1 is on."""

    def __init__(
        self,
        table: SocketsTable,
        around: Surroundings,
        publish: Callable[..., None],
        options: SocketOptions,
    ) -> None:
        self._bearer = around.bearer
        self._timing = around.timing
        self._publish = publish
        self._spawn = around.spawn
        self.several: Callable[[], bool] = lambda: around.shows("+CIPMUX.n")
        self.state = Cip.INITIAL
        self.sockets = Sockets(table, around, self._heard, options)
        self.connections: dict[int, Connection] = {}

    # ------------------------------------------------------------ the bearer

    def start(self) -> bool:
        """AT+CSTT; False in a state that does not allow it."""
        return self._step(CipEvent.TASK)

    async def activate(self) -> bool:
        """AT+CIICR; False in a wrong state, and when there is no bearer."""
        if not self._step(CipEvent.ACTIVATE):
            return False
        await asyncio.sleep(self._timing.draw(ACTIVATE))
        self._step(CipEvent.BEARER_LOST if self._bearer.ip is None else CipEvent.ACTIVATED)
        return self.state is Cip.GPRSACT

    def address(self) -> str | None:
        """AT+CIFSR; None in a state without an address."""
        if self.state not in ACTIVE:
            return None
        self._step(CipEvent.ADDRESS)
        return self._bearer.ip

    async def shut(self) -> None:
        """AT+CIPSHUT: every connection is closed, and the task is where it began."""
        self._forget_all()
        await asyncio.sleep(self._timing.draw(SHUT))
        self._step(CipEvent.SHUT)

    def bearer_lost(self) -> None:
        """The PDN connection is gone; only AT+CIPSHUT helps."""
        if not self._step(CipEvent.BEARER_LOST):
            return
        self.sockets.bearer_lost()
        for connection in self.connections.values():
            self._cancel(connection)
            connection.step(LinkEvent.OVER)
            self._release(connection)
        self._publish("cip.deactivated")

    def clear(self) -> None:
        """The power is gone, or the chip has slept: nothing is left of the task."""
        self._forget_all()
        self.sockets.clear()
        self._step(CipEvent.SHUT)

    # ------------------------------------------------------------ connections

    def open_soon(
        self,
        id: int,
        target: Target,
        access: Access,
        up: Callable[[Connection], None] | None = None,
    ) -> None:
        """Open a connection in the background, in place of an earlier one of that number.

        `cip.connected` or `cip.connect_failed` tells the outcome; `up` is called in place of the first.
        """
        self._forget(id)
        connection = self.connections[id] = Connection(id, target)
        connection.step(LinkEvent.OPEN)
        values = {"host": target.host, "port": target.port, "local_port": target.local_port}
        connection.socket = self.sockets.create(id, target.kind, access=access, **values)
        self._begin(connection)
        connection.task = self._spawn(self._open(connection, up))

    async def _open(self, connection: Connection, up: Callable[[Connection], None] | None) -> None:
        if not await self._establish(connection):
            return
        if up is not None:
            up(connection)
        else:
            self._publish("cip.connected", id=connection.id, kind=connection.target.kind.value)

    async def _establish(self, connection: Connection) -> bool:
        """Bring it up, the bearer first where the host left that out; a failure is published."""
        socket = connection.socket
        assert socket is not None
        ready = self.state is not Cip.INITIAL or await self._prepare(connection)
        situation = await self.sockets.establish(socket) if ready else "no_bearer"
        if connection.state is not Link.CONNECTING or self.connections.get(connection.id) is not connection:
            return False
        if situation != "ok":
            self._over(connection)
            self._release(connection)
            self._publish("cip.connect_failed", id=connection.id, state=self.state.value)
            return False
        if connection.target.extended:
            connection.to, socket.port = socket.remote, 0
        if socket.tcp is not None:
            socket.tcp.on_acked = connection.progress.set
            socket.tcp.keep_alive(connection.target.probes)
        connection.step(LinkEvent.UP)
        self._step(CipEvent.UP)
        return True

    async def _prepare(self, connection: Connection) -> bool:
        self.start()
        if not await self.activate() or self.connections.get(connection.id) is not connection:
            return False
        self.address()
        self._begin(connection)
        return True

    def _begin(self, connection: Connection) -> None:
        self._step(CipEvent.OPEN if self.several() else _OPEN[connection.target.kind])

    def online(self, connection: Connection) -> SocketSession:
        """The connection as the other end of transparent mode."""
        if connection.session is None:
            assert connection.socket is not None
            connection.session = SocketSession(self.sockets, connection.socket, at_end=self.sockets.tell_end)
        return connection.session

    def keep_alive(self, settings: KeepAlive | None) -> None:
        """Probe silent TCP connections from now on, or no more."""
        for connection in self.connections.values():
            if connection.socket is not None and connection.socket.tcp is not None:
                connection.socket.tcp.keep_alive(settings)

    async def send(self, connection: Connection, data: bytes, rai: int, *, wait: bool) -> bool:
        """Send data, and `wait` until the peer has it; False when that fails."""
        socket = connection.socket
        if socket is None or connection.state is not Link.CONNECTED:
            return False
        if not data or not self.sockets.send(socket, data, connection.to, rai):
            return False
        if not wait or not socket.stream:
            return True
        if await self._delivered(connection, socket, SEND_LIMIT):
            return True
        if connection.state is Link.CONNECTED:
            self._over(connection)
            self._release(connection)
            self._publish("cip.closed", id=connection.id, reason="no answer")
        return False

    async def _delivered(self, connection: Connection, socket: Socket, limit: str) -> bool:
        wanted = socket.sent
        try:
            async with asyncio.timeout(self._timing.draw(limit)):
                while socket.acked < wanted and connection.live:
                    connection.progress.clear()
                    await connection.progress.wait()
        except TimeoutError:
            return False
        return socket.acked >= wanted

    async def close(self, connection: Connection, *, quick: bool) -> bool:
        """AT+CIPCLOSE, slowly: once the peer has everything; False for one that is not open."""
        if connection.state not in (Link.CONNECTING, Link.CONNECTED):
            return False
        if connection.step(LinkEvent.CLOSE):
            self._close_single(connection)
            socket = connection.socket
            if not quick and socket is not None and socket.stream:
                await self._delivered(connection, socket, CLOSE_LIMIT)
        self._cancel(connection)
        if connection.socket is not None:
            self.sockets.close(connection.socket)
            connection.socket.buffer.clear()
        connection.session = None
        self._over(connection)
        return True

    # ------------------------------------------------------------ inside

    def _heard(self, event: str, **values: Any) -> None:
        """What happened on one of the sockets."""
        connection = self.connections.get(values.get("id", -1))
        if connection is None or connection.socket is None:
            return
        if event in _PASSED_ON:
            self._publish(_PASSED_ON[event], **values)
        elif event == "socket.waiting":
            host, port = connection.socket.buffer.next_sender
            self._publish("cip.waiting", **values, host=host, port=port)
        elif event == "socket.ending" and connection.step(LinkEvent.PEER_CLOSES):
            self._close_single(connection)
        elif event == "socket.closed" and connection.live:
            self._over(connection)
            self._publish("cip.closed", id=connection.id, reason=values["reason"])

    def _close_single(self, connection: Connection) -> None:
        if not self.several():
            self._step(_CLOSE[connection.target.kind])

    def _over(self, connection: Connection) -> None:
        connection.step(LinkEvent.OVER)
        if not self.several():
            self._step(_OVER[connection.target.kind])
        elif not any(one.live for one in self.connections.values()):
            self._step(CipEvent.ALL_OVER)

    def _cancel(self, connection: Connection) -> None:
        if connection.task is not None:
            connection.task.cancel()
            connection.task = None

    def _release(self, connection: Connection) -> None:
        """Give its socket back, and what waits in it is lost."""
        connection.session = None
        if connection.socket is not None:
            self.sockets.drop(connection.socket)
            connection.socket.buffer.clear()

    def _forget(self, id: int) -> None:
        connection = self.connections.pop(id, None)
        if connection is not None:
            self._cancel(connection)
            self._release(connection)
            connection.progress.set()

    def _forget_all(self) -> None:
        for id in tuple(self.connections):
            self._forget(id)

    def _step(self, event: CipEvent) -> bool:
        """Apply the table; False when the event has no effect in this state."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        self.state = following
        return True
