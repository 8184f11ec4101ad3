"""TCP of the module: a real connection whose segments cross the simulated air, and a listener.

The kernel speaks TCP with the peer; the air in between delays. Loss is delay as well: a lost flight is
repeated until the connection is given up. A module that does not read leaves the data in the kernel, so that
the peer's window fills.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from modemsim.net.bearer import Bearer
from modemsim.net.crossing import USUAL, CrossingFailed, Loss, Retransmission, cross, round_trip
from modemsim.net.routes import Address
from modemsim.trace import host_port

FLIGHT = 4 * 1360
"""Bytes that cross the air together: four segments of the usual size behind an IPv4 tunnel."""
SYN = Retransmission(4)
"""Repetitions of a connection request (RFC 1122, 4.2.3.5 asks for more; small stacks do fewer)."""
WINDOW_PROBE = 0.5
"""Seconds between two looks at a window that is closed."""
SIOCOUTQNSD = 0x894B
"""Request for the bytes of a socket that were not sent yet (linux/sockios.h)."""
HELD_FLIGHTS = 2
"""Flights in a row without answer for which a virtual clock is held: a peer that only listens owes none."""


class KeepAlive(NamedTuple):
    """When a silent connection is probed: after `idle` seconds, `probes` times `interval` seconds apart."""

    idle: float
    interval: float
    probes: int


class TcpSocket:
    """One TCP connection of the module.

    `on_data` gets what arrives while `room` (bytes the owner can take) is more than zero; `on_end` is called
    once, when the connection is over for a reason of its own: CLOSED after the peer's last byte, RESET,
    NO_ANSWER or NO_BEARER; `on_closed` once nothing of it is left, whatever the reason; `on_acked` when the
    peer has more of what was sent. `sent` counts bytes taken from the host, `acked` those the peer has.
    `retransmission` is how a lost flight is repeated.
    """

    def __init__(self, bearer: Bearer, real: socket.socket | None = None, peer: Address = ("", 0)) -> None:
        self.peer = peer
        self.sent = 0
        self.acked = 0
        self.on_data: Callable[[bytes], None] = lambda data: None
        self.on_end: Callable[[Loss], None] = lambda loss: None
        self.on_closed: Callable[[], None] = lambda: None
        self.on_acked: Callable[[], None] = lambda: None
        self.room: Callable[[], int] = lambda: FLIGHT
        self.retransmission: Retransmission = USUAL
        self._bearer = bearer
        self._real = real if real is not None else socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._real.setblocking(False)
        self._real.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._outside: Address | None = None
        self._former_port = 0
        self._unanswered = 0
        self._used = asyncio.get_running_loop().time()
        self._out = bytearray()
        self._written = 0  # bytes the kernel has; what comes back acknowledges them
        self._closing = False
        self.closed = False
        self._work = asyncio.Event()
        self._room_made = asyncio.Event()
        self._progress = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._prober: asyncio.Task[None] | None = None
        bearer.streams.add(self)
        if real is not None:
            self._run()

    @property
    def local_port(self) -> int:
        """The port on the module's side; 0 before there is one."""
        return self._former_port if self._real.fileno() < 0 else int(self._real.getsockname()[1])

    @property
    def unacked(self) -> int:
        """Bytes taken from the host that the peer does not have yet."""
        return self.sent - self.acked

    async def connect(self, to: Address, local_port: int = 0) -> None:
        """Open the connection; raises CrossingFailed, OSError for a local port that is taken."""
        self.peer = to
        real = self._bearer.routes.real(to)
        if local_port:
            self._real.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._real.bind((self._bearer.routes.local_host, local_port))
        await cross(self._bearer, downlink=False, retransmission=SYN)
        if real is None:
            await self._nobody_there()
        assert real is not None
        self._outside = None if self._bearer.routes.inside(real) else real
        self.expect()
        loop = asyncio.get_running_loop()
        refused: CrossingFailed | None = None
        try:
            await loop.sock_connect(self._real, real)
        except ConnectionRefusedError:
            refused = CrossingFailed(Loss.REFUSED)
        except OSError as error:
            raise CrossingFailed(Loss.NO_ANSWER) from error
        self._arrived()
        await cross(self._bearer, downlink=True)
        if refused is not None:
            raise refused
        self._run()

    def send(self, data: bytes) -> None:
        """Take data for the peer; what is sent after a close or an end goes nowhere."""
        if self._closing or self.closed:
            return
        self.sent += len(data)
        self._out += data
        self._work.set()

    async def delivered(self) -> bool:
        """Wait until the peer has everything sent so far; False when the connection is over before."""
        wanted = self.sent
        while self.acked < wanted and not self.closed:
            self._progress.clear()
            await self._progress.wait()
        return self.acked >= wanted

    async def finish(self) -> None:
        """Close, and return once everything sent before and the end itself have crossed the air."""
        self.close()
        while not self.closed:
            self._progress.clear()
            await self._progress.wait()
        with contextlib.suppress(CrossingFailed):
            await self._cross(downlink=False)
            await self._cross(downlink=True)

    def read_on(self) -> None:
        """The owner has room again."""
        self._room_made.set()

    def keep_alive(self, settings: KeepAlive | None) -> None:
        """Probe the peer of a standing connection whenever it is silent, or no more (RFC 1122, 4.2.3.6)."""
        if self._prober is not None:
            self._prober.cancel()
        self._prober = None
        if settings is not None and self._tasks:
            self._prober = self._start(partial(self._probe, settings))

    def close(self) -> None:
        """End the connection in good order, behind everything sent before; nothing is received any more."""
        if self.closed or self._closing:
            return
        self._closing = True
        self.on_end = lambda loss: None
        self.on_data = lambda data: None
        self.room = lambda: FLIGHT
        if not self._tasks:
            self.abort()
        self._work.set()
        self._room_made.set()

    def abort(self) -> None:
        """Reset the connection at once and forget what is on its way."""
        if self.closed:
            return
        self._without_linger()
        self._shut()

    def _without_linger(self) -> None:
        """Closing resets the connection from now on."""
        with contextlib.suppress(OSError):
            self._real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _shut(self) -> None:
        self.closed = True
        self._progress.set()
        self._bearer.streams.discard(self)
        if self._bearer.tap is not None:
            self._bearer.tap.closed(self.local_port, self.peer)
        self._arrived()
        for task in tuple(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        self._real.close()
        self.on_closed()

    async def _nobody_there(self) -> None:
        """No route: connection requests vanish until the stack gives up."""
        self._bearer.note("lost", direction="uplink", peer=host_port(self.peer), reason="no route")
        await asyncio.sleep(SYN.give_up)
        raise CrossingFailed(Loss.NO_ANSWER)

    # ------------------------------------------------------------ both ways

    def _run(self) -> None:
        for work in (self._uplink, self._downlink):
            self._start(work)

    def _start(self, work: Callable[[], Coroutine[Any, Any, Loss]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Callable[[], Coroutine[Any, Any, Loss]]) -> None:
        """Run one direction and end the connection with it."""
        try:
            loss = await work()
        except CrossingFailed as failed:
            loss = failed.loss
        except OSError:
            loss = Loss.RESET
            with contextlib.suppress(CrossingFailed):
                await self._cross(downlink=True)
        if self.closed:
            return
        end = self.on_end
        if loss is Loss.CLOSED:
            self._shut()
        else:
            self.abort()
            end(loss)

    async def _cross(self, *, downlink: bool) -> None:
        await cross(self._bearer, downlink=downlink, retransmission=self.retransmission)

    async def _taken(self) -> None:
        """Wait while the peer's window is closed; one that stays so behind a close is given up."""
        patience = self.retransmission.give_up
        while self._unsent():
            await asyncio.sleep(WINDOW_PROBE)
            patience -= WINDOW_PROBE if self._closing else 0.0
            if patience <= 0:
                raise CrossingFailed(Loss.NO_ANSWER)

    def _unsent(self) -> int:
        """Bytes that the kernel keeps because the peer has no room for them."""
        try:
            return int.from_bytes(fcntl.ioctl(self._real, SIOCOUTQNSD, bytes(4)), sys.byteorder)
        except (OSError, ValueError):  # a system that cannot tell, or closed by now
            return 0

    def _acknowledged(self, count: int) -> None:
        if count > self.acked and not self._unsent():
            self.acked = count
            self._progress.set()
            self.on_acked()

    async def _uplink(self) -> Loss:
        """Flight after flight, each acknowledged before the next; CLOSED once all is out after a close."""
        loop = asyncio.get_running_loop()
        while True:
            while self._out:
                flight = bytes(self._out[:FLIGHT])
                del self._out[: len(flight)]
                await self._cross(downlink=False)
                await self._way_out()
                self.expect()
                await loop.sock_sendall(self._real, flight)
                self._written += len(flight)
                self._passed(flight, downlink=False)
                await self._cross(downlink=True)
                await self._taken()
                self._acknowledged(self._written)
            if self._closing:
                self._real.shutdown(socket.SHUT_WR)
                return Loss.CLOSED
            self._work.clear()
            await self._work.wait()

    async def _downlink(self) -> Loss:
        """Read while the owner has room; at the peer's end tell it, and let the other direction finish."""
        loop = asyncio.get_running_loop()
        while not self.closed:
            while (room := self.room()) <= 0:
                self._room_made.clear()
                await self._room_made.wait()
            data = await loop.sock_recv(self._real, min(room, FLIGHT))
            self._arrived()
            if self._bearer.forgotten(self._used):
                self._bearer.note("lost", direction="downlink", peer=host_port(self.peer), reason="NAT")
                await asyncio.Event().wait()  # nothing comes through any more; sending will find out
            self._used = loop.time()
            written = self._written
            await self._arrival()
            self._acknowledged(written)
            if not data:
                end = self.on_end
                self.close()
                end(Loss.CLOSED)
                if not self.closed:
                    await asyncio.Event().wait()  # the other direction ends the connection
                return Loss.CLOSED
            self._passed(data, downlink=True)
            self.on_data(data)
        return Loss.CLOSED

    async def _arrival(self) -> None:
        """Cross the air from the peer; one that gives up forgets the connection, which sending finds out."""
        try:
            await self._cross(downlink=True)
        except CrossingFailed as failed:
            if failed.loss is Loss.NO_BEARER:
                raise
            self._without_linger()
            self._former_port = self.local_port
            self._real.close()
            await asyncio.Event().wait()

    def _passed(self, data: bytes, *, downlink: bool) -> None:
        direction = "downlink" if downlink else "uplink"
        self._bearer.note(direction, peer=host_port(self.peer), size=len(data), protocol="tcp")
        if self._bearer.tap is not None:
            self._bearer.tap.segment(self.local_port, self.peer, data, downlink=downlink)

    async def _probe(self, settings: KeepAlive) -> Loss:
        """Ask a silent peer whether it is still there; data that waits for its answer asks as well."""
        loop, missing = asyncio.get_running_loop(), 0
        while missing < settings.probes:
            used = self._used
            await asyncio.sleep(
                settings.interval if missing else max(0.0, used + settings.idle - loop.time())
            )
            if self.unacked or self._used != used:
                missing = 0
                await asyncio.sleep(settings.interval)
                continue
            forgotten = self._bearer.forgotten(used)
            self._bearer.note("probe", peer=host_port(self.peer), protocol="tcp")
            if await round_trip(self._bearer) is None or forgotten:
                missing += 1
            else:
                self._used, missing = loop.time(), 0
        await asyncio.sleep(settings.interval)
        return Loss.NO_ANSWER

    async def _way_out(self) -> None:
        """Behind an address translation that has forgotten the connection all repetitions are lost."""
        if self._bearer.forgotten(self._used):
            self._bearer.note("lost", direction="uplink", peer=host_port(self.peer), reason="NAT")
            await asyncio.sleep(self.retransmission.give_up)
            raise CrossingFailed(Loss.NO_ANSWER)
        self._used = asyncio.get_running_loop().time()

    # ------------------------------------------------------------ peers outside the process

    def expect(self) -> None:
        """Hold a virtual clock for the answer of a peer outside, unless it lets flights go unanswered."""
        if self._outside is not None and self._unanswered < HELD_FLIGHTS:
            self._unanswered += 1
            self._bearer.answers.expect(self._real)

    def _arrived(self) -> None:
        self._unanswered = 0
        self._bearer.answers.arrived(self._real)


class ListenFailed(OSError):
    """A port could be had, but not listened on."""


class TcpListener:
    """A listening TCP socket of the module; `on_connection` gets each connection once it has crossed the air.

    Raises OSError for a port that is taken, ListenFailed.
    """

    def __init__(self, bearer: Bearer, port: int, on_connection: Callable[[TcpSocket], None]) -> None:
        self._bearer = bearer
        self._on_connection = on_connection
        self._real = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._real.setblocking(False)
        self._real.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._real.bind((bearer.routes.local_host, port))
        except OSError:
            self._real.close()
            raise
        try:
            self._real.listen()
        except OSError as error:
            self._real.close()
            raise ListenFailed(*error.args) from error
        self._task = asyncio.get_running_loop().create_task(self._accept())
        bearer.streams.add(self)

    @property
    def local_port(self) -> int:
        """The port it listens on."""
        return int(self._real.getsockname()[1])

    def abort(self) -> None:
        """Listen no more; accepted connections stay."""
        self._bearer.streams.discard(self)
        self._task.cancel()
        self._real.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            real, peer = await loop.sock_accept(self._real)
            try:
                await cross(self._bearer, downlink=True)
            except CrossingFailed:
                real.close()
                continue
            self._on_connection(TcpSocket(self._bearer, real, (peer[0], peer[1])))
