"""A server's secured socket: one DTLS session for each address that proves to have a key."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modemsim.coap.datagram import Address, DatagramSocket, discard
from modemsim.coap.dtls.association import Association, Ended, Timers
from modemsim.coap.dtls.engine import SUITES, BackendError, Keys, Suite, load
from modemsim.coap.dtls.records import (
    APPLICATION_DATA,
    CLIENT_HELLO,
    client_random,
    epoch,
    message,
    split,
)
from modemsim.trace import Trace, host_port

MOST_SESSIONS = 10_000
"""Sessions a server keeps; the one that was used longest ago goes first."""

MOST_HANDSHAKES = 2_000
"""Handshakes under way at the same time."""

SERVER_TIMERS = Timers(first=2.0, longest=32.0)
"""What a platform retransmits its flights with; a flight over NB-IoT takes less in good coverage."""


@dataclass(slots=True)
class _Handshake:
    """One that is under way: its association, which attempt of the client it is, and its timer."""

    association: Association
    random: bytes
    timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Cancel the timer."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class DtlsServerSocket:
    """A datagram socket over another one; see `modemsim.coap.datagram.DatagramSocket`.

    What arrives outside a session is no datagram for the user, and what is sent to an address without one is
    lost. A client that begins anew from the same address keeps its old session until the new one stands.
    """

    def __init__(
        self,
        socket: DatagramSocket,
        keys: Keys,
        *,
        suites: Sequence[Suite] = SUITES,
        timers: Timers = SERVER_TIMERS,
        backend: str = "auto",
        on_failure: Callable[[Address, str | None, Ended], None] | None = None,
        trace: Trace | None = None,
        name: str = "",
    ) -> None:
        self.receiver: Callable[[bytes, Address], None] = discard
        self._socket = socket
        self._keys = keys
        self._suites = suites
        self._timers = timers
        self._backend = backend
        self._on_failure = on_failure
        self._trace = trace
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._acceptor: Any = None
        self._handshakes: OrderedDict[Address, _Handshake] = OrderedDict()
        self._sessions: OrderedDict[Address, tuple[Association, bytes]] = OrderedDict()
        self._closed = False
        socket.receiver = self._received

    @property
    def local(self) -> Address:
        """The real local address."""
        return self._socket.local

    def identity(self, address: Address) -> str | None:
        """The identity whose key the client at an address has proven to have."""
        session = self._sessions.get(address)
        return None if session is None else session[0].engine.identity

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        """Send one datagram within the session with an address, if there is one."""
        session = self._sessions.get(to)
        if session is None or self._closed:
            self._note("unsent", to, length=len(data))
            return
        self._pass(session[0].write(data), to)

    def forget(self, address: Address) -> None:
        """Lose the session with an address without a word, as a server that was restarted."""
        self._sessions.pop(address, None)
        self._drop(address)

    def end(self, address: Address) -> None:
        """End the session with an address by close_notify."""
        session = self._sessions.pop(address, None)
        if session is not None:
            self._pass(session[0].close(), address)

    def close(self) -> None:
        """Forget everything without a word, and close the socket behind."""
        if not self._closed:
            self._closed = True
            for address in tuple(self._handshakes):
                self._drop(address)
            self._sessions.clear()
            self._socket.close()

    # Incoming

    def _received(self, data: bytes, sender: Address) -> None:
        if self._closed:
            return
        first = next(split(data), None)
        if first is None:
            self._note("malformed", sender, length=len(data))
        elif message(first) == CLIENT_HELLO:
            self._hello(first, data, sender)
        elif self._belongs_to_session(first, sender):
            self._in_session(data, sender)
        elif sender in self._handshakes:
            self._shake(self._handshakes[sender], data, sender)
        else:
            self._note("no_session", sender, length=len(data))

    def _belongs_to_session(self, first: bytes, sender: Address) -> bool:
        """Whether a datagram is for the session that stands and not for a handshake beside it."""
        if sender not in self._sessions:
            return False
        return sender not in self._handshakes or (epoch(first) == 1 and first[0] == APPLICATION_DATA)

    def _hello(self, first: bytes, data: bytes, sender: Address) -> None:
        """A client begins a handshake, or says so again."""
        random = client_random(first)
        if sender in self._sessions and self._sessions[sender][1] == random:
            return  # a duplicate that comes late
        handshake = self._handshakes.get(sender)
        if handshake is None or handshake.random != random:
            self._drop(sender)
            try:
                handshake = self._open(sender, random)
            except BackendError as problem:
                self._note("no_backend", sender, reason=str(problem))
                return
        self._shake(handshake, data, sender)

    def _open(self, sender: Address, random: bytes) -> _Handshake:
        if self._acceptor is None:
            self._acceptor = load(self._backend).server(self._keys, self._suites, None)
        while len(self._handshakes) >= MOST_HANDSHAKES:
            self._drop(next(iter(self._handshakes)))
        engine = self._acceptor.accept(host_port(sender).encode())
        handshake = _Handshake(Association(engine, self._timers, server=True), random)
        self._handshakes[sender] = handshake
        return handshake

    def _shake(self, handshake: _Handshake, data: bytes, sender: Address) -> None:
        association = handshake.association
        fed = association.feed(data, self._loop.time())
        self._pass(fed.datagrams, sender)
        self._watch(handshake, sender)
        for plaintext in fed.plaintexts:
            self.receiver(plaintext, sender)

    def _watch(self, handshake: _Handshake, sender: Address) -> None:
        """Follow up on what a call of the association changed."""
        handshake.stop()
        association = handshake.association
        if association.ended is not None:
            self._drop(sender)
            self._failed(sender, association)
        elif association.up:
            self._drop(sender)
            self._enter(sender, association, handshake.random)
        elif association.deadline is not None:
            handshake.timer = self._loop.call_at(association.deadline, self._due, handshake, sender)

    def _due(self, handshake: _Handshake, sender: Address) -> None:
        self._pass(handshake.association.step(self._loop.time()), sender)
        self._watch(handshake, sender)

    def _enter(self, sender: Address, association: Association, random: bytes) -> None:
        engine = association.engine
        self._sessions[sender] = association, random
        self._sessions.move_to_end(sender)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        fields = {"identity": engine.identity, "suite": str(engine.suite), "resumed": engine.resumed}
        self._note("session", sender, **fields)

    def _in_session(self, data: bytes, sender: Address) -> None:
        association = self._sessions[sender][0]
        fed = association.feed(data, self._loop.time())
        self._pass(fed.datagrams, sender)
        if association.ended is not None:
            self._sessions.pop(sender, None)
            self._note(
                "session_ended", sender, identity=association.engine.identity, cause=str(association.ended)
            )
        elif sender in self._sessions:
            self._sessions.move_to_end(sender)
        for plaintext in fed.plaintexts:
            self.receiver(plaintext, sender)

    # Outgoing

    def _pass(self, datagrams: list[bytes], to: Address) -> None:
        for data in datagrams:
            self._socket.send(data, to)

    def _drop(self, address: Address) -> None:
        handshake = self._handshakes.pop(address, None)
        if handshake is not None:
            handshake.stop()

    def _failed(self, sender: Address, association: Association) -> None:
        assert association.ended is not None
        identity = association.engine.identity
        self._note("handshake_failed", sender, identity=identity, cause=str(association.ended))
        if self._on_failure is not None:
            self._on_failure(sender, identity, association.ended)

    def _note(self, event: str, address: Address, **fields: Any) -> None:
        if self._trace is not None:
            self._trace.emit("dtls", event, server=self._name, peer=host_port(address), **fields)
