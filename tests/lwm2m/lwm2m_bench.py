"""A client and a small scripted LwM2M server on this machine's sockets, on the virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import aiocoap
from aiocoap import GET, POST, PUT, Message
from aiocoap.numbers.codes import Code

from modemsim.clock import run
from modemsim.coap.endpoint import Endpoint, Observation, PlainSocket, Tuning
from modemsim.lwm2m import objects
from modemsim.lwm2m.client import Client
from modemsim.lwm2m.model import ObjectInstance
from modemsim.lwm2m.policy import Policy
from modemsim.lwm2m.tree import ObjectTree
from modemsim.trace import Trace

BC260Y = Tuning(ack_timeout=4.0, ack_random_factor=1.0, max_retransmit=4)
LINKS = ("1/0", "3/0", "4/0", "19/0", "5/0")
UPLINK, DOWNLINK = (19, 0, 0), (19, 1, 0)
TEXT, LINK, OPAQUE, TLV = 0, 40, 42, 11542


def path_of(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("/") if part)


class FakeServer:
    """Answers the registration interface as told and asks what a test wants."""

    def __init__(self, port: int = 0) -> None:
        self.socket = PlainSocket("127.0.0.1", port)
        self.endpoint = Endpoint(self.socket, self, stream=random.Random("server"), token_length=8)
        self.wire: list[bytes] = []
        self.instants: list[float] = []
        self.requests: list[tuple[Code, str, tuple[str, ...], bytes]] = []
        self.answers: dict[str, Code] = {
            "register": Code.CREATED,
            "update": Code.CHANGED,
            "leave": Code.DELETED,
        }
        self.deaf = False
        self.notifications: list[Message] = []
        self.module: Any = None
        self._deliver = self.socket.receiver
        self.socket.receiver = self._receive

    def _receive(self, data: bytes, sender: tuple[str, int]) -> None:
        self.wire.append(data)
        self.instants.append(asyncio.get_running_loop().time())
        if not self.deaf:
            self._deliver(data, sender)

    async def render_to_pipe(self, pipe: Any) -> None:
        request = pipe.request
        self.module = request.remote
        path = "/" + "/".join(request.opt.uri_path)
        if request.opt.block1 is not None and request.opt.block1.more:
            answer = Message(code=Code.CONTINUE, block1=request.opt.block1)
        else:
            self.requests.append((request.code, path, request.opt.uri_query, request.payload))
            kind = "leave" if request.code == Code.DELETE else "register" if path == "/rd" else "update"
            answer = Message(code=self.answers[kind])
            if answer.code == Code.CREATED:
                answer.opt.location_path = ("rd", "5a3f")
        pipe.add_response(answer, is_last=True)

    async def ask(self, code: Any, path: str, payload: bytes = b"", **options: Any) -> Message:
        message = Message(code=code, uri_path=path_of(path), payload=payload)
        for name, value in options.items():
            setattr(message.opt, name, value)
        return await self.endpoint.ask(message, self.module)

    async def get(self, path: str, accept: int | None = None) -> tuple[str, int | None, bytes]:
        answer = await self.ask(GET, path, accept=accept)
        return answer.code.dotted, answer.opt.content_format, answer.payload

    async def put(self, path: str, payload: bytes, content_format: int | None = OPAQUE) -> str:
        return str((await self.ask(PUT, path, payload, content_format=content_format)).code.dotted)

    async def post(self, path: str, payload: bytes = b"", content_format: int | None = None) -> str:
        return str((await self.ask(POST, path, payload, content_format=content_format)).code.dotted)

    async def attributes(self, path: str, *queries: str) -> str:
        return str((await self.ask(PUT, path, uri_query=queries)).code.dotted)

    async def observe(self, path: str, accept: int | None = None) -> tuple[Observation, Message]:
        message = Message(code=GET, uri_path=path_of(path))
        message.opt.accept = accept
        observation = self.endpoint.observe(message, self.module, self.notifications.append)
        return observation, await observation.response

    async def cancel(self, observation: Observation, path: str) -> Message:
        """Observe=1 with the token of the observation (RFC 7641 3.6)."""
        message = Message(code=GET, uri_path=path_of(path), observe=1)
        token, tokens = observation.request.token, self.endpoint._tokens
        observation.cancel()
        tokens.next_token, usual = (lambda: token), tokens.next_token
        request = self.endpoint.request(message, self.module, blockwise=False)
        tokens.next_token = usual
        answer: Message = await request.response
        return answer

    def payloads(self) -> list[bytes]:
        """The payloads of the notifications since the last call."""
        taken = [message.payload for message in self.notifications]
        self.notifications.clear()
        return taken


def make_tree(downlinks: list[bytes]) -> tuple[ObjectTree, dict[str, Any]]:
    """The objects of a module, and the values behind them that a test may change."""
    module: dict[str, Any] = {"signal": -85, "executed": [], "clock": []}

    def executed(arguments: bytes) -> None:
        if arguments == b"bad":
            raise ValueError("no such argument")
        module["executed"].append(arguments)

    device = objects.device(
        {
            0: "Quectel",
            1: "BC260Y",
            2: "860000000000001",
            3: "R01",
            6: {0: 1, 1: 5},
            9: 95,
            13: 1_700_000_000,
        },
        on_execute={4: executed},
    )
    device.on_write[13] = module["clock"].append
    tree = ObjectTree(
        objects.security("coap://127.0.0.1"),
        objects.server(),
        device,
        objects.connectivity(
            {2: lambda: module["signal"], 4: {0: "10.0.0.2"}, 7: {0: "ctnb"}, 8: 1234, 9: 11, 10: 460}
        ),
        objects.firmware(),
        objects.appdata_uplink(),
        objects.appdata_downlink(downlinks.append),
    )
    return tree, module


class Bench:
    """Everything around one client."""

    def __init__(
        self, *, policy: Policy | None = None, lifetime: int = 0, extra: ObjectInstance | None = None
    ):
        self.server = FakeServer()
        self.downlinks: list[bytes] = []
        self.tree, self.module = make_tree(self.downlinks)
        if extra is not None:
            self.tree.add(extra)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.trace = Trace(asyncio.get_running_loop().time)
        self.policy = policy or Policy(links=LINKS)
        self.client = self.make(lifetime)

    def make(self, lifetime: int) -> Client:
        return Client(
            name="860000000000001",
            server=self.server.endpoint.local,
            lifetime=lifetime,
            socket=PlainSocket(),
            objects=self.tree,
            policy=self.policy,
            tuning=BC260Y,
            stream=random.Random("1/coap"),
            publish=lambda topic, **fields: self.events.append((topic, fields)),
            trace=self.trace,
        )

    def told(self, topic: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.events if name == topic]

    def values(self, topic: str, field: str) -> list[Any]:
        """One field of everything told about a topic."""
        return [fields[field] for fields in self.told(topic)]

    def states(self) -> list[tuple[str, str | None]]:
        return [(str(fields["state"]), fields["reason"]) for fields in self.told("lwm2m.state")]

    async def registered(self) -> FakeServer:
        assert await self.client.register()
        return self.server

    def close(self) -> None:
        self.client.close()
        self.server.endpoint.close()


Test = Callable[[Bench], Coroutine[Any, Any, None]]


def on_bench(
    *, lifetime: int = 0, extra: ObjectInstance | None = None, **policy: Any
) -> Callable[[Test], Callable[[], None]]:
    """Run a test with a bench on the virtual clock; the client must leave no timer and no task."""

    def decorate(test: Test) -> Callable[[], None]:
        async def main() -> None:
            bench = Bench(policy=replace(Policy(links=LINKS), **policy), lifetime=lifetime, extra=extra)
            problems: list[Any] = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
            await test(bench)
            bench.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()] == []
            del bench
            assert problems == []

        def wrapper() -> None:
            run(main(), virtual=True)

        wrapper.__name__ = test.__name__
        wrapper.__doc__ = test.__doc__
        return wrapper

    return decorate


def code_of(message: Message) -> str:
    return str(message.code.dotted)


CONTENT = aiocoap.CONTENT
