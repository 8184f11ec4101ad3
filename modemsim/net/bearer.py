"""The module's PDN connection: carries the datagrams of its UDP sockets over the air, out by the routes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from modemsim.net.flow import Flow
from modemsim.net.routes import Address, Routes
from modemsim.net.waiting import OutsideAnswers
from modemsim.timing import Timing
from modemsim.trace import Trace, host_port

DELAYS = ("paging",)  # a datagram for an idle module arrives, to the module answering the paging
"""The names of a profile's [timing] that this package draws from."""

WAITING_LIMIT = 64  # datagrams kept while the connection is being set up; more are lost, as in a small modem
READ_BATCH = 32  # datagrams taken from a socket in one turn of the loop
MAX_DATAGRAM = 65535


class Stream(Protocol):
    """A TCP socket as the bearer knows it (see `modemsim.net.tcp`)."""

    def abort(self) -> None:
        """Close at once and forget what is on its way."""


class Tap(Protocol):
    """Sees what the module sends and receives; `port` is its own."""

    def datagram(self, port: int, peer: Address, data: bytes, *, downlink: bool) -> None:
        """A UDP datagram that arrived."""

    def segment(self, port: int, peer: Address, data: bytes, *, downlink: bool) -> None:
        """Bytes of a TCP connection that arrived."""

    def closed(self, port: int, peer: Address) -> None:
        """A TCP connection has ended."""


class RadioLink(Protocol):
    """What the bearer needs of the radio; `connect` raises ConnectionError when there is no way."""

    @property
    def ip(self) -> str | None:
        """The module's address; None while the PDN connection is down."""

    @property
    def connected(self) -> bool:
        """The signalling connection stands."""

    @property
    def reachable(self) -> bool:
        """Attached, and the air carries something at this moment."""

    @property
    def asleep(self) -> bool:
        """In PSM: nothing reaches the module."""

    def until_paging(self) -> float:
        """Seconds until an idle module listens to paging."""

    async def connect(self) -> None:
        """Return once connected."""

    def activity(self, rai: int = 0, *, downlink: bool = False, lasting: float = 0.0) -> None:
        """Data goes either way for `lasting` seconds, with this release assistance."""

    def latency(self) -> float:
        """Draw the one-way time of a datagram, in seconds."""

    def lost(self) -> bool:
        """Draw whether a datagram is lost."""


@dataclass(slots=True)
class Datagram:
    """One datagram between `socket` and `peer` (the address as the module knows it)."""

    socket: UdpSocket
    data: bytes
    peer: Address
    downlink: bool
    rai: int = 0
    lost: bool = False


class UdpSocket:
    """A UDP socket of the module on a real, unconnected, non-blocking socket; made by `Bearer.udp`.

    `local` is the real local address. `receiver` gets data and sender, as the module knows the sender.
    """

    __slots__ = ("_bearer", "_down", "_nat", "_real", "_up", "_used", "closed", "local", "receiver")

    def __init__(self, bearer: Bearer, real: socket.socket) -> None:
        host, port = real.getsockname()
        self.local: Address = (host, port)
        self.receiver: Callable[[bytes, Address], None] = _ignore
        self._bearer = bearer
        self._real = real
        self.closed = False  # by its user; what was sent before may still be on the air
        self._up: Flow[Datagram] = Flow(self._depart)
        self._down: Flow[Datagram] = Flow(self._deliver)
        self._nat: dict[Address, Address] = {}
        self._used = asyncio.get_running_loop().time()
        asyncio.get_running_loop().add_reader(real.fileno(), self._readable)

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        """Send one datagram; `rai` 0: no hint, 1: no more data follows, 2: one downlink follows."""
        datagram = Datagram(self, data, to, downlink=False, rai=rai)
        if self.closed:
            self._bearer.lose(datagram, "the socket is closed")
        else:
            self._bearer.carry(datagram)

    def close(self) -> None:
        """Receive nothing more; what was sent before still goes out."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().remove_reader(self._real.fileno())
            self._down.clear()
            self._bearer.retire(self)

    def abort(self) -> None:
        """Close at once and forget what is on its way in either direction."""
        self.close()
        self._up.clear()
        self._real.close()

    def launch(self, datagram: Datagram, latency: float) -> float:
        """Put the datagram on its way; returns the seconds until it arrives."""
        return (self._down if datagram.downlink else self._up).put(datagram, latency)

    @property
    def drained(self) -> bool:
        """Closed, and nothing of it is on the air any more."""
        return self.closed and not self._up

    def _readable(self) -> None:
        for _ in range(READ_BATCH):
            try:
                data, (host, port) = self._real.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                self._bearer.note("socket_error", reason=str(error))
                return
            real: Address = (host, port)
            self._bearer.answers.arrived(real)
            peer = self._nat.get(real, real)
            datagram = Datagram(self, data, peer, downlink=True)
            if self._bearer.forgotten(self._used):
                self._bearer.lose(datagram, "the network's address translation has forgotten the way")
                continue
            self._used = asyncio.get_running_loop().time()
            self._bearer.carry(datagram)
            if self.closed:
                return

    def _depart(self, datagram: Datagram) -> None:
        bearer = self._bearer
        real = bearer.routes.real(datagram.peer)
        reason = bearer.obstacle(datagram) or ("no route" if real is None else None)
        if reason is None and real is not None:
            if bearer.forgotten(self._used) and not self.closed:
                self._rebind()
            self._used = asyncio.get_running_loop().time()
            self._nat[real] = datagram.peer
            try:
                self._real.sendto(datagram.data, real)
            except OSError as error:
                reason = str(error)
            else:
                bearer.passed(datagram, real)
        if reason is not None:
            bearer.lose(datagram, reason)
        if self.closed:
            bearer.retire(self)

    def _rebind(self) -> None:
        """The network's address translation gives the socket another port than before."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._real.fileno())
        self._real.close()
        self._real, self._nat = self._bearer.real_socket(0), {}
        host, port = self._real.getsockname()
        self.local = (host, port)
        loop.add_reader(self._real.fileno(), self._readable)
        self._bearer.note("rebound", port=port)

    def _deliver(self, datagram: Datagram) -> None:
        reason = self._bearer.obstacle(datagram)
        if reason is not None:
            self._bearer.lose(datagram, reason)
            return
        self._bearer.passed(datagram, None)
        self.receiver(datagram.data, datagram.peer)


class Bearer:
    """The PDN connection of one module.

    An uplink waits for the RRC connection, then takes its latency, may be lost, and leaves by `routes`; a
    downlink for an idle module pays the paging first. Without coverage or address all is dropped and traced.
    """

    def __init__(self, radio: RadioLink, routes: Routes, timing: Timing, trace: Trace) -> None:
        self.routes = routes
        self.answers = OutsideAnswers()
        self.sent_bytes = self.received_bytes = 0
        self._radio = radio
        self._timing = timing
        self._trace = trace
        self._sockets: list[UdpSocket] = []
        self.streams: set[Stream] = set()
        self.tap: Tap | None = None
        self.nat_timeout: Callable[[], float | None] = lambda: None
        """Seconds without traffic after which the network forgets the way back to a socket."""
        self._waiting: list[Datagram] = []
        self._kept: list[Datagram] = []  # by the network, while the module is in PSM
        self.keeps: Callable[[], bool] = lambda: False
        self._woken: asyncio.Future[None] | None = None
        self.on_uplink: Callable[[int], None] = lambda size: None
        self._tasks: dict[bool, asyncio.Task[None]] = {}  # by direction: downlink or not

    @property
    def ip(self) -> str | None:
        """The module's address; None while the PDN connection is down."""
        return self._radio.ip

    @property
    def radio(self) -> RadioLink:
        """What carries the packets."""
        return self._radio

    @property
    def timing(self) -> Timing:
        """The module's delays."""
        return self._timing

    @property
    def waiting(self) -> int:
        """Uplink datagrams that wait for the signalling connection."""
        return sum(not datagram.downlink for datagram in self._waiting)

    @property
    def full(self) -> bool:
        """Whether so many datagrams wait for the signalling connection that the next one would be lost."""
        return len(self._waiting) >= WAITING_LIMIT

    def udp(self, local_port: int = 0) -> UdpSocket:
        """A new UDP socket; a `local_port` taken on this machine is mapped to a free one, as NAT does."""
        real = self.real_socket(local_port)
        udp = UdpSocket(self, real)
        self._sockets.append(udp)
        return udp

    def real_socket(self, local_port: int) -> socket.socket:
        """A bound socket of this machine, at that port if it is free."""
        real = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        real.setblocking(False)
        host = self.routes.local_host
        try:
            real.bind((host, local_port))
        except OSError as error:
            self.note("port_mapped", port=local_port, reason=str(error))
            real.bind((host, 0))
        return real

    def forgotten(self, used: float) -> bool:
        """Whether the way back of a socket that was last used then has expired."""
        timeout = self.nat_timeout()
        return timeout is not None and asyncio.get_running_loop().time() - used > timeout

    def close(self) -> None:
        """Close every socket and forget everything on its way: the module has no power any more."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._waiting.clear()
        self._kept.clear()
        for socket_ in (*self._sockets, *self.streams):
            socket_.abort()
        self._sockets.clear()
        self.streams.clear()
        self.sent_bytes = self.received_bytes = 0
        self.answers.close()

    def carry(self, datagram: Datagram) -> None:
        """Take one datagram in either direction: at once when connected, else after the set-up."""
        if self._radio.ip is None:
            self.lose(datagram, "no PDN connection")
        elif datagram.downlink and not self._radio.reachable:
            self.lose(datagram, "no coverage")
        elif datagram.downlink and self._radio.asleep:
            self._keep(datagram)
        elif self._radio.connected and not self._waiting:
            self._launch(datagram)
        elif self.full:
            self.lose(datagram, "too many datagrams are waiting for the connection")
        else:
            self._waiting.append(datagram)
            if datagram.downlink not in self._tasks:
                task = asyncio.get_running_loop().create_task(self._connect(datagram.downlink))
                self._tasks[datagram.downlink] = task

    def _keep(self, datagram: Datagram) -> None:
        """A downlink for a module in PSM: the network keeps it for the next connection, or it is lost."""
        if self.keeps() and len(self._kept) < WAITING_LIMIT:
            self._kept.append(datagram)
            self.note("kept", peer=host_port(datagram.peer), size=len(datagram.data))
        else:
            self.lose(datagram, "the module is in PSM")

    def awake(self) -> None:
        """The signalling connection stands: what the network has kept comes now."""
        if self._woken is not None:
            self._woken.set_result(None)
            self._woken = None
        kept, self._kept = self._kept, []
        for datagram in kept:
            self._launch(datagram)

    async def page(self) -> None:
        """Find an idle module for a downlink and have it connect; raises ConnectionError.

        One in eDRX listens in its paging windows only, one in PSM not at all: the network keeps the downlink
        for the next connection, or gives it up.
        """
        if not self._radio.asleep:
            await asyncio.sleep(self._radio.until_paging() + self._timing.draw("paging"))
        if self._radio.asleep:
            if not self.keeps():
                raise ConnectionError("the module is in PSM")
            if self._woken is None:
                self._woken = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._woken)
        await self._radio.connect()

    def retire(self, udp: UdpSocket) -> None:
        """Give the real socket of a closed one back once its last datagram is out."""
        if udp.drained and not any(waiting.socket is udp for waiting in self._waiting):
            udp.abort()
            if udp in self._sockets:
                self._sockets.remove(udp)

    def obstacle(self, datagram: Datagram) -> str | None:
        """Why this datagram does not arrive at this instant; None when it does."""
        if self._radio.ip is None:
            return "no PDN connection"
        if not self._radio.reachable:
            return "no coverage"
        return "lost on the air" if datagram.lost else None

    def lose(self, datagram: Datagram, reason: str) -> None:
        """Trace a datagram that goes no further."""
        direction, size = "downlink" if datagram.downlink else "uplink", len(datagram.data)
        self.note("lost", direction=direction, peer=host_port(datagram.peer), size=size, reason=reason)

    def passed(self, datagram: Datagram, real: Address | None) -> None:
        """Trace a datagram that arrived; an uplink left to `real`."""
        peer, size = host_port(datagram.peer), len(datagram.data)
        if self.tap is not None:
            port = datagram.socket.local[1]
            self.tap.datagram(port, datagram.peer, datagram.data, downlink=datagram.downlink)
        if real is None:
            self.received_bytes += size
            self.note("downlink", peer=peer, size=size)
            return
        self.sent_bytes += size
        self.note("uplink", peer=peer, size=size, rai=datagram.rai, real=host_port(real))
        if not self.routes.inside(real):
            self.answers.expect(real)

    def note(self, event: str, **fields: object) -> None:
        """Trace something of the air."""
        self._trace.emit("air", event, **fields)

    async def _connect(self, downlink: bool) -> None:
        try:
            await (self.page() if downlink else self._radio.connect())
        except ConnectionError as error:
            for datagram in self._taken():
                self.lose(datagram, str(error))
                if datagram.socket.closed:
                    self.retire(datagram.socket)
        else:
            for datagram in self._taken():
                self._launch(datagram)
        finally:
            if self._tasks.get(downlink) is asyncio.current_task():
                del self._tasks[downlink]

    def _taken(self) -> list[Datagram]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def _launch(self, datagram: Datagram) -> None:
        if datagram.downlink and datagram.socket.closed:
            self.retire(datagram.socket)
            return
        latency = self._radio.latency()
        datagram.lost = self._radio.lost()
        lasting = datagram.socket.launch(datagram, latency)
        if not datagram.downlink:
            self.on_uplink(len(datagram.data))
        self._radio.activity(datagram.rai, downlink=datagram.downlink, lasting=lasting)


def _ignore(data: bytes, sender: Address) -> None:
    """The receiver of a socket nobody has claimed yet."""
