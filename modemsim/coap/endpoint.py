"""One CoAP endpoint on one datagram socket: aiocoap's codec, tokens and blocks on our message layer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

from aiocoap import Message, error
from aiocoap.numbers.codes import INTERNAL_SERVER_ERROR, NOT_FOUND
from aiocoap.pipe import Pipe
from aiocoap.protocol import BlockwiseRequest, Request
from aiocoap.tokenmanager import TokenManager

from modemsim.coap.codec import Peer
from modemsim.coap.datagram import Address, DatagramSocket, PlainSocket
from modemsim.coap.messages import MessageEvent, MessageLayer, Tuning
from modemsim.timing import Draws
from modemsim.trace import Trace

__all__ = [
    "Address",
    "DatagramSocket",
    "Endpoint",
    "MessageEvent",
    "Observation",
    "Peer",
    "PlainSocket",
    "Site",
    "Tuning",
]


class Site(Protocol):
    """What serves requests: an aiocoap `Site` or `Resource`, or anything that fills a pipe."""

    async def render_to_pipe(self, pipe: Any) -> None:
        """Answer `pipe.request` by `pipe.add_response(message, is_last=...)`, or raise an aiocoap error."""


class Observation:
    """A resource that this endpoint observes at a peer; every notification is handed over, none is merged.

    A notification counts by its token alone, so those without an Observe option (as Hi2115 modules send them)
    arrive like the others.
    """

    def __init__(
        self, request: Message, on_notification: Callable[[Message], None], end: Callable[[], None]
    ) -> None:
        self.request = request
        self.response: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.active = False
        self._on_notification = on_notification
        self._end = end
        self._withdraw: Callable[[], None] | None = None
        self.response.add_done_callback(_first_response_done(self))

    def ends(self, end: Callable[[], None]) -> None:
        """Replace what is done when the observation ends."""
        self._end = end

    def cancel(self) -> None:
        """Forget the observation without a word: the next notification is answered with RST."""
        self.active = False
        self._end()
        if self._withdraw is not None:
            self._withdraw()
        self.response.cancel()

    def sent(self, withdraw: Callable[[], None] | None) -> None:
        """Keep how the request is withdrawn."""
        self._withdraw = withdraw

    def received(self, message: Message) -> None:
        """Take the answer to the request, or a notification."""
        message.request = self.request
        successful = bool(message.code.is_successful())
        if not self.response.done():
            self.active = successful and message.opt.observe is not None
            if self._withdraw is not None:
                self._withdraw()
            self.response.set_result(message)
        else:
            self.active = successful
            self._on_notification(message)
        if not self.active:
            self._end()

    def failed(self, problem: Exception) -> None:
        """The request was reset, or nobody answered it, or the endpoint is closed."""
        self.active = False
        self._end()
        if not self.response.done():
            self.response.set_exception(problem)


def _first_response_done(observation: Observation) -> Callable[[asyncio.Future[Message]], None]:
    def done(future: asyncio.Future[Message]) -> None:
        if future.cancelled():
            if observation.active:
                observation.cancel()
        else:
            future.exception()

    return done


class Endpoint:
    """Requests to peers, and requests of peers served by `site`, on one socket.

    Message ids, tokens and acknowledgement jitter come from `stream` alone. `tuning` may be changed while the
    endpoint works and holds for every later (re)transmission.
    """

    def __init__(
        self,
        socket: DatagramSocket,
        site: Site | None,
        *,
        stream: Draws,
        tuning: Tuning | None = None,
        on_message: Callable[[MessageEvent], None] | None = None,
        trace: Trace | None = None,
        name: str = "coap",
        token_length: int = 4,
    ) -> None:
        self.site = site
        self.log = logging.getLogger(f"modemsim.{name}")
        self.loop = asyncio.get_running_loop()
        self._stream = stream
        self._token_length = token_length
        self._observations: dict[tuple[bytes, Peer], Observation] = {}
        self._context = _Context(self)
        self._tokens = TokenManager(self._context)
        self._messages = MessageLayer(
            socket,
            self,
            stream=stream,
            tuning=tuning or Tuning(),
            on_message=on_message,
            trace=trace,
        )
        self._tokens.token_interface = self._messages
        self._tokens.next_token = self._next_token
        self._socket = socket
        self._closed = False

    @property
    def local(self) -> Address:
        """The real local address of the socket."""
        return self._socket.local

    @property
    def tuning(self) -> Tuning:
        """The transmission parameters in force."""
        return self._messages.tuning

    @tuning.setter
    def tuning(self, tuning: Tuning) -> None:
        self._messages.tuning = tuning

    def take_message_id(self) -> int:
        """Use up a message id for a message that is never sent."""
        return self._messages.next_message_id()

    def ignore(self, requests: Callable[[Message], bool]) -> None:
        """Treat the requests for which this is true as lost: no answer, and none kept for duplicates."""
        self._messages.ignores = requests

    def hold_while(self, held: Callable[[], bool]) -> None:
        """Do not retransmit while this is true: the socket keeps datagrams until it has a connection."""
        self._messages.held = held

    def connected(self) -> None:
        """What the socket kept leaves now: count retransmissions from here."""
        self._messages.connected()

    def disconnected(self, problem: Exception) -> None:
        """The socket has lost what it kept: fail everything that waits for an acknowledgement."""
        self._messages.disconnected(problem)

    def peer(self, address: Address) -> Peer:
        """The aiocoap remote for an address, as the socket knows it."""
        return self._messages.peer(address)

    def request(self, message: Message, to: Address | Peer, *, rai: int = 0, blockwise: bool = True) -> Any:
        """Send a request; returns aiocoap's request object, whose `response` is a future.

        With `blockwise` a long body is sent and fetched in blocks (RFC 7959) and the first datagram leaves at
        the next turn of the loop; without it leaves at once, and `message.mid` is known. `rai` goes with the
        first datagram.
        """
        message.remote = to if isinstance(to, Peer) else self.peer(to)
        message.rai = rai
        request = BlockwiseRequest(self._context, message) if blockwise else self._context.request(message)
        request.response.add_done_callback(_retrieve)
        return request

    async def ask(
        self, message: Message, to: Address | Peer, *, rai: int = 0, blockwise: bool = True
    ) -> Message:
        """Send a request and wait for its response, whatever its code.

        Raises of `aiocoap.error`: `ConRetransmitsExceeded` (never acknowledged), `RequestTimedOut`
        (acknowledged but not answered), `MessageError` (reset) or `LibraryShutdown` (endpoint closed).
        """
        return await self.request(message, to, rai=rai, blockwise=blockwise).response

    def observe(
        self, message: Message, to: Address | Peer, on_notification: Callable[[Message], None]
    ) -> Observation:
        """Send a request with Observe 0; its answer is `Observation.response`, what follows is handed over.

        `on_notification` is called for each notification in the order of arrival, without filtering by the
        Observe value. An answer without Observe option or a failure ends the observation.
        """
        message.remote = to if isinstance(to, Peer) else self.peer(to)
        message.token = self._next_token()
        message.opt.observe = 0
        return self._observing(message, on_notification)

    def unobserve(self, observation: Observation) -> Observation:
        """Tell the peer that the observation is over: the same request with Observe 1 (RFC 7641 3.6).

        Token and all other options are those of the request that began it. On this side it is over at once;
        the `response` of the result is the answer.
        """
        observation.cancel()
        message = observation.request.copy(observe=1, mid=None)
        return self._observing(message, lambda late: None)

    def _observing(self, message: Message, on_notification: Callable[[Message], None]) -> Observation:
        key = (message.token, message.remote)
        observation = Observation(message, on_notification, lambda: _drop(self._observations, key))
        if self._closed:
            observation.failed(error.LibraryShutdown())
            return observation
        self._observations[key] = observation
        reset = error.MessageError
        observation.sent(self._messages.send_message(message, lambda: observation.failed(reset())))
        return observation

    def follow(self, observation: Observation, to: Address) -> None:
        """Take the notifications of an observation from another address: its peer has moved."""
        asked = observation.request
        before, after = (asked.token, asked.remote), (asked.token, self.peer(to))
        if self._observations.get(before) is observation:
            del self._observations[before]
            self._observations[after] = observation
            asked.remote = after[1]
            observation.ends(lambda: _drop(self._observations, after))

    def close(self) -> None:
        """Forget everything at once without a word to anybody, and close the socket.

        Requests under way fail with `LibraryShutdown`; requests being served are abandoned.
        """
        if self._closed:
            return
        self._closed = True
        self._messages.close()
        for _, stop in tuple(self._tokens.incoming_requests.values()):
            stop()
        for pipe in tuple(self._tokens.outgoing_requests.values()):
            with contextlib.suppress(asyncio.InvalidStateError):  # cancelled by its user in this very turn
                pipe.add_exception(error.LibraryShutdown())
        self._tokens.outgoing_requests = None
        for observation in tuple(self._observations.values()):
            observation.failed(error.LibraryShutdown())

    # From the message layer

    def request_received(self, message: Message) -> None:
        """Serve a request."""
        self._tokens.process_request(message)

    def response_received(self, message: Message) -> bool:
        """Give a response to whoever waits for it; False when nobody does."""
        observation = self._observations.get((message.token, message.remote))
        if observation is None:
            try:
                return bool(self._tokens.process_response(message))
            except asyncio.InvalidStateError:
                return True  # its user has cancelled the request in this very turn
        observation.received(message)
        return True

    def request_failed(self, message: Message, problem: Exception) -> None:
        """Fail the one request that was not answered, and nothing else."""
        key = (message.token, message.remote)
        if key in self._observations:
            self._observations[key].failed(problem)
        elif self._tokens.outgoing_requests and key in self._tokens.outgoing_requests:
            self._tokens.outgoing_requests[key].add_exception(problem)

    # For aiocoap

    def send(self, pipe: Any) -> None:
        """Start the request of a pipe, or fail it when the endpoint is closed."""
        self._tokens.request(pipe)

    async def serve(self, pipe: Any) -> None:
        """Have the site answer a request; errors become the answer that RFC 7252 has for them."""
        try:
            if self.site is None:
                pipe.add_response(Message(code=NOT_FOUND), is_last=True)
            else:
                await self.site.render_to_pipe(pipe)
        except error.RenderableError as problem:
            pipe.add_response(problem.to_message(), is_last=True)
        except Exception:
            self.log.exception("a resource failed to answer %r", pipe.request)
            pipe.add_response(Message(code=INTERNAL_SERVER_ERROR), is_last=True)

    def _next_token(self) -> bytes:
        return self._stream.getrandbits(8 * self._token_length).to_bytes(self._token_length, "big")


class _Context:
    """The part of aiocoap's Context that its token manager and block transfer need."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.log = endpoint.log
        self.loop = endpoint.loop
        self._endpoint = endpoint

    def request(self, message: Message, handle_blockwise: bool = False) -> Any:
        """Send one request as it is."""
        pipe = Pipe(message, self.log)
        request = Request(pipe, self.loop, self.log)
        request.response.add_done_callback(_retrieve)
        self._endpoint.send(pipe)
        return request

    async def find_remote_and_interface(self, message: Message) -> None:
        """Every message here already carries its remote."""

    def render_to_pipe(self, pipe: Any) -> None:
        """Serve a request in a task, which ends early when the peer loses interest."""
        task = self.loop.create_task(self._endpoint.serve(pipe))

        def lost_interest() -> None:
            if asyncio.current_task() is not task:
                task.cancel()

        pipe.on_interest_end(lost_interest)


def _retrieve(future: asyncio.Future[Message]) -> None:
    """Mark a failure as seen, so that a request that nobody awaits may fail in peace."""
    if not future.cancelled():
        future.exception()


def _drop(kept: dict[tuple[bytes, Peer], Observation], key: tuple[bytes, Peer]) -> None:
    kept.pop(key, None)
