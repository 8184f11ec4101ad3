"""A bootstrap server for tests: answers a request and then writes what its script says, plain or over DTLS."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from aiocoap import Code, Message

from modemsim.coap.datagram import DatagramSocket, PlainSocket
from modemsim.coap.dtls.server import DtlsServerSocket
from modemsim.coap.endpoint import Endpoint
from modemsim.lwm2m import content, objects, tlv, values
from modemsim.lwm2m.model import ObjectModel, Value

KEY = bytes(range(16))


def instance(model: ObjectModel, **numbered: Value) -> bytes:
    """The TLV of an instance; r0="x" is resource 0."""
    records = []
    for name, value in numbered.items():
        number = int(name[1:])
        octets = values.format_octets(model.resources[number].type, value)
        records.append(tlv.Record(tlv.Level.RESOURCE, number, octets))
    return tlv.encode(records)


def security(uri: str, identity: str = "", key: bytes = b"", short_id: int = 7) -> bytes:
    mode = 0 if key else 3
    return instance(objects.SECURITY, r0=uri, r1=False, r2=mode, r3=identity.encode(), r5=key, r10=short_id)


def account(lifetime: int = 3600, short_id: int = 7) -> bytes:
    return instance(objects.SERVER, r0=short_id, r1=lifetime, r7="U")


class BootstrapServer:
    """Does `steps` (code, path, payload) one after the other to who asks, and then says that it is finished."""

    def __init__(self, steps: list[tuple[Code, str, bytes]], *, keys: dict[str, bytes] | None = None) -> None:
        socket: DatagramSocket = PlainSocket()
        if keys is not None:
            socket = DtlsServerSocket(socket, keys.get)
        self.answers: list[str] = []
        self.asked: list[tuple[str, ...]] = []
        self.answer = Code.CHANGED
        self.silent = False
        self._steps = steps
        self._endpoint = Endpoint(socket, self, stream=random.Random(5), token_length=8)
        self._tasks: set[asyncio.Task[None]] = set()
        self.local = socket.local

    async def render_to_pipe(self, pipe: Any) -> None:
        request = pipe.request
        self.asked.append((*request.opt.uri_path, *request.opt.uri_query))
        pipe.add_response(Message(code=self.answer), is_last=True)
        if self.answer is Code.CHANGED and not self.silent:
            task = asyncio.get_running_loop().create_task(self._work(request.remote))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, remote: Any) -> None:
        for code, path, payload in [*self._steps, (Code.POST, "/bs", b"")]:
            message = Message(code=code, payload=payload)
            message.opt.uri_path = tuple(part for part in path.split("/") if part)
            if code is Code.PUT:
                message.opt.content_format = content.TLV
            if code is Code.GET:
                message.opt.accept = content.LINK
            answer = await self._endpoint.ask(message, remote)
            self.answers.append(
                answer.code.dotted + (f" {answer.payload.decode()}" if code is Code.GET else "")
            )

    def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        self._endpoint.close()


def steps(uri: str, **key: Any) -> list[tuple[Code, str, bytes]]:
    """What a server does that is content with one platform."""
    return [
        (Code.DELETE, "/", b""),
        (Code.PUT, "/0/0", security(uri, **key)),
        (Code.PUT, "/1/0", account()),
    ]
