"""Two endpoints on real sockets of this machine, on the virtual clock."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import aiocoap
import pytest
from aiocoap import CHANGED, GET, PUT, Message, Unreliable, error, resource

from modemsim.clock import run
from modemsim.coap.datagram import discard
from modemsim.coap.endpoint import Endpoint, Peer, PlainSocket, Tuning

QUICK = Tuning(ack_timeout=1.0, ack_random_factor=1.0, max_retransmit=0)


class Counter(resource.Resource):
    """Long to read, and keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    async def render_get(self, request: Message) -> Message:
        return Message(payload=bytes(range(256)) * 10)

    async def render_put(self, request: Message) -> Message:
        self.written = request.payload
        return Message(code=CHANGED)

    async def render_delete(self, request: Message) -> Message:
        raise KeyError("a mistake")


class Source:
    """A resource whose pipes a test fills."""

    def __init__(self) -> None:
        self.pipes: list[Any] = []

    async def render_to_pipe(self, pipe: Any) -> None:
        self.pipes.append(pipe)
        pipe.add_response(Message(code=aiocoap.CONTENT, observe=0), is_last=False)

    def notify(self, payload: bytes, **options: Any) -> None:
        message = Message(code=aiocoap.CONTENT, payload=payload, transport_tuning=Unreliable(), **options)
        self.pipes[-1].add_response(message, is_last=False)


class Pair:
    """A client and a server."""

    def __init__(self) -> None:
        self.counter, self.source = Counter(), Source()
        site = resource.Site()
        site.add_resource(["counter"], self.counter)
        site.add_resource(["source"], self.source)
        self.server = Endpoint(PlainSocket(), site, stream=random.Random(1))
        self.client = Endpoint(PlainSocket(), None, stream=random.Random(2), tuning=QUICK, token_length=8)

    def message(self, code: Any, path: str, payload: bytes = b"") -> Message:
        return Message(code=code, uri_path=(path,), payload=payload)


def on_pair(test: Callable[[Pair], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        pair = Pair()
        await test(pair)
        pair.client.close()
        pair.server.close()

    def wrapper() -> None:
        run(main(), virtual=True)

    wrapper.__name__ = test.__name__
    return wrapper


@on_pair
async def test_blocks_in_both_directions(pair: Pair) -> None:
    got = await pair.client.ask(pair.message(GET, "counter"), pair.server.local)
    assert got.payload == bytes(range(256)) * 10
    body = bytes(range(250)) * 16
    changed = await pair.client.ask(pair.message(PUT, "counter", body), pair.server.local)
    assert (changed.code, pair.counter.written) == (CHANGED, body)


@on_pair
async def test_without_blocks_the_message_id_is_known_at_once(pair: Pair) -> None:
    message = pair.message(GET, "counter")
    request = pair.client.request(message, pair.client.peer(pair.server.local), blockwise=False)
    assert message.mid is not None
    assert len(message.token) == 8
    assert len((await request.response).payload) == 1024


@on_pair
async def test_unknown_resources_and_methods(pair: Pair) -> None:
    assert (await pair.client.ask(pair.message(GET, "none"), pair.server.local)).code == aiocoap.NOT_FOUND
    answer = await pair.client.ask(pair.message(aiocoap.POST, "counter"), pair.server.local)
    assert answer.code == aiocoap.METHOD_NOT_ALLOWED


@on_pair
async def test_an_endpoint_without_a_site_serves_nothing(pair: Pair) -> None:
    answer = await pair.server.ask(pair.message(GET, "counter"), pair.client.local)
    assert answer.code == aiocoap.NOT_FOUND


def test_a_resource_with_a_mistake_answers_5_00(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pair = Pair()
        answer = await pair.client.ask(pair.message(aiocoap.DELETE, "counter"), pair.server.local)
        assert answer.code == aiocoap.INTERNAL_SERVER_ERROR
        pair.client.close()
        pair.server.close()

    with caplog.at_level(logging.ERROR):
        run(main(), virtual=True)
    assert "a resource failed to answer" in caplog.text


@on_pair
async def test_notifications_arrive_one_by_one_with_and_without_observe(pair: Pair) -> None:
    got: list[bytes] = []
    message = pair.message(GET, "source")
    observation = pair.client.observe(message, pair.server.local, lambda m: got.append(m.payload))
    assert (await observation.response).opt.observe == 0
    assert observation.active
    for number in range(5):
        pair.source.notify(b"%d" % number)
    pair.source.notify(b"5", observe=9)
    await asyncio.sleep(0.01)
    assert got == [b"0", b"1", b"2", b"3", b"4", b"5"]


@on_pair
async def test_a_forgotten_observation_is_reset(pair: Pair) -> None:
    got: list[Message] = []
    observation = pair.client.observe(pair.message(GET, "source"), pair.server.local, got.append)
    await observation.response
    observation.cancel()
    assert not observation.active
    ended: list[bool] = []
    pair.source.pipes[0].on_interest_end(lambda: ended.append(True))
    pair.source.notify(b"x")
    await asyncio.sleep(0.01)
    assert (got, ended) == ([], [True])


@on_pair
async def test_an_observation_that_is_not_granted(pair: Pair) -> None:
    observation = pair.client.observe(pair.message(GET, "counter"), pair.server.local, print)
    assert (await observation.response).code == aiocoap.CONTENT
    assert not observation.active


@on_pair
async def test_an_observation_ended_by_the_server(pair: Pair) -> None:
    got: list[Any] = []
    observation = pair.client.observe(pair.message(GET, "source"), pair.server.local, got.append)
    await observation.response
    pair.source.pipes[0].add_response(Message(code=aiocoap.NOT_FOUND), is_last=True)
    await asyncio.sleep(0.01)
    assert [m.code for m in got] == [aiocoap.NOT_FOUND]
    assert not observation.active


@on_pair
async def test_an_observation_that_nobody_answers(pair: Pair) -> None:
    pair.server.close()
    observation = pair.client.observe(pair.message(GET, "source"), pair.server.local, print)
    with pytest.raises(error.ConRetransmitsExceeded):
        await observation.response
    unheard = pair.client.observe(pair.message(GET, "source"), pair.server.local, print)
    pair.client.close()
    assert isinstance(unheard.response.exception(), error.LibraryShutdown)
    late = pair.client.observe(pair.message(GET, "source"), pair.server.local, print)
    assert isinstance(late.response.exception(), error.LibraryShutdown)


@on_pair
async def test_cancelling_the_wait_for_an_observation(pair: Pair) -> None:
    pair.server.close()
    observation = pair.client.observe(pair.message(GET, "source"), pair.server.local, print)
    observation.response.cancel()
    await asyncio.sleep(10)
    assert not observation.active


@on_pair
async def test_a_reset_answer_to_an_observe_request(pair: Pair) -> None:
    pair.server.close()
    raw = PlainSocket("127.0.0.1", pair.server.local[1])
    raw.receiver = lambda data, sender: raw.send(b"\x70\x00" + data[2:4], sender)
    observation = pair.client.observe(pair.message(GET, "source"), raw.local, print)
    with pytest.raises(error.MessageError):
        await observation.response
    raw.close()


def test_the_same_seed_sends_the_same_octets() -> None:
    async def main(state: object) -> list[bytes]:
        random.setstate(state)
        got: list[bytes] = []
        sink = PlainSocket()
        sink.receiver = lambda data, sender: got.append(data)
        endpoint = Endpoint(PlainSocket(), None, stream=random.Random("5/coap"), tuning=QUICK)
        for path in ("a", "b"):
            with pytest.raises(error.ConRetransmitsExceeded):
                await endpoint.ask(Message(code=GET, uri_path=(path,)), sink.local)
        endpoint.close()
        sink.close()
        return got

    first = run(main(random.Random(1).getstate()), virtual=True)
    assert first == run(main(random.Random(2).getstate()), virtual=True)
    assert len(first) == 2


def test_plain_socket() -> None:
    async def main() -> None:
        first, second = PlainSocket(), PlainSocket("0.0.0.0")
        assert first.local[0] == "127.0.0.1"
        assert first._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 200_000
        with pytest.raises(OSError, match="Address already in use"):
            PlainSocket("127.0.0.1", first.local[1])
        assert first.receiver is discard
        second.send(b"nobody listens", first.local)
        got: list[tuple[bytes, Any]] = []
        first.send(b"to a port without a listener", ("127.0.0.1", 9))
        await asyncio.sleep(0.01)
        first.receiver = lambda data, sender: got.append((data, sender))
        for number in range(100):
            second.send(b"%d" % number, first.local)
        await asyncio.sleep(0.01)
        assert [data for data, _ in got] == [b"%d" % number for number in range(100)]
        assert got[0][1] == ("127.0.0.1", second.local[1])
        first.send(b"too long" * 10_000, second.local)
        first.receiver = lambda data, sender: first.close()
        second.send(b"1", first.local)
        second.send(b"2", first.local)
        await asyncio.sleep(0.01)
        first.send(b"closed", second.local)
        first.close()
        second.close()

    run(main(), virtual=True)


def test_an_idle_endpoint_is_small() -> None:
    async def main() -> float:
        import tracemalloc

        socket_ = PlainSocket()
        Endpoint(socket_, None, stream=random.Random(1))
        stream = random.Random(1)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        endpoints = [Endpoint(socket_, None, stream=stream) for _ in range(100)]
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for endpoint in endpoints:
            endpoint.close()
        return used / 100

    assert run(main(), virtual=True) < 8 * 1024


def test_peers_are_values() -> None:
    async def main() -> None:
        endpoint = Endpoint(PlainSocket(), None, stream=random.Random(1))
        assert endpoint.peer(("192.0.2.1", 5683)) == endpoint.peer(("192.0.2.1", 5683))
        assert isinstance(endpoint.peer(("192.0.2.1", 5683)), Peer)
        endpoint.tuning = QUICK
        assert endpoint.tuning is QUICK
        endpoint.close()

    run(main(), virtual=True)


@on_pair
async def test_the_end_of_an_observation_is_told_to_the_peer(pair: Pair) -> None:
    """RFC 7641 3.6: same token, and every option but Observe as in the request that began it."""
    got: list[Message] = []
    message = pair.message(GET, "source")
    message.opt.accept, message.opt.uri_query = 42, ("a=1",)
    observation = pair.client.observe(message, pair.server.local, got.append)
    await observation.response
    ended = pair.client.unobserve(observation)
    assert not observation.active
    await ended.response
    first, last = (pipe.request for pipe in pair.source.pipes[-2:])
    assert (last.opt.observe, last.token) == (1, first.token)
    last.opt.observe = first.opt.observe
    assert last.opt == first.opt
    assert got == []


@on_pair
async def test_an_observation_that_ends_unanswered_takes_nothing_with_it(pair: Pair) -> None:
    lost = ("127.0.0.1", 9)
    observation = pair.client.observe(pair.message(GET, "source"), lost, lambda notification: None)
    ended = pair.client.unobserve(observation)
    with pytest.raises(asyncio.CancelledError):
        await observation.response
    with pytest.raises(error.ConRetransmitsExceeded):
        await ended.response


@on_pair
async def test_a_closed_endpoint_ends_observations_in_vain(pair: Pair) -> None:
    observation = pair.client.observe(pair.message(GET, "source"), pair.server.local, lambda told: None)
    await observation.response
    pair.client.close()
    with pytest.raises(error.LibraryShutdown):
        await pair.client.unobserve(observation).response
