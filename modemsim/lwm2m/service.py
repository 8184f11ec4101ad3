"""What a registered device answers: Read, Discover, Write, Write-Attributes, Execute and Observe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiocoap import Message
from aiocoap.numbers.codes import Code

from modemsim.coap.blockwise import LARGEST_EXPONENT, BlockTransfers
from modemsim.coap.endpoint import Address
from modemsim.lwm2m import content
from modemsim.lwm2m.attributes import AttributeStore
from modemsim.lwm2m.hosted import HostedRequests
from modemsim.lwm2m.model import ObjectInstance, Operation, Path, Refusal, Resource, Value, Values
from modemsim.lwm2m.observations import Observations
from modemsim.lwm2m.policy import Policy
from modemsim.lwm2m.tree import SECURITY, ObjectTree, Target

_UNDERSTOOD = {3, 7, 11, 15, 17, 23, 27}
"""Critical options: Uri-Host, Uri-Port, Uri-Path, Uri-Query, Accept, Block2, Block1."""

_LARGEST_ID = 65534


def _path(request: Message) -> Path:
    """The ids in Uri-Path; raises Refusal 4.04 for anything else, which no device has."""
    segments = request.opt.uri_path
    if not 1 <= len(segments) <= 3 or not all(s.isascii() and s.isdigit() and len(s) <= 5 for s in segments):
        raise Refusal(Code.NOT_FOUND)
    path = tuple(int(segment) for segment in segments)
    if max(path) > _LARGEST_ID:
        raise Refusal(Code.NOT_FOUND)
    return path


class DeviceManagement:
    """The site of an LwM2M client (OMA LwM2M 1.0, 5.4 and 5.5), for one server."""

    def __init__(
        self,
        tree: ObjectTree,
        observations: Observations,
        attributes: AttributeStore,
        blocks: BlockTransfers,
        policy: Policy,
        publish: Callable[..., None],
        admits: Callable[[Address], bool],
        hosted: HostedRequests,
        request_lifetime: Callable[[], float],
    ) -> None:
        self._tree = tree
        self._observations = observations
        self._attributes = attributes
        self._blocks = blocks
        self._policy = policy
        self._publish = publish
        self._admits = admits
        self._hosted = hosted
        self._request_lifetime = request_lifetime

    async def render_to_pipe(self, pipe: Any) -> None:
        """Answer one request; a request of a stranger is answered 4.01 and changes nothing."""
        request = pipe.request
        if not self._admits(request.remote.address):
            response = Message(code=Code.UNAUTHORIZED)
        elif (operation := self._for_host(request)) is not None:
            refused = await self._ask_host(pipe, operation)
            if refused is None:
                return
            response = refused
        elif request.code == Code.GET and request.opt.observe == 0:
            refused = self._observe(pipe)
            if refused is None:
                return
            response = refused
        elif (taken := self._part(request)) is not None:
            response = taken
        else:
            ended = self._observations.supersede(request, None)
            response = self._blocks.serve(request, lambda whole: self._answer(whole, ended))
        pipe.add_response(response, is_last=True)

    def _for_host(self, request: Message) -> Operation | None:
        """The operation that the module's host has to answer for; None when the module answers itself."""
        try:
            instances = self._tree.find(_path(request)).instances
        except (LookupError, Refusal):
            return None
        if not any(instance.hosted for instance in instances) or request.opt.uri_query:
            return None
        if request.code == Code.GET and request.opt.accept != content.LINK:
            return Operation.OBSERVE if request.opt.observe == 0 else Operation.READ
        if request.code == Code.POST and len(request.opt.uri_path) == 3:
            plain = request.opt.content_format in (None, content.TEXT)
            return Operation.EXECUTE if plain else Operation.WRITE
        return Operation.WRITE if request.code in (Code.PUT, Code.POST) else None

    async def _ask_host(self, pipe: Any, operation: Operation) -> Message | None:
        """Hand a request to the host; the response when the module refuses it itself."""
        self._observations.supersede(pipe.request, None)
        try:
            target = self._target(pipe.request, operation)
            await self._hosted.serve(pipe, target, operation, self._request_lifetime())
        except Refusal as refusal:
            return Message(code=refusal.code)
        return None

    def _observe(self, pipe: Any) -> Message | None:
        """Begin an observation; the response when it is refused."""
        request = pipe.request
        try:
            path = _path(request)
        except Refusal:
            path = None
        self._observations.supersede(request, path)
        try:
            target = self._target(request, Operation.OBSERVE)
            if target.resource is not None and not target.resource.readable:
                raise Refusal(Code.METHOD_NOT_ALLOWED)
            self._observations.begin(pipe, target, request.opt.accept)
        except Refusal as refusal:
            return Message(code=refusal.code)
        return None

    def _part(self, request: Message) -> Message | None:
        """The answer to a write, or a block of one, to a resource that is written in parts; else None."""
        if (
            request.code != Code.PUT
            or request.opt.uri_query
            or request.opt.content_format in content.TLV_FORMATS
        ):
            return None
        try:
            target = self._target(request, Operation.WRITE)
        except Refusal:
            return None
        resource = target.resource
        if resource is None or resource.id not in target.instances[0].on_part:
            return None
        block1 = request.opt.block1
        number, more, exponent = (0, False, 0) if block1 is None else block1
        try:
            if exponent > LARGEST_EXPONENT or (more and len(request.payload) != 1 << exponent + 4):
                raise Refusal(Code.BAD_REQUEST)
            target.instances[0].on_part[resource.id](number << exponent + 4, request.payload, bool(more))
        except Refusal as refusal:
            return Message(code=refusal.code)
        response: Any = Message(code=Code.CONTINUE if more else Code.CHANGED)
        if block1 is not None:
            response.opt.block1 = block1
        return response

    def _answer(self, request: Message, ended: bool) -> Message:
        """The response to a whole request that begins no observation."""
        try:
            if request.code == Code.GET and ended and _path(request) == self._policy.data_path:
                return self._observations.data_answer()
            if request.code == Code.GET:
                return self._get(request)
            if request.code == Code.PUT:
                return self._put(request)
            if request.code == Code.POST:
                return self._post(request)
            self._target(request, Operation.WRITE)
            raise Refusal(Code.METHOD_NOT_ALLOWED)
        except Refusal as refusal:
            return Message(code=refusal.code)

    def _target(self, request: Message, operation: Operation) -> Target:
        """What a request is about; raises Refusal 4.02, 4.04, or 4.01 where the operation is denied."""
        for option in request.opt.option_list():
            if option.number % 2 and option.number not in _UNDERSTOOD:
                raise Refusal(Code.BAD_OPTION)
        path = _path(request)
        if path[0] == SECURITY:
            raise Refusal(Code.UNAUTHORIZED)
        try:
            above = self._tree.find(path[:2])
        except LookupError:
            raise Refusal(Code.NOT_FOUND) from None
        if any(self._denied(instance, operation, path) for instance in above.instances):
            raise Refusal(Code.UNAUTHORIZED)
        try:
            return self._tree.find(path)
        except LookupError:
            raise Refusal(Code.NOT_FOUND) from None

    def _denied(self, instance: ObjectInstance, operation: Operation, path: Path) -> bool:
        """Whether an instance refuses an operation; to observe what cannot be read, it must be raw."""
        if operation in instance.denied:
            return True
        readable = Operation.READ not in instance.denied or (len(path) == 3 and path[2] in instance.raw)
        return operation is Operation.OBSERVE and not readable

    def _get(self, request: Message) -> Message:
        accept = request.opt.accept
        if accept == content.LINK:
            links = self._discover(self._target(request, Operation.DISCOVER))
            return Message(code=Code.CONTENT, payload=links.encode(), content_format=content.LINK)
        target = self._target(request, Operation.READ)
        if target.resource is not None and not target.resource.readable:
            raise Refusal(Code.METHOD_NOT_ALLOWED)
        chosen = content.choose(target, self._policy.understood(accept), self._policy.single_format)
        return Message(code=Code.CONTENT, payload=content.render(target, chosen), content_format=chosen)

    def _discover(self, target: Target) -> str:
        """The links at and below a path; one resource is shown with inherited attributes (5.4.2)."""
        if target.resource is not None:
            attributes = self._attributes.effective(target.path)
            return self._link(target.path, attributes.links(_dimension(target.instances[0], target.resource)))
        links = [self._link(target.path, self._attributes.own(target.path).links())]
        for instance in target.instances:
            if len(target.path) == 1:
                links.append(self._link(instance.path, self._attributes.own(instance.path).links()))
            for resource in instance.resources():
                path = (*instance.path, resource.id)
                links.append(
                    self._link(path, self._attributes.own(path).links(_dimension(instance, resource)))
                )
        return ",".join(links)

    def _link(self, path: Path, parameters: str) -> str:
        return f"</{'/'.join(map(str, path))}>{parameters}"

    def _put(self, request: Message) -> Message:
        if request.opt.uri_query:
            target = self._target(request, Operation.ATTRIBUTES)
            try:
                if request.payload:
                    raise ValueError("Write-Attributes has no payload")
                self._attributes.write(target, request.opt.uri_query)
            except ValueError:
                raise Refusal(Code.BAD_REQUEST) from None
            self._observations.replan()
            return Message(code=Code.CHANGED)
        return self._write(request, self._target(request, Operation.WRITE), replace=True)

    def _post(self, request: Message) -> Message:
        if len(request.opt.uri_path) == 3:
            target = self._target(request, Operation.EXECUTE)
            if target.resource is not None and target.resource.executable:
                return self._execute(request, target.instances[0], target.resource)
        return self._write(request, self._target(request, Operation.WRITE), replace=False)

    def _execute(self, request: Message, instance: ObjectInstance, resource: Resource) -> Message:
        if request.opt.content_format not in (None, content.TEXT):
            raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT)
        arguments: bytes = request.payload
        try:
            instance.on_execute[resource.id](arguments)
        except ValueError:
            raise Refusal(Code.BAD_REQUEST) from None
        self._publish("lwm2m.executed", path=(*instance.path, resource.id), arguments=arguments)
        return Message(code=Code.CHANGED)

    def _write(self, request: Message, target: Target, *, replace: bool) -> Message:
        """Write one resource or an instance; a multiple resource is replaced by PUT and added to by POST."""
        if len(target.path) == 1 or (target.resource is not None and not target.resource.writable):
            raise Refusal(Code.METHOD_NOT_ALLOWED)
        instance = target.instances[0]
        try:
            written = self._values(request, instance, target.resource)
        except ValueError:
            raise Refusal(Code.BAD_REQUEST) from None
        for resource_id, value in written.items():
            whole = value if replace else _merged(instance, resource_id, value)
            try:
                instance.write(resource_id, whole)
            except ValueError:
                raise Refusal(Code.BAD_REQUEST) from None
            path = (*instance.path, resource_id)
            self._publish("lwm2m.written", path=path, value=whole, message_id=request.mid)
            self._observations.changed(path)
        return Message(code=Code.CHANGED)

    def _values(
        self, request: Message, instance: ObjectInstance, resource: Resource | None
    ) -> dict[int, Values]:
        content_format, payload = self._policy.understood(request.opt.content_format), request.payload
        if resource is None:
            return content.parse_instance(instance, content_format, payload)
        if resource.id in instance.raw:
            return {resource.id: payload}
        return {resource.id: content.parse_resource(instance, resource, content_format, payload)}


def _merged(instance: ObjectInstance, resource_id: int, value: Values) -> Values:
    """The values of a multiple resource after a partial update; a single value as it is."""
    if not isinstance(value, dict) or resource_id not in instance.values:
        return value
    before = instance.read(resource_id)
    both: dict[int, Value] = {**(before if isinstance(before, dict) else {}), **value}
    return both


def _dimension(instance: ObjectInstance, resource: Resource) -> int | None:
    """How many instances a multiple resource has."""
    if not resource.multiple or resource.id not in instance.values:
        return None
    value = instance.read(resource.id)
    return len(value) if isinstance(value, dict) else None
