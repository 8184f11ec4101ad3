"""The LwM2M client of a module: registration, its upkeep, and the reports of what the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiocoap import Message, error
from aiocoap.numbers.codes import CHANGED, CREATED, DELETE, DELETED, GET, POST
from aiocoap.numbers.types import CON

from modemsim.coap import blockwise
from modemsim.coap.blockwise import BlockTransfers
from modemsim.coap.endpoint import Address, DatagramSocket, Endpoint, MessageEvent, Tuning
from modemsim.lwm2m import content
from modemsim.lwm2m.account import ACCOUNT, complete
from modemsim.lwm2m.attributes import AttributeStore
from modemsim.lwm2m.connection import Secured
from modemsim.lwm2m.hosted import HostedRequests, ResourceValue, encode
from modemsim.lwm2m.model import Path
from modemsim.lwm2m.observations import Observations
from modemsim.lwm2m.outcome import Outcome, outcome_of
from modemsim.lwm2m.policy import Policy
from modemsim.lwm2m.service import DeviceManagement
from modemsim.lwm2m.states import ClientState, Event, follow
from modemsim.lwm2m.tree import ObjectTree
from modemsim.timing import Draws
from modemsim.trace import Trace

_REGISTRATION = ("rd",)


class Client:
    """One client on one socket for one server.

    `publish` hears of everything the module may have to tell its host: "lwm2m.state" (state, reason),
    "lwm2m.updated" (automatic, message_id), "lwm2m.update_failed" (automatic, message_id, reason),
    "lwm2m.observed" (path, active, cause), "lwm2m.report" (path, message_id, outcome, confirmable),
    "lwm2m.written" (path, value, message_id), "lwm2m.executed" (path, arguments), "lwm2m.disabled" (seconds)
    and what `HostedRequests` publishes. `lifetime` is in seconds; 0: none is told and nothing is updated.
    `update_id` is the message id of the update sent last.
    """

    def __init__(
        self,
        *,
        name: str,
        server: Address,
        lifetime: int,
        socket: DatagramSocket,
        objects: ObjectTree,
        policy: Policy,
        tuning: Tuning,
        stream: Draws,
        publish: Callable[..., None],
        trace: Trace | None,
    ) -> None:
        self.name = name
        self.server = server
        self.lifetime = lifetime
        self.binding = policy.binding
        self.state = ClientState.IDLE
        self.secured: Secured | None = None
        """The connection, where it is secured."""
        self.update_id: int | None = None
        self._location: tuple[str, ...] | None = None
        self._objects = objects
        self._policy = policy
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[bool]] = set()
        self._closed = False
        self._attributes = AttributeStore()
        blocks = BlockTransfers(self._loop.time)
        self._observations = Observations(objects, self._attributes, blocks, policy, publish)
        self.hosted = HostedRequests(self._observations, blocks, publish)
        self._accepted = False
        self._endpoint = self._open(socket, blocks, tuning, stream, trace)
        self._endpoint.ignore(self._too_early)
        self._complete_server_object()

    def _open(
        self,
        socket: DatagramSocket,
        blocks: BlockTransfers,
        tuning: Tuning,
        stream: Draws,
        trace: Trace | None,
    ) -> Endpoint:
        site = DeviceManagement(
            self._objects,
            self._observations,
            self._attributes,
            blocks,
            self._policy,
            self._publish,
            self._admits,
            self.hosted,
            lambda: self.tuning.exchange_lifetime,
        )
        return Endpoint(
            socket, site, stream=stream, tuning=tuning, on_message=self._told, trace=trace, name="lwm2m"
        )

    def _told(self, event: MessageEvent) -> None:
        if event.kind == "rx" and event.message.code == CREATED:
            self._accepted = True
        self._observations.happened(event)
        if event.kind != "rx" or self.tuning.empty_ack_delay is None:
            self.hosted.happened(event)  # a repetition of what was acknowledged already is nobody's business

    @property
    def location(self) -> str | None:
        """The path of the registration, "/rd/5a3f"; None without one."""
        return None if self._location is None else "/" + "/".join(self._location)

    @property
    def updating(self) -> bool:
        """An update, or what follows when it fails, is under way."""
        return bool(self._tasks)

    @property
    def tuning(self) -> Tuning:
        """The CoAP transmission parameters; may be changed at any time (coverage)."""
        return self._endpoint.tuning

    @tuning.setter
    def tuning(self, tuning: Tuning) -> None:
        self._endpoint.tuning = tuning

    def hold_while(self, held: Callable[[], bool]) -> None:
        """Do not retransmit while this is true: the socket is making a connection."""
        self._endpoint.hold_while(held)

    def connected(self) -> None:
        """The socket has a connection: what waited for it leaves now."""
        self._endpoint.connected()

    def unsecured(self, reason: str) -> None:
        """No secured connection can be made: what waits for an answer has failed with this reason."""
        if not self._closed:
            self._endpoint.disconnected(error.NetworkError(reason))

    def observed(self, path: Path) -> bool:
        """Whether the server observes exactly this path."""
        return path in self._observations

    # Registration

    async def register(self) -> bool:
        """Register, or register anew; False when refused (REJECTED) or not answered (TIMEOUT).

        A registration that fails is not tried again by itself. Raises InvalidTransition while registering or
        deregistering.
        """
        self._move(Event.REGISTER)
        self._accepted = False
        message = Message(code=POST, content_format=content.LINK, payload=self._payload())
        message.opt.uri_path = _REGISTRATION
        message.opt.uri_query = self._registration_query()
        outcome = await outcome_of(blockwise.ask(self._endpoint, message, self.server))
        if not self._is(ClientState.REGISTERING):
            return False
        if not outcome.has(CREATED):
            self._move(outcome.failure, outcome.reason)
            return False
        self._location = tuple(outcome.response.opt.location_path) if outcome.response else ()
        self._move(Event.ACCEPTED)
        self._plan_update()
        return True

    async def update(self, *, lifetime: int | None = None, binding: str | None = None) -> bool:
        """Update the registration, telling a lifetime or binding only when it changes; False when it failed.

        After a failure the client registers anew, if its policy says so, before this returns.
        """
        return await self._update(lifetime, binding, automatic=False)

    def begin_update(self, *, binding: str) -> int:
        """As `update`, in the background; returns the message id, under which the result is told."""
        message = self._update_message(None, binding)
        answer = self._endpoint.request(message, self.server, blockwise=False).response
        self._spawn(self._follow_update(message, answer, None, binding, automatic=False))
        return self._id_of(message)

    def refresh(self) -> None:
        """Update at once what the client updates by itself."""
        self._spawn_update(True)

    def take_message_id(self) -> int:
        """Use up a message id without a message."""
        return self._endpoint.take_message_id()

    async def deregister(self) -> bool:
        """Leave the server; False when not registered, or when the server did not confirm.

        The client is DEREGISTERED either way once the server has answered or failed to, unless its policy
        keeps a registration that nobody let go.
        """
        if not self._is(ClientState.REGISTERED):
            return False
        self._move(Event.DEREGISTER)
        self._cancel_timer()
        message = Message(code=DELETE)
        message.opt.uri_path = self._location or ()
        outcome = await outcome_of(blockwise.ask(self._endpoint, message, self.server))
        if not self._is(ClientState.DEREGISTERING):
            return False
        if outcome.failure is Event.UNANSWERED and self._policy.keep_on_unanswered_deregister:
            self._move(Event.UNANSWERED, outcome.reason)
            return False
        confirmed = outcome.has(DELETED)
        if self.secured is not None:
            self.secured.shutdown()
        self._move(Event.LEFT, None if confirmed else outcome.reason)
        return confirmed

    def close(self) -> None:
        """Drop everything at once, as when power or the session is lost: no traffic, no event."""
        if self._closed:
            return
        self._closed = True
        self.state = follow(self.state, Event.DROPPED)
        self._cancel_timer()
        self._forget()
        self._endpoint.close()
        for task in tuple(self._tasks):
            task.cancel()

    # Reporting

    def notify(self, path: Path, payload: bytes, *, confirmable: bool, rai: int = 0) -> int:
        """Send a payload as a notification (content format 42) of an observed path.

        Returns the message id, under which "lwm2m.report" tells what became of it; raises LookupError when
        the path is not observed. `rai` is the release assistance that goes with the datagram.
        """
        return self._observations.notify(path, payload, confirmable=confirmable, rai=rai)

    def notify_values(
        self, path: Path, given: tuple[ResourceValue, ...], *, confirmable: bool, rai: int
    ) -> int:
        """Send values of the host as a notification of an instance or resource, as `notify` does.

        Where only the instance is observed, a resource is told as a record of it.
        """
        observed = next((path[:length] for length in (3, 2) if self.observed(path[:length])), None)
        if observed is None:
            raise LookupError(f"/{'/'.join(map(str, path))} is not observed")
        payload, content_format = encode(observed, given, self._observations.accepts(observed))
        return self._observations.notify(
            observed, payload, confirmable=confirmable, rai=rai, content_format=content_format
        )

    def changed(self, path: Path) -> None:
        """Say that a value at or below a path changed: whoever observes it is told as its attributes ask."""
        self._observations.changed(path)

    def observed_with(self, path: Path) -> tuple[bytes, int | None] | None:
        """Token and Accept of the server's observation of exactly this path; None without one."""
        return self._observations.request_of(path)

    def resume(self, path: Path, token: bytes, accept: int | None) -> None:
        """Go on with an observation of before a restart: tell the present value under its token."""
        request: Any = Message(code=GET, uri_path=tuple(map(str, path)), observe=0)
        request.opt.accept = accept
        request.resumed = True
        request.token, request.remote, request.mtype = token, self._endpoint.peer(self.server), CON
        self._endpoint.request_received(request)

    # Inside

    def _admits(self, sender: Address) -> bool:
        """Only the server is served, and only while the client is registered."""
        return sender == self.server and self.state in (ClientState.REGISTERED, ClientState.DEREGISTERING)

    def _too_early(self, request: Message) -> bool:
        """The server may ask before its answer to the registration has arrived; it will ask again."""
        waiting = self.state is ClientState.REGISTERING and not self._accepted
        return waiting and request.remote.address == self.server

    def _is(self, state: ClientState) -> bool:
        """Whether the client is in a state now: it may have moved while something was awaited."""
        return self.state is state

    def _payload(self) -> bytes:
        links = self._objects.registration_links(self._policy.links)
        return ",".join(part for part in (self._policy.root, links) if part).encode()

    def _registration_query(self) -> list[str]:
        policy = self._policy
        query = [f"lwm2m={policy.version}", f"ep={self.name}", f"b={policy.binding_parameter(self.binding)}"]
        if policy.tells_queue_mode(self.binding):
            query.append("Q")
        if self.lifetime and policy.lifetime_in_register:
            query.append(f"lt={self.lifetime}")
        return query

    def _move(self, event: Event, reason: str | None = None) -> None:
        """Go to the state that the table has for an event, and tell."""
        self.state = follow(self.state, event)
        if self.state is not ClientState.REGISTERED:
            self._cancel_timer()
        if self.state not in (ClientState.REGISTERED, ClientState.DEREGISTERING):
            self._forget()
        self._publish("lwm2m.state", state=self.state, reason=reason)

    def _forget(self) -> None:
        """A registration ended: its location, observations and attributes with it."""
        self._location = None
        self._observations.clear()
        self._attributes.clear()
        self.hosted.clear()

    async def _update(self, lifetime: int | None, binding: str | None, *, automatic: bool) -> bool:
        if not self._is(ClientState.REGISTERED):
            return False
        message = self._update_message(lifetime, binding)
        answer = blockwise.ask(self._endpoint, message, self.server)
        return await self._follow_update(message, answer, lifetime, binding, automatic=automatic)

    def _update_message(self, lifetime: int | None, binding: str | None) -> Message:
        """An update of the registration that tells what changes."""
        message = Message(code=POST)
        message.opt.uri_path = self._location or ()
        changes = []
        if lifetime is not None and lifetime != self.lifetime:
            changes.append(f"lt={lifetime}")
        if binding is not None and binding != self.binding:
            changes.append(f"b={self._policy.binding_parameter(binding)}")
        message.opt.uri_query = changes
        return message

    async def _follow_update(
        self,
        message: Message,
        answer: Awaitable[Message],
        lifetime: int | None,
        binding: str | None,
        *,
        automatic: bool,
    ) -> bool:
        location = self._location
        outcome = await outcome_of(answer)
        self.update_id = self._id_of(message)
        if not self._is(ClientState.REGISTERED) or self._location != location:
            return False
        if outcome.has(CHANGED):
            self.lifetime = self.lifetime if lifetime is None else lifetime
            self.binding = self.binding if binding is None else binding
            self._plan_update()
            self._publish("lwm2m.updated", automatic=automatic, message_id=self._id_of(message))
            return True
        told = {"automatic": automatic, "message_id": self._id_of(message)}
        self._publish("lwm2m.update_failed", **told, reason=outcome.reason)
        await self._update_failed(outcome)
        return False

    async def _update_failed(self, outcome: Outcome) -> None:
        if not self._is(ClientState.REGISTERED):
            return
        if self._policy.reregister_on_failed_update:
            await self.register()
        elif self._policy.keep_on_failed_update:
            self._plan_update()
        else:
            self._move(outcome.failure, outcome.reason)

    def _plan_update(self) -> None:
        self._cancel_timer()
        if self.lifetime and self._policy.automatic_update:
            delay = self._policy.update_after(self.lifetime)
            self._timer = self._loop.call_later(delay, self._spawn_update, True)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _spawn_update(self, automatic: bool, lifetime: int | None = None, binding: str | None = None) -> None:
        if not self._closed:
            self._spawn(self._update(lifetime, binding, automatic=automatic))

    def _spawn(self, work: Coroutine[None, None, bool]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _id_of(self, message: Message) -> int:
        """The id a message was sent under."""
        message_id: int = message.mid
        return message_id

    def _complete_server_object(self) -> None:
        """Give object 1 what only the client knows: lifetime, binding, update trigger, disable."""
        try:
            server = self._objects.instance(*ACCOUNT)
        except KeyError:
            return
        complete(
            server,
            self._policy,
            lifetime=lambda: self.lifetime,
            binding=lambda: self.binding,
            update=lambda lifetime, binding: self._spawn_update(False, lifetime, binding),
            disabled=lambda seconds: self._publish("lwm2m.disabled", seconds=seconds),
        )
