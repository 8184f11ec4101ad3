"""The message layer of CoAP (RFC 7252 section 4): message ids, acknowledgement, retransmission, duplicates.

It stands in for aiocoap's MessageManager below aiocoap's tokens. Unlike the stock one it reports what became
of each message id, honours RST to a NON, ends only the exchange that timed out, stops what was cancelled,
keeps the order of messages that wait, and takes every random value from the stream it was given.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from aiocoap import Message, error
from aiocoap.numbers.codes import EMPTY
from aiocoap.numbers.types import ACK, CON, NON, RST

from modemsim.coap.codec import Malformed, Peer, decode, describe
from modemsim.coap.datagram import Address, DatagramSocket
from modemsim.coap.recent import Recent
from modemsim.timing import Draws
from modemsim.trace import Trace

MAX_LATENCY = 100.0
"""Seconds a datagram may be under way (RFC 7252 4.8.2)."""

EMPTY_ACK_DELAY = 0.1
"""Seconds a request may be worked on before it is acknowledged separately (RFC 7252 5.2.2)."""


@dataclass(frozen=True)
class Tuning:
    """Transmission parameters, RFC 7252 section 4.8; times in seconds."""

    ack_timeout: float = 2.0
    ack_random_factor: float = 1.5
    max_retransmit: int = 4
    nstart: int = 1
    """Confirmable messages to one peer that may wait for their acknowledgement at the same time."""
    empty_ack_delay: float | None = EMPTY_ACK_DELAY
    """When a request that is still worked on is acknowledged by itself; None: never, its response does it."""

    @property
    def max_transmit_wait(self) -> float:
        """From the first transmission of a confirmable message until it is given up, at the longest."""
        return self.ack_timeout * float(2 ** (self.max_retransmit + 1) - 1) * self.ack_random_factor

    @property
    def exchange_lifetime(self) -> float:
        """How long a message id of a confirmable message must not be used for another message."""
        span = self.ack_timeout * float(2**self.max_retransmit - 1) * self.ack_random_factor
        return span + 2 * MAX_LATENCY + self.ack_timeout


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """What happened to a message: `message` is the received one for "rx" and the sent one otherwise."""

    kind: Literal["tx", "retx", "rx", "ack", "rst", "timeout"]
    message_id: int
    message: Message
    remote: Address


class Upward(Protocol):
    """Where the message layer hands requests, responses and failures."""

    def request_received(self, message: Message) -> None:
        """Serve a request."""

    def response_received(self, message: Message) -> bool:
        """Take a response; False when nobody waits for it."""
        ...

    def request_failed(self, message: Message, problem: Exception) -> None:
        """Give up a request that nobody answered."""


@dataclass(eq=False, slots=True)
class _Exchange:
    """A message of ours under way: its octets, who wants to know of a reset, and its retransmission."""

    message: Message
    data: bytes
    monitor: Callable[[], None]
    interval: float = 0.0
    retransmissions: int = 0
    timer: asyncio.TimerHandle | None = None

    @property
    def key(self) -> tuple[Peer, int]:
        """What an acknowledgement or reset of it refers to."""
        return self.message.remote, self.message.mid

    def stop(self) -> None:
        """Cancel the timer."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(eq=False, slots=True)
class _Lane:
    """The order of messages to one peer: how many are unacknowledged, and what waits behind them."""

    active: int = 0
    waiting: deque[_Exchange] = field(default_factory=deque)


class MessageLayer:
    """Sends and receives messages on one socket; `tuning` may be changed at any time."""

    def __init__(
        self,
        socket: DatagramSocket,
        upward: Upward,
        *,
        stream: Draws,
        tuning: Tuning,
        on_message: Callable[[MessageEvent], None] | None,
        trace: Trace | None,
    ) -> None:
        self.tuning = tuning
        self.ignores: Callable[[Message], bool] = lambda request: False
        """Requests that are treated as if the datagram had been lost, so that the peer sends them again."""
        self.held: Callable[[], bool] = lambda: False
        """Whether what is sent waits for a connection; nothing is retransmitted meanwhile."""
        self._socket = socket
        self._upward = upward
        self._stream = stream
        self._on_message = on_message
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._message_id = stream.getrandbits(16)
        self._exchanges: dict[tuple[Peer, int], _Exchange] = {}
        self._lanes: dict[Peer, _Lane] = {}
        self._expecting: set[_Exchange] = set()
        self._unconfirmed: Recent[tuple[Peer, int], _Exchange] = Recent(self._loop.time)
        self._replies: Recent[tuple[Peer, int], bytes | None] = Recent(self._loop.time)
        self._unanswered: dict[tuple[Peer, bytes], tuple[int, asyncio.TimerHandle]] = {}
        self._open = True
        socket.receiver = self.received

    def peer(self, address: Address) -> Peer:
        """The remote that stands for an address."""
        return Peer(address, self._local)

    def _local(self) -> Address:
        return self._socket.local

    def close(self) -> None:
        """Forget every exchange, cancel every timer and close the socket."""
        self._open = False
        for exchange in (*self._exchanges.values(), *self._expecting):
            exchange.stop()
        for _, timer in self._unanswered.values():
            timer.cancel()
        for kept in (self._exchanges, self._expecting, self._lanes, self._unanswered):
            kept.clear()
        self._unconfirmed.clear()
        self._replies.clear()
        self._socket.close()

    # Outgoing

    def send_message(self, message: Message, monitor: Callable[[], None]) -> Callable[[], None] | None:
        """Send a request or a response; `monitor` is called when the peer resets it.

        Returns the function that withdraws it: no (further) transmission. This is the interface to aiocoap's
        token manager.
        """
        if not self._open:
            return None
        if message.code.is_response() and self._acknowledge_with(message):
            return None
        message.mtype = self._type_of(message)
        message.mid = self.next_message_id()
        exchange = _Exchange(message, message.encode(), monitor)
        lane = self._lanes.setdefault(message.remote, _Lane())
        if lane.waiting or (message.mtype is CON and lane.active >= self.tuning.nstart):
            lane.waiting.append(exchange)
        else:
            self._start(exchange, lane)
        return lambda: self._withdraw(exchange)

    def _acknowledge_with(self, message: Message) -> bool:
        """Send a response within the acknowledgement of its request, or drop it (RFC 7967); True if done."""
        unwanted = bool((message.opt.no_response or 0) & 1 << (message.code.class_ - 1))
        message.opt.no_response = None
        message_id, timer = self._unanswered.pop((message.remote, message.token), (None, None))
        if message_id is None or timer is None:
            return unwanted
        timer.cancel()
        if unwanted:
            self._send_empty(ACK, message_id, message.remote)
        else:
            message.mtype, message.mid = ACK, message_id
            self._reply(message)
        return True

    def _type_of(self, message: Message) -> Any:
        reliability = message.transport_tuning.reliability
        if reliability is None:
            reliability = message.request is None or message.request.mtype is not NON
        return CON if reliability else NON

    def next_message_id(self) -> int:
        """The id of the next message; one that is taken is not used again for long."""
        self._message_id = (self._message_id + 1) & 0xFFFF
        return self._message_id

    def _start(self, exchange: _Exchange, lane: _Lane) -> None:
        message = exchange.message
        if message.mtype is CON:
            lane.active += 1
            self._exchanges[exchange.key] = exchange
            self._await_acknowledgement(exchange)
        else:
            self._unconfirmed.add(exchange.key, exchange, self.tuning.exchange_lifetime)
            if message.code.is_request():
                self._expect_response(exchange)
        self._transmit(message, exchange.data, "tx")
        self._tidy(message.remote, lane)

    def connected(self) -> None:
        """What waited for the connection leaves now: its time of retransmission begins."""
        for exchange in self._exchanges.values():
            exchange.stop()
            exchange.retransmissions = 0
            self._await_acknowledgement(exchange)

    def disconnected(self, problem: Exception) -> None:
        """No connection can be made: everything that waits for an acknowledgement has failed."""
        for exchange in tuple(self._exchanges.values()):
            if self._exchanges.get(exchange.key) is exchange:
                self._fail(exchange, problem)

    def _await_acknowledgement(self, exchange: _Exchange) -> None:
        spread = self.tuning.ack_random_factor
        factor = self._stream.uniform(1.0, spread) if spread > 1 else 1.0
        exchange.interval = self.tuning.ack_timeout * factor
        exchange.timer = self._loop.call_later(exchange.interval, self._expired, exchange)

    def _expired(self, exchange: _Exchange) -> None:
        if self.held():
            exchange.timer = self._loop.call_later(exchange.interval, self._expired, exchange)
            return
        if exchange.retransmissions < self.tuning.max_retransmit:
            exchange.retransmissions += 1
            exchange.interval *= 2
            exchange.timer = self._loop.call_later(exchange.interval, self._expired, exchange)
            self._transmit(exchange.message, exchange.data, "retx")
            return
        self._fail(exchange, error.ConRetransmitsExceeded("no acknowledgement"))

    def _fail(self, exchange: _Exchange, problem: Exception) -> None:
        self._end(exchange, "timeout")
        if exchange.message.code.is_request():
            self._upward.request_failed(exchange.message, problem)

    def _expect_response(self, exchange: _Exchange) -> None:
        """Nothing more is sent for a request; give it up when no response comes in MAX_TRANSMIT_WAIT."""
        exchange.stop()
        self._expecting.add(exchange)
        exchange.timer = self._loop.call_later(self.tuning.max_transmit_wait, self._no_response, exchange)

    def _no_response(self, exchange: _Exchange) -> None:
        self._expecting.discard(exchange)
        self._upward.request_failed(exchange.message, error.RequestTimedOut("no response"))

    def _end(self, exchange: _Exchange, kind: Literal["ack", "rst", "timeout"]) -> None:
        """Close a confirmable exchange, report it, and let go what waited behind it."""
        del self._exchanges[exchange.key]
        if exchange not in self._expecting:
            exchange.stop()
        self._event(kind, exchange.message)
        self._advance(exchange.message.remote)

    def _advance(self, peer: Peer) -> None:
        lane = self._lanes.get(peer)
        if lane is None:
            return  # closed by whoever was told of the end
        lane.active -= 1
        while lane.waiting and (lane.waiting[0].message.mtype is NON or lane.active < self.tuning.nstart):
            self._start(lane.waiting.popleft(), lane)
        self._tidy(peer, lane)

    def _tidy(self, peer: Peer, lane: _Lane) -> None:
        if not lane.active and not lane.waiting:
            self._lanes.pop(peer, None)

    def _withdraw(self, exchange: _Exchange) -> None:
        exchange.stop()
        self._expecting.discard(exchange)
        peer = exchange.message.remote
        if self._exchanges.get(exchange.key) is exchange:
            del self._exchanges[exchange.key]
            self._advance(peer)
        elif peer in self._lanes and exchange in self._lanes[peer].waiting:
            self._lanes[peer].waiting.remove(exchange)

    def _send_empty(self, mtype: Any, message_id: int, peer: Peer) -> None:
        message = Message(code=EMPTY, _mtype=mtype, _mid=message_id)
        message.remote = peer
        self._reply(message)

    def _reply(self, message: Message) -> None:
        """Send an ACK or RST, and keep it for duplicates of what it answers."""
        data = message.encode()
        self._replies.update((message.remote, message.mid), data)
        self._transmit(message, data, "tx")

    def _transmit(self, message: Message, data: bytes, kind: Literal["tx", "retx"]) -> None:
        if not self._open:
            return
        if self._trace is not None:
            self._trace.emit("coap", "tx", **describe(message), length=len(data), data=data)
        self._socket.send(data, message.remote.address, getattr(message, "rai", 0))
        self._event(kind, message)

    def _event(self, kind: Literal["tx", "retx", "rx", "ack", "rst", "timeout"], message: Message) -> None:
        if self._on_message is not None:
            self._on_message(MessageEvent(kind, message.mid, message, message.remote.address))

    # Incoming

    def received(self, data: bytes, sender: Address) -> None:
        """Take one datagram; what is no message is traced, and reset where RFC 7252 4.2 wants it."""
        if not self._open:
            return
        peer = self.peer(sender)
        try:
            message = decode(data, peer)
        except Malformed as problem:
            if self._trace is not None:
                fields = {"reason": str(problem), "length": len(data), "data": data}
                self._trace.emit("coap", "malformed", peer=peer.hostinfo, **fields)
            if problem.reset is not None:
                self._send_empty(RST, problem.reset, peer)
            return
        if self._trace is not None:
            self._trace.emit("coap", "rx", **describe(message), length=len(data), data=data)
        self._event("rx", message)
        if not self._open:
            return  # by whoever was told of the message
        if message.mtype in (ACK, RST):
            self._settle(message)
        elif message.code.is_request() and self.ignores(message):
            return
        elif not self._is_duplicate(message):
            self._accept(message)

    def _settle(self, message: Message) -> None:
        key = (message.remote, message.mid)
        exchange = self._exchanges.get(key)
        if message.mtype is RST:
            unconfirmed = self._unconfirmed.take(key) if exchange is None else None
            if exchange is not None:
                self._end(exchange, "rst")
                exchange.monitor()
            elif unconfirmed is not None:
                self._event("rst", unconfirmed.message)
                unconfirmed.monitor()
            return
        if exchange is None:
            return
        if message.code == EMPTY and exchange.message.code.is_request():
            self._expect_response(exchange)
        self._end(exchange, "ack")
        if message.code.is_response():
            self._upward.response_received(message)

    def _is_duplicate(self, message: Message) -> bool:
        """Whether the message was received before; a confirmable one gets the same reply again."""
        key = (message.remote, message.mid)
        if key not in self._replies:
            self._replies.add(key, None, self.tuning.exchange_lifetime)
            return False
        reply = self._replies.get(key)
        if reply is not None and message.mtype is CON:
            self._transmit(decode(reply, message.remote), reply, "retx")
        return True

    def _accept(self, message: Message) -> None:
        if message.code == EMPTY:
            if message.mtype is CON:
                self._send_empty(RST, message.mid, message.remote)  # a ping, RFC 7252 4.3
        elif message.code.is_request():
            if message.mtype is CON:
                self._acknowledge_later(message)
            self._upward.request_received(message)
        elif not self._upward.response_received(message):
            self._send_empty(RST, message.mid, message.remote)
        elif message.mtype is CON:
            self._send_empty(ACK, message.mid, message.remote)

    def _acknowledge_later(self, request: Message) -> None:
        key = (request.remote, request.token)
        if key in self._unanswered:
            self._unanswered.pop(key)[1].cancel()
        delay = self.tuning.empty_ack_delay
        if delay is None:
            timer = self._loop.call_later(self.tuning.exchange_lifetime, self._unanswered.pop, key, None)
        else:
            timer = self._loop.call_later(min(delay, self.tuning.ack_timeout), self._late, key)
        self._unanswered[key] = (request.mid, timer)

    def _late(self, key: tuple[Peer, bytes]) -> None:
        message_id, _ = self._unanswered.pop(key)
        self._send_empty(ACK, message_id, key[0])
