"""Client-initiated bootstrap: a server tells the module where to register, with which key and for how long.

Source: OMA LwM2M TS 1.0.2, 5.2.7 and 8.2.1 (Bootstrap Interface), appendices E.1 and E.2.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiocoap import Message
from aiocoap.numbers.codes import CHANGED, POST, Code

from modemsim.coap import blockwise
from modemsim.coap.blockwise import BlockTransfers
from modemsim.coap.endpoint import Address, DatagramSocket, Endpoint, Tuning
from modemsim.lwm2m import content, tlv, values
from modemsim.lwm2m.account import BINDING, LIFETIME, SHORT_ID
from modemsim.lwm2m.model import Kind, ObjectModel, Path, Refusal, Value
from modemsim.lwm2m.objects import NO_SECURITY, PRE_SHARED_KEY, SECURITY, SERVER
from modemsim.lwm2m.outcome import UNSECURED, outcome_of
from modemsim.timing import Draws
from modemsim.trace import Trace

WAIT = 247.0
"""Seconds without a word of the server after which it is over: EXCHANGE_LIFETIME (RFC 7252 4.8.2)."""

DEFAULT_LIFETIME = 86400
_PORTS = {"coap": 5683, "coaps": 5684}
_MODELS = {model.id: model for model in (SECURITY, SERVER)}
_IGNORED = 2
"""Access control: taken and not used, for there is one server."""

_URI, _IS_BOOTSTRAP, _MODE, _IDENTITY, _KEY, _SERVER_ID = 0, 1, 2, 3, 5, 10

Instances = dict[tuple[int, int], dict[int, Value]]
"""What the server wrote: values by resource, by object and instance."""


class BootstrapFailed(Exception):
    """No server account came of it; the message is the reason ("timeout", "4.00", "incomplete" ...)."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where and how to register."""

    host: str
    port: int
    secured: bool
    identity: str
    key: bytes
    lifetime: int
    binding: str

    def __repr__(self) -> str:
        return f"<Account {self.host}:{self.port} secured={self.secured}>"


def account_of(instances: Instances) -> Account:
    """The one LwM2M server among the instances; raises ValueError when there is none that can be used."""
    for (object_id, _), security in sorted(instances.items()):
        if object_id != SECURITY.id or security.get(_IS_BOOTSTRAP) is True:
            continue
        uri = urlsplit(_text(security.get(_URI)))
        mode = security.get(_MODE)
        if uri.scheme not in _PORTS or not uri.hostname or mode not in (PRE_SHARED_KEY, NO_SECURITY):
            raise ValueError("a server URI or security mode that the module does not have")
        secured = mode == PRE_SHARED_KEY
        identity, key = security.get(_IDENTITY, b""), security.get(_KEY, b"")
        if not isinstance(identity, bytes) or not isinstance(key, bytes) or secured > bool(identity and key):
            raise ValueError("no identity or key")
        server = _server_of(instances, security.get(_SERVER_ID))
        lifetime = server.get(LIFETIME, DEFAULT_LIFETIME)
        return Account(
            host=uri.hostname,
            port=uri.port or _PORTS[uri.scheme],
            secured=secured,
            identity=identity.decode(),
            key=key,
            lifetime=lifetime if isinstance(lifetime, int) else DEFAULT_LIFETIME,
            binding=_text(server.get(BINDING)) or "U",
        )
    raise ValueError("no LwM2M server")


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


def _server_of(instances: Instances, short_id: Value | None) -> dict[int, Value]:
    for (object_id, _), server in sorted(instances.items()):
        if object_id == SERVER.id and server.get(SHORT_ID) == short_id:
            return server
    raise ValueError(f"no server account with the short id {short_id!r}")


class Bootstrap:
    """One bootstrap with one server on one socket, which `run` closes."""

    def __init__(
        self,
        *,
        name: str,
        server: Address,
        socket: DatagramSocket,
        tuning: Tuning,
        stream: Draws,
        trace: Trace | None,
    ) -> None:
        self._name = name
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._blocks = BlockTransfers(self._loop.time)
        self._instances: Instances = {}
        self._heard = asyncio.Event()
        self._finished: Account | None = None
        self._problem = "incomplete"
        self._over = False
        self._endpoint = Endpoint(socket, self, stream=stream, tuning=tuning, trace=trace, name="bootstrap")

    @property
    def endpoint(self) -> Endpoint:
        """For the owner of a secured socket, which tells it of its connection."""
        return self._endpoint

    def unsecured(self, reason: str) -> None:
        """No secured connection can be made."""
        self._end(reason)

    async def run(self) -> Account:
        """Ask for the bootstrap and wait for its end; raises BootstrapFailed."""
        try:
            message = Message(code=POST, uri_path=("bs",), uri_query=(f"ep={self._name}",))
            outcome = await outcome_of(blockwise.ask(self._endpoint, message, self._server))
            if not outcome.has(CHANGED):
                failed = self._over and self._problem.startswith(UNSECURED)
                raise BootstrapFailed(self._problem if failed else outcome.reason)
            while not self._over:
                self._heard.clear()
                async with asyncio.timeout(WAIT):
                    await self._heard.wait()
        except TimeoutError:
            raise BootstrapFailed("timeout") from None
        finally:
            await asyncio.sleep(0)  # the answer to Bootstrap-Finish leaves before the socket is closed
            self._endpoint.close()
        if self._finished is None:
            raise BootstrapFailed(self._problem)
        return self._finished

    async def render_to_pipe(self, pipe: Any) -> None:
        """Answer one request of the bootstrap server; strangers are answered 4.01."""
        request = pipe.request
        if request.remote.address != self._server:
            pipe.add_response(Message(code=Code.UNAUTHORIZED), is_last=True)
            return
        self._heard.set()
        pipe.add_response(self._blocks.serve(request, self._answer), is_last=True)

    def _answer(self, request: Message) -> Message:
        try:
            if request.code == POST and tuple(request.opt.uri_path) == ("bs",):
                return self._finish()
            path = _path(request)
            if request.code == Code.GET and request.opt.accept == content.LINK:
                return self._discover()
            if request.code == Code.DELETE:
                return self._delete(path)
            if request.code == Code.PUT:
                return self._write(path, request.opt.content_format, request.payload)
            return Message(code=Code.METHOD_NOT_ALLOWED)
        except Refusal as refusal:
            return Message(code=refusal.code)
        except ValueError:
            return Message(code=Code.BAD_REQUEST)

    def _finish(self) -> Message:
        try:
            self._finished = account_of(self._instances)
        except (ValueError, UnicodeDecodeError):
            self._end("incomplete")
            return Message(code=Code.NOT_ACCEPTABLE)
        self._end("")
        return Message(code=CHANGED)

    def _end(self, problem: str) -> None:
        self._problem = problem
        self._over = True
        self._heard.set()

    def _discover(self) -> Message:
        links = ",".join(f"</{oid}/{iid}>" for oid, iid in sorted(self._instances))
        payload = ",".join(part for part in ('lwm2m="1.0"', links) if part)
        return Message(code=Code.CONTENT, payload=payload.encode(), content_format=content.LINK)

    def _delete(self, path: Path) -> Message:
        for key in [key for key in self._instances if key[: len(path)] == path]:
            del self._instances[key]
        return Message(code=Code.DELETED)

    def _write(self, path: Path, content_format: int | None, payload: bytes) -> Message:
        if path and path[0] == _IGNORED:
            return Message(code=CHANGED)
        model = _MODELS.get(path[0]) if path else None
        if model is None:
            raise Refusal(Code.NOT_FOUND)
        if len(path) == 3:
            self._write_resource(model, path, content_format, payload)
            return Message(code=CHANGED)
        if content_format not in (None, *content.TLV_FORMATS):
            raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT)
        for instance_id, records in _by_instance(path, tlv.decode(payload)):
            written = {record.id: _value(model, record) for record in records if record.id in model.resources}
            self._instances[model.id, instance_id] = written
        return Message(code=CHANGED)

    def _write_resource(
        self, model: ObjectModel, path: Path, content_format: int | None, payload: bytes
    ) -> None:
        resource = model.resources.get(path[2])
        if resource is None:
            raise Refusal(Code.NOT_FOUND)
        if content_format in content.TLV_FORMATS:
            (record,) = tlv.decode(payload)
            value = _value(model, record)
        elif resource.type is Kind.OPAQUE and content_format == content.OPAQUE:
            value = payload
        elif content_format in (None, content.TEXT):
            value = values.parse_text(resource.type, payload.decode())
        else:
            raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT)
        self._instances.setdefault((path[0], path[1]), {})[path[2]] = value


def _path(request: Message) -> Path:
    segments = [segment for segment in request.opt.uri_path if segment]
    if len(segments) > 3 or not all(part.isascii() and part.isdigit() for part in segments):
        raise Refusal(Code.NOT_FOUND)
    return tuple(map(int, segments))


def _by_instance(path: Path, records: tuple[tlv.Record, ...]) -> list[tuple[int, tuple[tlv.Record, ...]]]:
    """The records of each instance that a write to an object or instance carries."""
    nested = [record for record in records if record.level is tlv.Level.OBJECT_INSTANCE]
    if nested and len(nested) == len(records):
        if len(path) == 2 and [record.id for record in nested] != [path[1]]:
            raise ValueError("the record of another instance")
        return [(record.id, record.children) for record in nested]
    if nested:
        raise ValueError("instances and resources side by side")
    return [(path[1] if len(path) == 2 else 0, records)]


def _value(model: ObjectModel, record: tlv.Record) -> Value:
    if record.level is not tlv.Level.RESOURCE:
        raise ValueError("no single value")
    return values.parse_octets(model.resources[record.id].type, record.value)
