"""An endpoint on a fake socket, serving one resource, with everything it tells kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import aiocoap
from aiocoap import GET, Message, Reliable, Unreliable
from coap_fakes import ACK, CON, SERVER, FakeSocket, datagram

from modemsim.clock import run
from modemsim.coap.endpoint import Endpoint, MessageEvent, Tuning
from modemsim.trace import Trace

BC260Y = Tuning(ack_timeout=4.0, ack_random_factor=1.0, max_retransmit=4)
PATH_A = b"\xb1a"
OBSERVE_A = b"\x60\x51a"
CONTENT = 0x45


class Device:
    """A site that keeps its pipe, as an observed resource does."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.pipes: list[Any] = []
        self.hold: asyncio.Event | None = None

    async def render_to_pipe(self, pipe: Any) -> None:
        self.requests.append(pipe.request)
        if self.hold is not None:
            await self.hold.wait()
        observed = pipe.request.opt.observe == 0
        answer = Message(code=aiocoap.CONTENT, payload=b"now")
        answer.opt.observe = 0 if observed else None
        answer.opt.no_response = pipe.request.opt.no_response
        if observed:
            self.pipes.append(pipe)
        pipe.add_response(answer, is_last=not observed)

    def notify(self, payload: bytes, *, con: bool, pipe: int = -1) -> int:
        message = Message(code=aiocoap.CONTENT, payload=payload, observe=1)
        message.transport_tuning = Reliable() if con else Unreliable()
        self.pipes[pipe].add_response(message, is_last=False)
        return int(message.mid)


class Bench:
    """An endpoint on a fake socket, and what it told."""

    def __init__(self, tuning: Tuning = BC260Y) -> None:
        self.socket = FakeSocket()
        self.device = Device()
        self.events: list[MessageEvent] = []
        self.trace = Trace(asyncio.get_running_loop().time)
        self.endpoint = Endpoint(
            self.socket,
            self.device,
            stream=random.Random(7),
            tuning=tuning,
            on_message=self.events.append,
            trace=self.trace,
        )

    def told(self, *kinds: str) -> list[tuple[str, int]]:
        return [(event.kind, event.message_id) for event in self.events if event.kind in kinds]

    def get(self, path: str = "a", **options: Any) -> Any:
        message = Message(code=GET, uri_path=(path,), **options)
        return self.endpoint.request(message, SERVER, blockwise=False)

    async def observed(self, mid: int = 0x1000, token: bytes = b"\x01") -> None:
        """The server observes /a."""
        self.socket.deliver(datagram(CON, 0x01, mid, token, OBSERVE_A))
        await asyncio.sleep(0)
        assert self.socket.take()[-1] == datagram(ACK, CONTENT, mid, token, b"\x60\xffnow")


def on_bench(test: Callable[[Bench], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test with a bench on the virtual clock; afterwards nothing may be left of the endpoint."""

    async def main() -> None:
        bench = Bench()
        problems: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
        await test(bench)
        bench.endpoint.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not bench.socket.open
        assert asyncio.all_tasks() == {asyncio.current_task()}
        del bench
        assert problems == []

    def wrapper() -> None:
        run(main(), virtual=True)

    wrapper.__name__ = test.__name__
    wrapper.__doc__ = test.__doc__
    return wrapper
