"""A module as a platform sees it: registers, is observed, notifies, takes writes. Scripted by the tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from aiocoap import Code, Message
from aiocoap.numbers.constants import Reliable, Unreliable

from modemsim import clock
from modemsim.coap.endpoint import Endpoint, MessageEvent, PlainSocket
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import CtIot
from modemsim.platforms.gate import Gate
from modemsim.platforms.store import Address, Device
from modemsim.trace import Trace

IMEI = "866465050000874"
LINKS = b'</>;rt="oma.lwm2m",</1/0>,</3/0>,</4/0>,</19/0>,</5/0>'
SETTLED = 0.5
"""Seconds after a registration when the observation is certainly there."""


class Ears(Gate):
    """Loses what comes in while closed, and lets everything out."""

    def send(self, data: bytes, to: Address, rai: int = 0) -> None:
        self._socket.send(data, to, rai)


class FakeModule:
    """One client of a platform; `deaf` loses what is sent to it, `answer` is its reply to writes."""

    def __init__(self, platform: Platform, name: str = IMEI) -> None:
        self.name = name
        self.platform = platform
        self.deaf = False
        self.answer = Code.CHANGED
        self.observe_answer: Code | None = Code.CONTENT
        self.observe_option: int | None = 0
        self.requests: list[tuple[float, Message]] = []
        self.written: list[bytes] = []
        self.outcomes: dict[int, str] = {}
        self.sent: list[bytes] = []
        self.location: tuple[str, ...] = ()
        self._pipe: Any = None
        self._notifications = 0
        self.move()

    def move(self) -> None:
        """Come from a new port, as after a NAT rebinding."""
        self.socket = PlainSocket()
        gate = Ears(self.socket, lambda: not self.deaf)
        stream = random.Random(self.name)
        self.endpoint = Endpoint(gate, self, stream=stream, on_message=self._message_passed)

    @property
    def observed(self) -> bool:
        """Whether the platform has observed the data of this module (and not reset a notification since)."""
        return self._pipe is not None

    async def request(self, code: Code, path: tuple[str, ...], queries: list[str], body: bytes) -> Message:
        message = Message(code=code, uri_path=path, uri_query=queries, payload=body)
        if body:
            message.opt.content_format = 40
        return await self.endpoint.ask(message, self.platform.address)

    async def register(self, *queries: str, links: bytes = LINKS, lifetime: int | None = 86400) -> Message:
        """Register as the modules do; extra or replaced queries by name."""
        wanted = {"lwm2m": "1.0", "ep": self.name, "b": "U"}
        if lifetime is not None:
            wanted["lt"] = str(lifetime)
        wanted |= {name: value for name, _, value in (query.partition("=") for query in queries)}
        texts = [f"{name}={value}" if value else name for name, value in wanted.items()]
        response = await self.request(Code.POST, ("rd",), texts, links)
        self.location = response.opt.location_path
        return response

    async def update(self, *queries: str) -> Message:
        return await self.request(Code.POST, self.location, list(queries), b"")

    async def deregister(self) -> Message:
        return await self.request(Code.DELETE, self.location, [], b"")

    async def connect(self, *queries: str) -> Device:
        """Register, and wait until the platform has observed."""
        await self.register(*queries)
        await asyncio.sleep(SETTLED)
        assert self.observed
        return self.platform.store[self.name]

    def notify(self, payload: bytes, *, confirmable: bool = True, observe: bool = True) -> int:
        """Send an uplink at once; returns its message id, whose outcome appears in `outcomes`."""
        self._notifications += 1
        tuning = Reliable() if confirmable else Unreliable()
        message = Message(code=Code.CONTENT, content_format=42, payload=payload, transport_tuning=tuning)
        message.opt.observe = self._notifications if observe else None
        self._pipe.add_response(message, is_last=False)
        self.sent.append(message.encode())
        return int(message.mid)

    def end_observation(self) -> None:
        """Tell the platform by an error notification that there is nothing to observe any more."""
        message = Message(code=Code.NOT_FOUND, transport_tuning=Reliable())
        self._pipe.add_response(message, is_last=True)

    async def render_to_pipe(self, pipe: Any) -> None:
        request = pipe.request
        self.requests.append((asyncio.get_running_loop().time(), request))
        if request.code == Code.GET:
            answer = Message(code=self.observe_answer, content_format=0, observe=self.observe_option)
            pipe.add_response(answer, is_last=self.observe_option is None)
            if self.observe_option is not None:
                self._pipe = pipe
                pipe.on_interest_end(self._reset)
        else:
            self.written.append(request.payload)
            block = request.opt.block1
            code = Code.CONTINUE if block is not None and block.more else self.answer
            pipe.add_response(Message(code=code, block1=block), is_last=True)

    def close(self) -> None:
        self.endpoint.close()

    def _reset(self) -> None:
        self._pipe = None

    def _message_passed(self, event: MessageEvent) -> None:
        if event.kind in ("ack", "rst", "timeout"):
            self.outcomes[event.message_id] = event.kind


def make(kind: type[Platform] = CtIot, **options: Any) -> tuple[Platform, Trace]:
    """A platform that is not started yet, and the trace it writes."""
    trace = Trace(asyncio.get_running_loop().time, keep=100_000)
    return kind(trace=trace, stream=random.Random("test"), **options), trace


def play(
    script: Callable[[Platform, FakeModule, Trace], Awaitable[None]],
    kind: type[Platform] = CtIot,
    **options: Any,
) -> None:
    """Run a script on the virtual clock with a started platform and one module."""

    async def main() -> None:
        platform, trace = make(kind, **options)
        await platform.start()
        module = FakeModule(platform)
        try:
            await script(platform, module, trace)
        finally:
            module.close()
            await platform.stop()

    clock.run(main(), virtual=True)


def events(trace: Trace, *names: str) -> list[dict[str, Any]]:
    """What the platform recorded under these names, oldest first, without its own name."""
    return [
        {key: value for key, value in record.fields.items() if key != "platform"}
        for record in trace.recent()
        if record.layer == "platform" and record.event in names
    ]
