"""Requests that the module's host answers: held open until it does, however long it takes.

The message layer acknowledges a request that waits (RFC 7252 5.2.2), so a late answer goes out as a separate
response. A request that the host never answers is never answered: nothing is said in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiocoap import Message
from aiocoap.numbers.codes import CONTENT, Code
from aiocoap.numbers.types import ACK, CON

from modemsim.coap.blockwise import BlockTransfers
from modemsim.coap.endpoint import MessageEvent
from modemsim.lwm2m import content, tlv, values
from modemsim.lwm2m.model import Kind, ObjectInstance, ObjectModel, Operation, Path, Refusal, Resource, Value
from modemsim.lwm2m.observations import Observations
from modemsim.lwm2m.tree import Target

_SILENT = 26
"""No-Response option that suppresses every class (RFC 7967): a request is forgotten without a word."""

_FORMATS = (None, content.TEXT, content.OPAQUE, content.TLV, content.TLV_OLD)


class Asked(StrEnum):
    """What the server asks the host."""

    OBSERVE = "observe"
    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True)
class ResourceValue:
    """The value of one resource with its type, as it goes to or comes from the host."""

    resource: int
    kind: Kind
    value: Value


@dataclass(frozen=True, slots=True)
class HostedRequest:
    """One request as the host hears of it; `path` names an instance or a resource."""

    asked: Asked
    message_id: int
    path: Path
    cancel: bool = False
    written: tuple[ResourceValue, ...] = ()
    arguments: bytes = b""


@dataclass(eq=False, slots=True)
class _Pending:
    """A request that waits for its answer, and the octets of the answer's format."""

    request: HostedRequest
    accept: int | None
    answer: asyncio.Future[Message] = field(repr=False)


def custom_instance(object_id: int, instance_id: int, resources: Iterable[int]) -> ObjectInstance:
    """An instance of an object that only the host knows: every operation is the host's business."""
    declared = {rid: Resource(rid, f"Resource {rid}", "RWE", Kind.OPAQUE) for rid in resources}
    model = ObjectModel(object_id, f"Object {object_id}", "1.0", True, declared)
    return ObjectInstance(model, instance_id, dict.fromkeys(declared, b""), hosted=True)


def encode(path: Path, given: tuple[ResourceValue, ...], accept: int | None) -> tuple[bytes, int]:
    """Payload and content format of the host's values; raises ValueError when they do not fit the path."""
    if len(path) == 3 and len(given) == 1 and accept not in (content.TLV, content.TLV_OLD):
        one = given[0]
        if accept == content.OPAQUE or (accept is None and one.kind is Kind.OPAQUE):
            octets = one.value if isinstance(one.value, bytes) else values.format_text(one.kind, one.value)
            return (octets if isinstance(octets, bytes) else octets.encode()), content.OPAQUE
        return values.format_text(one.kind, one.value).encode(), content.TEXT
    if len(path) == 3 and [one.resource for one in given] != [path[2]]:
        raise ValueError("one value for one resource")
    records = (
        tlv.Record(tlv.Level.RESOURCE, one.resource, values.format_octets(one.kind, one.value))
        for one in given
    )
    return tlv.encode(records), accept if accept == content.TLV_OLD else content.TLV


class HostedRequests:
    """The requests of one server that wait for the host.

    `publish` hears "lwm2m.asked" (request), "lwm2m.asked_again" (request: the server repeats it because
    nothing acknowledges it) and "lwm2m.answered" (request, outcome: "sent", "ack", "rst" or "timeout").
    """

    def __init__(
        self, observations: Observations, blocks: BlockTransfers, publish: Callable[..., None]
    ) -> None:
        self._observations = observations
        self._blocks = blocks
        self._publish = publish
        self._pending: dict[int, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def find(self, message_id: int) -> HostedRequest | None:
        """The request that waits under this message id."""
        pending = self._pending.get(message_id)
        return None if pending is None else pending.request

    def answer(self, message_id: int, code: Code, given: tuple[ResourceValue, ...] = ()) -> None:
        """Give the host's answer; LookupError for an unknown id, ValueError for values that do not fit."""
        pending = self._pending.get(message_id)
        if pending is None or pending.answer.done():
            raise LookupError(f"no request {message_id} waits")
        message = Message(code=code)
        if code == CONTENT:
            message.payload, message.opt.content_format = encode(pending.request.path, given, pending.accept)
        message.answers = pending.request
        del self._pending[message_id]
        pending.answer.set_result(message)

    def clear(self) -> None:
        """Forget every request without a word, as a registration that ends does."""
        for pending in tuple(self._pending.values()):
            pending.answer.cancel()
        self._pending.clear()

    async def serve(self, pipe: Any, target: Target, operation: Operation, lifetime: float) -> None:
        """Hold one request open until the host has answered; `lifetime` is how long its message id means it.

        Raises Refusal for what the module itself refuses before the host hears of it.
        """
        request = pipe.request
        interim = None if operation is Operation.OBSERVE else self._blocks.interim(request)
        if interim is not None:
            pipe.add_response(interim, is_last=True)
            return
        pending = _Pending(
            _asked(request, target, operation),
            request.opt.accept,
            asyncio.get_running_loop().create_future(),
        )
        self._pending[request.mid] = pending
        self._publish("lwm2m.asked", request=pending.request)
        try:
            async with asyncio.timeout(lifetime):
                answer = await pending.answer
        except TimeoutError:
            pipe.add_response(Message(code=Code.GATEWAY_TIMEOUT, no_response=_SILENT), is_last=True)
            return
        finally:
            if self._pending.get(request.mid) is pending:
                del self._pending[request.mid]
        if operation is Operation.OBSERVE and answer.code == CONTENT:
            self._observations.begin(pipe, target, request.opt.accept, answer)
        else:
            pipe.add_response(self._finished(request, answer), is_last=True)

    def happened(self, event: MessageEvent) -> None:
        """What became of an answer, and repetitions of a request that nothing has acknowledged."""
        message = event.message
        if event.kind == "rx":
            pending = self._pending.get(event.message_id)
            if pending is not None and message.mtype is CON and message.code.is_request():
                self._publish("lwm2m.asked_again", request=pending.request)
            return
        answered: HostedRequest | None = getattr(message, "answers", None)
        if answered is None:
            return
        if event.kind == "tx" and (message.mtype is ACK or message.mtype is not CON):
            self._publish("lwm2m.answered", request=answered, outcome="sent")
        elif event.kind in ("ack", "rst", "timeout"):
            if event.kind != "ack" and answered.asked is Asked.OBSERVE and not answered.cancel:
                self._observations.lost(answered.path)
            self._publish("lwm2m.answered", request=answered, outcome=event.kind)

    def _finished(self, request: Message, answer: Message) -> Message:
        finished = self._blocks.finish(request, answer)
        finished.answers = answer.answers
        return finished


def _asked(request: Message, target: Target, operation: Operation) -> HostedRequest:
    """A request in the words of the host; raises Refusal for one that no host could be asked."""
    if len(target.path) < 2 or (operation is Operation.EXECUTE and len(target.path) != 3):
        raise Refusal(Code.METHOD_NOT_ALLOWED)
    if operation in (Operation.READ, Operation.OBSERVE):
        accept = request.opt.accept
        single = (content.TEXT, content.OPAQUE)
        if accept not in _FORMATS or (len(target.path) == 2 and accept in single):
            raise Refusal(Code.NOT_ACCEPTABLE)
        cancel = request.opt.observe == 1
        asked = Asked.OBSERVE if cancel or operation is Operation.OBSERVE else Asked.READ
        return HostedRequest(asked, request.mid, target.path, cancel)
    if operation is Operation.EXECUTE:
        return HostedRequest(Asked.EXECUTE, request.mid, target.path, arguments=request.payload)
    try:
        written = _written(request, target)
    except ValueError:
        raise Refusal(Code.BAD_REQUEST) from None
    return HostedRequest(Asked.WRITE, request.mid, target.path, written=written)


def _written(request: Message, target: Target) -> tuple[ResourceValue, ...]:
    """The values of a write: text as text, TLV record by record, everything else as octets."""
    content_format, payload = request.opt.content_format, request.payload
    if content_format in (content.TLV, content.TLV_OLD):
        parsed = content.parse_instance(target.instances[0], content_format, payload)
        if not parsed or (target.resource is not None and set(parsed) != {target.resource.id}):
            raise ValueError("not the records of this path")
        octets = ((rid, value) for rid, value in parsed.items() if isinstance(value, bytes))
        return tuple(ResourceValue(rid, Kind.OPAQUE, value) for rid, value in octets)
    if target.resource is None:
        raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT)
    if content_format == content.TEXT:
        return (ResourceValue(target.resource.id, Kind.STRING, payload.decode()),)
    return (ResourceValue(target.resource.id, Kind.OPAQUE, payload),)
