"""Block-wise transfer (RFC 7959) as a site of ours serves it and a client of ours uses it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiocoap
import pytest
from aiocoap import CHANGED, CONTENT, CONTINUE, GET, PUT, Message

from modemsim.clock import run
from modemsim.coap.blockwise import LARGEST_BODY, BlockTransfers, ask
from modemsim.coap.endpoint import Endpoint, PlainSocket

BODY = bytes(range(256)) * 16


class Store:
    """A site that reads and writes one long body."""

    def __init__(self) -> None:
        self.blocks = BlockTransfers(asyncio.get_running_loop().time)
        self.body = BODY
        self.calls = 0

    async def render_to_pipe(self, pipe: Any) -> None:
        pipe.add_response(self.blocks.serve(pipe.request, self.answer), is_last=True)

    def answer(self, request: Message) -> Message:
        self.calls += 1
        if request.code == PUT:
            self.body = request.payload
            return Message(code=CHANGED)
        return Message(code=CONTENT, payload=self.body)


class Bench:
    def __init__(self) -> None:
        self.store = Store()
        self.server = Endpoint(PlainSocket(), self.store, stream=random.Random(1))
        self.client = Endpoint(PlainSocket(), None, stream=random.Random(2))

    async def put(self, payload: bytes, number: int, more: bool, exponent: int) -> Message:
        message = Message(code=PUT, uri_path=("x",), payload=payload, block1=(number, more, exponent))
        return await self.client.ask(message, self.server.local, blockwise=False)

    async def get(self, number: int, exponent: int, **options: Any) -> Message:
        message = Message(code=GET, uri_path=("x",), block2=(number, False, exponent), **options)
        return await self.client.ask(message, self.server.local, blockwise=False)

    def close(self) -> None:
        self.client.close()
        self.server.close()


def run_on_bench(test: Any) -> Any:
    async def main() -> None:
        bench = Bench()
        await test(bench)
        bench.close()
        assert [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()] == []

    return lambda: run(main(), virtual=True)


@run_on_bench
async def test_aiocoap_reads_and_writes_in_blocks(bench: Bench) -> None:
    to = bench.server.local
    assert (await bench.client.ask(Message(code=GET, uri_path=("x",)), to)).payload == BODY
    assert bench.store.calls == 1
    written = await bench.client.ask(Message(code=PUT, uri_path=("x",), payload=BODY[::-1]), to)
    assert (written.code, bench.store.body) == (CHANGED, BODY[::-1])
    assert bench.store.calls == 2


@run_on_bench
async def test_own_upload(bench: Bench) -> None:
    to = bench.server.local
    response = await ask(bench.client, Message(code=PUT, uri_path=("x",), payload=BODY + b"end"), to)
    assert (response.code, bench.store.body) == (CHANGED, BODY + b"end")
    short = await ask(bench.client, Message(code=PUT, uri_path=("x",), payload=b"short"), to)
    assert (short.code, short.opt.block1, bench.store.body) == (CHANGED, None, b"short")


@run_on_bench
async def test_block1_step_by_step(bench: Bench) -> None:
    first = await bench.put(b"a" * 32, 0, True, 1)
    assert (first.code, first.opt.block1) == (CONTINUE, (0, True, 1))
    last = await bench.put(b"b", 1, False, 1)
    assert (last.code, last.opt.block1) == (CHANGED, (1, False, 1))
    assert bench.store.body == b"a" * 32 + b"b"


@run_on_bench
async def test_block1_mistakes(bench: Bench) -> None:
    assert (await bench.put(b"x" * 16, 3, True, 0)).code == aiocoap.REQUEST_ENTITY_INCOMPLETE
    assert (await bench.put(b"x" * 15, 0, True, 0)).code == aiocoap.BAD_REQUEST
    assert (await bench.put(b"x" * 1024, 0, True, 7)).code == aiocoap.BAD_REQUEST
    await bench.put(b"x" * 16, 0, True, 0)
    assert (await bench.put(b"x" * 16, 2, True, 0)).code == aiocoap.REQUEST_ENTITY_INCOMPLETE
    await bench.put(b"x" * 16, 0, True, 0)
    await asyncio.sleep(300)
    assert (await bench.put(b"x" * 16, 1, False, 0)).code == aiocoap.REQUEST_ENTITY_INCOMPLETE
    assert bench.store.calls == 0


@run_on_bench
async def test_a_body_that_is_too_long(bench: Bench) -> None:
    for number in range(LARGEST_BODY // 1024):
        assert (await bench.put(bytes(1024), number, True, 6)).code == CONTINUE
    refused = await bench.put(b"x", LARGEST_BODY // 1024, False, 6)
    assert (refused.code, refused.opt.size1) == (aiocoap.REQUEST_ENTITY_TOO_LARGE, LARGEST_BODY)


@run_on_bench
async def test_block2_step_by_step(bench: Bench) -> None:
    first = await bench.get(0, 2, size2=0)
    assert (first.payload, first.opt.block2, first.opt.size2) == (BODY[:64], (0, True, 2), 4096)
    bench.store.body = b"changed meanwhile"
    last = await bench.get(63, 2)
    assert (last.payload, last.opt.block2) == (BODY[-64:], (63, False, 2))
    assert (await bench.get(64, 2)).code == aiocoap.BAD_REQUEST
    assert (await bench.get(0, 7)).code == aiocoap.BAD_REQUEST
    await asyncio.sleep(300)
    assert (await bench.get(1, 2)).code == aiocoap.REQUEST_ENTITY_INCOMPLETE


@pytest.mark.parametrize("code", [CHANGED, CONTINUE])
def test_a_server_that_takes_smaller_blocks_or_none(code: Any) -> None:
    """A server may answer Block1 with a smaller size (RFC 7959 2.9.1) or with an error at once."""

    class Small:
        sizes: list[tuple[int, int]] = []

        async def render_to_pipe(self, pipe: Any) -> None:
            block1 = pipe.request.opt.block1
            self.sizes.append((block1.block_number, len(pipe.request.payload)))
            answer = Message(code=code if block1.more else CHANGED)
            answer.opt.block1 = (block1.block_number, block1.more, min(block1.size_exponent, 4))
            pipe.add_response(answer, is_last=True)

    async def main() -> None:
        site = Small()
        site.sizes = []
        server = Endpoint(PlainSocket(), site, stream=random.Random(1))
        client = Endpoint(PlainSocket(), None, stream=random.Random(2))
        response = await ask(client, Message(code=PUT, payload=bytes(1600)), server.local)
        assert response.code == CHANGED
        assert site.sizes == ([(0, 1024), (4, 256), (5, 256), (6, 64)] if code == CONTINUE else [(0, 1024)])
        client.close()
        server.close()

    run(main(), virtual=True)
