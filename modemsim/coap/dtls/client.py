"""A module's secured socket: datagrams to one server go through a DTLS session made when needed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from modemsim.coap.datagram import Address, DatagramSocket, discard
from modemsim.coap.dtls.association import Association, Cause, Ended, Timers
from modemsim.coap.dtls.engine import SUITES, BackendError, Credentials, KeyLog, Suite, load
from modemsim.coap.dtls.records import describe
from modemsim.trace import Trace, host_port

_WAITING = 16
"""Datagrams kept while a handshake runs; more are lost, as in a small modem."""


@dataclass(frozen=True, slots=True)
class Security:
    """How a module secures its connection; `renew_after` in seconds."""

    credentials: Credentials
    suites: Sequence[Suite] = SUITES
    timers: Timers = field(default_factory=Timers)
    renew_after: float | None = None
    """A session whose last datagram to the server is older than this is made anew before the next one."""
    resume: bool = False
    """Whether a new session offers to continue the last one."""
    backend: str = "auto"
    keylog: KeyLog | None = None


class DtlsClientSocket:
    """A datagram socket over another one, for one server; see `modemsim.coap.datagram.DatagramSocket`.

    `on_change` hears "handshake", "up" (with the suite) and "failed" or "closed" (with an `Ended`). What is
    sent while there is no session waits for the handshake, and is lost when that fails.
    """

    def __init__(
        self,
        socket: DatagramSocket,
        server: Address,
        security: Security,
        *,
        on_change: Callable[..., None] | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.receiver: Callable[[bytes, Address], None] = discard
        self._socket = socket
        self._server = server
        self._security = security
        self.on_change: Callable[..., None] = on_change or _nobody
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._association: Association | None = None
        self._earlier: object | None = None
        self._waiting: deque[tuple[bytes, int]] = deque(maxlen=_WAITING)
        self._done: asyncio.Future[Ended | None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_sent = 0.0
        self._closed = False
        socket.receiver = self._received

    @property
    def local(self) -> Address:
        """The real local address."""
        return self._socket.local

    @property
    def up(self) -> bool:
        """There is a session, and it is not due for renewal."""
        return self._association is not None and self._association.up and not self._stale()

    @property
    def shaking(self) -> bool:
        """A handshake is under way."""
        return self._done is not None

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        """Send one datagram, after a handshake if there must be one before; other addresses get nothing."""
        if self._closed or to != self._server:
            return
        if self.up and self._association is not None:
            self._pass(self._association.write(data), rai)
            self._last_sent = self._loop.time()
            return
        if (data, rai) not in self._waiting:  # a retransmission while the handshake runs
            self._waiting.append((data, rai))
        self._begin()

    async def secure(self) -> Ended | None:
        """Have a session, by a handshake if need be; why there is none, or None."""
        if self._closed:
            return Ended(Cause.LOCAL)
        if self.up:
            return None
        done = self._begin()
        return None if done is None else await asyncio.shield(done)

    def renew(self) -> None:
        """Forget the session, so that the next datagram makes a new one."""
        self._forget()

    def shutdown(self) -> None:
        """End the session with close_notify."""
        if self._association is not None and self._association.up:
            self._pass(self._association.close(), 0)
            self._trace_event("closed", cause=str(Cause.LOCAL))
        self._forget()

    def close(self) -> None:
        """Forget everything without a word, and close the socket behind."""
        if not self._closed:
            self._closed = True
            self._forget()
            self._waiting.clear()
            self._settle(Ended(Cause.LOCAL))
            self._socket.close()

    # Handshake

    def _stale(self) -> bool:
        limit = self._security.renew_after
        return limit is not None and self._loop.time() - self._last_sent > limit

    def _begin(self) -> asyncio.Future[Ended | None] | None:
        """Start a handshake unless one runs; what tells its end, or None when it has ended already."""
        if self._done is None:
            self._forget()
            self._done = self._loop.create_future()
            self._trace_event("handshake", identity=self._security.credentials.identity)
            self.on_change("handshake")
            self._start()
        return self._done

    def _start(self) -> None:
        security = self._security
        try:
            backend = load(security.backend, key=security.credentials.key)
        except BackendError as problem:
            self._failed(Ended(Cause.ERROR, str(problem)))
            return
        earlier = self._earlier if security.resume else None
        engine = backend.client(security.credentials, security.suites, security.keylog, earlier)
        association = self._association = Association(engine, security.timers, server=False)
        self._pass(association.step(self._loop.time()), 0)
        self._watch(association)

    def _due(self) -> None:
        association = self._association
        self._timer = None
        if association is not None:
            self._pass(association.step(self._loop.time()), 0)
            self._watch(association)

    def _watch(self, association: Association) -> None:
        """Follow up on what a call of the association changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if association.ended is not None:
            self._failed(association.ended)
        elif association.deadline is not None:
            self._timer = self._loop.call_at(association.deadline, self._due)

    def _failed(self, ended: Ended) -> None:
        shaking = self._done is not None
        self._forget()
        self._waiting.clear()
        self._trace_event("failed" if shaking else "closed", cause=str(ended))
        self.on_change("failed" if shaking else "closed", ended=ended)
        self._settle(ended)

    def _came_up(self, association: Association) -> None:
        engine = association.engine
        if self._security.resume:
            self._earlier = engine.session()
        self._last_sent = self._loop.time()
        self._trace_event("up", suite=str(engine.suite), resumed=engine.resumed)
        self.on_change("up", suite=engine.suite, resumed=engine.resumed)
        self._settle(None)
        waiting = tuple(self._waiting)
        self._waiting.clear()
        for data, rai in waiting:
            self.send(data, self._server, rai)

    def _settle(self, ended: Ended | None) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_result(ended)

    def _forget(self) -> None:
        self._association = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Datagrams

    def _received(self, data: bytes, sender: Address) -> None:
        association = self._association
        if sender != self._server or association is None or self._closed:
            return
        was_up = association.up
        if not was_up:
            self._trace_event("rx", records=describe(data), length=len(data), data=data)
        fed = association.feed(data, self._loop.time())
        self._pass(fed.datagrams, 0)
        if association.up and not was_up:
            self._watch(association)
            self._came_up(association)
        for plaintext in fed.plaintexts:
            self.receiver(plaintext, sender)
        if self._association is association and (not association.up or association.ended is not None):
            self._watch(association)

    def _pass(self, datagrams: list[bytes], rai: int) -> None:
        shaking = self._done is not None
        for data in datagrams:
            if shaking:
                self._trace_event("tx", records=describe(data), length=len(data), data=data)
            self._socket.send(data, self._server, rai)

    def _trace_event(self, event: str, **fields: Any) -> None:
        if self._trace is not None:
            self._trace.emit("dtls", event, peer=host_port(self._server), **fields)


def _nobody(event: str, **values: Any) -> None:
    """Nobody wants to know what becomes of the session."""
