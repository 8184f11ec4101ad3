"""Registration, its upkeep and its end, octet by octet and second by second."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiocoap import GET, POST, Message
from aiocoap.numbers.codes import Code
from lwm2m_bench import LINKS, OPAQUE, TLV, UPLINK, Bench, code_of, on_bench

from modemsim.clock import run
from modemsim.coap.endpoint import Endpoint, PlainSocket, Tuning
from modemsim.lwm2m.client import Client
from modemsim.lwm2m.objects import appdata_downlink
from modemsim.lwm2m.policy import Policy
from modemsim.lwm2m.states import ClientState, InvalidTransition
from modemsim.lwm2m.tree import ObjectTree

PAYLOAD = b'</>;rt="oma.lwm2m",</1/0>,</3/0>,</4/0>,</19/0>,</5/0>'
REGISTER = b"\xb2rd\x11\x28\x39lwm2m=1.0\x0d\x05ep=860000000000001\x03b=U\xff" + PAYLOAD
REGISTER_LT = REGISTER.replace(b"\x03b=U", b"\x03b=U\x08lt=86400")


@on_bench()
async def test_registration_octets_without_lifetime(bench: Bench) -> None:
    await bench.registered()
    data = bench.server.wire[0]
    assert data[:2] == b"\x44\x02"
    assert data[8:] == REGISTER
    stream = random.Random("1/coap")
    assert int.from_bytes(data[2:4], "big") == (stream.getrandbits(16) + 1) & 0xFFFF
    assert data[4:8] == stream.getrandbits(32).to_bytes(4, "big")
    assert bench.client.location == "/rd/5a3f"
    assert bench.states() == [("registering", None), ("registered", None)]
    await asyncio.sleep(1e6)
    assert len(bench.server.requests) == 1


@on_bench(lifetime=86400)
async def test_registration_octets_with_lifetime(bench: Bench) -> None:
    await bench.registered()
    assert bench.server.wire[0][8:] == REGISTER_LT


@on_bench(lifetime=86400, lifetime_in_register=False)
async def test_a_lifetime_that_is_not_told(bench: Bench) -> None:
    await bench.registered()
    assert bench.server.wire[0][8:] == REGISTER


@on_bench(
    version="1.1",
    binding="UQ",
    links=("1/0", "2", "3/0", "4/0", "5/0", "6/0", "19/0", "19/1"),
)
async def test_registration_as_a_profile_wants_it(bench: Bench) -> None:
    await bench.registered()
    ((_, _, query, payload),) = bench.server.requests
    assert query == ("lwm2m=1.1", "ep=860000000000001", "b=U", "Q")
    assert payload == (b'</>;rt="oma.lwm2m",</1/0>,</2>,</3/0>,</4/0>,</5/0>,</6/0>,</19/0>,</19/1>')


@on_bench(links=(), root="")
async def test_registration_lists_everything_but_object_0(bench: Bench) -> None:
    await bench.registered()
    assert bench.server.requests[0][3] == b"</1/0>,</3/0>,</4/0>,</5/0>,</19/0>,</19/1>"


@on_bench(links=tuple(f"{number}/0" for number in range(1, 400)))
async def test_a_long_registration_goes_out_in_blocks(bench: Bench) -> None:
    await bench.registered()
    payload = bench.server.requests[0][3]
    assert [len(data) > 1000 for data in bench.server.wire] == [True, True, True, False]
    assert payload.endswith(b"</399/0>")


@pytest.mark.parametrize("code", [Code.FORBIDDEN, Code.BAD_REQUEST, Code.PRECONDITION_FAILED])
def test_a_refused_registration(code: Code) -> None:
    @on_bench(lifetime=300)
    async def scenario(bench: Bench) -> None:
        bench.server.answers["register"] = code
        assert not await bench.client.register()
        assert bench.client.state is ClientState.REJECTED
        assert bench.states() == [("registering", None), ("rejected", code.dotted)]
        await asyncio.sleep(10_000)
        assert len(bench.server.requests) == 1
        bench.server.answers["register"] = Code.CREATED
        assert await bench.client.register()

    scenario()


@on_bench(lifetime=300)
async def test_an_unanswered_registration(bench: Bench) -> None:
    bench.server.deaf = True
    assert not await bench.client.register()
    assert asyncio.get_running_loop().time() == 124
    assert bench.server.instants == [0, 4, 12, 28, 60]
    assert len(set(bench.server.wire)) == 1
    assert bench.states() == [("registering", None), ("timeout", "timeout")]
    await asyncio.sleep(10_000)
    assert len(bench.server.wire) == 5


@on_bench()
async def test_the_timing_follows_the_coverage(bench: Bench) -> None:
    bench.server.deaf = True
    bench.client.tuning = Tuning(ack_timeout=10.0, ack_random_factor=1.0, max_retransmit=4)
    assert bench.client.tuning.ack_timeout == 10
    await bench.client.register()
    assert bench.server.instants == [0, 10, 30, 70, 150]


@on_bench()
async def test_a_reset_registration_is_a_refusal(bench: Bench) -> None:
    socket = bench.server.socket
    socket.receiver = lambda data, sender: socket.send(b"\x70\x00" + data[2:4], sender)
    assert not await bench.client.register()
    assert bench.states()[-1] == ("rejected", "rst")


@on_bench()
async def test_registering_twice_at_once_is_a_mistake(bench: Bench) -> None:
    bench.server.deaf = True
    first = asyncio.create_task(bench.client.register())
    await asyncio.sleep(1)
    with pytest.raises(InvalidTransition, match="registering cannot be register"):
        await bench.client.register()
    assert not await bench.client.deregister()
    assert not await bench.client.update()
    bench.client.close()
    assert not await first
    assert bench.client.state is ClientState.IDLE
    assert bench.states() == [("registering", None)]


@on_bench(lifetime=300)
async def test_automatic_update(bench: Bench) -> None:
    server = await bench.registered()
    await asyncio.sleep(269.9)
    assert len(server.requests) == 1
    await asyncio.sleep(0.2)
    assert server.requests[1:] == [(POST, "/rd/5a3f", (), b"")]
    assert server.wire[-1][8:] == b"\xb2rd\x045a3f"
    await asyncio.sleep(270)
    assert len(server.requests) == 3
    assert bench.values("lwm2m.updated", "automatic") == [True] * 2


@on_bench(lifetime=300)
async def test_update_by_hand(bench: Bench) -> None:
    assert not await bench.client.update()
    server = await bench.registered()
    await asyncio.sleep(200)
    assert await bench.client.update()
    assert await bench.client.update(lifetime=300, binding="U")
    assert await bench.client.update(lifetime=900, binding="UQ")
    assert [request[2] for request in server.requests[1:]] == [(), (), ("lt=900", "b=UQ")]
    assert (bench.client.lifetime, bench.client.binding) == (900, "UQ")
    assert bench.values("lwm2m.updated", "automatic") == [False] * 3
    await asyncio.sleep(809)
    assert len(server.requests) == 4
    await asyncio.sleep(2)
    assert len(server.requests) == 5


@on_bench(lifetime=300)
async def test_a_refused_update_leads_to_a_new_registration(bench: Bench) -> None:
    server = await bench.registered()
    server.answers["update"] = Code.NOT_FOUND
    assert not await bench.client.update()
    assert bench.client.state is ClientState.REGISTERED
    assert bench.values("lwm2m.update_failed", "reason") == ["4.04"]
    assert [request[1] for request in server.requests] == ["/rd", "/rd/5a3f", "/rd"]
    assert bench.states() == [("registering", None), ("registered", None)] * 2


@on_bench(lifetime=300)
async def test_an_unanswered_update_leads_to_a_registration_that_fails(bench: Bench) -> None:
    server = await bench.registered()
    server.deaf = True
    await asyncio.sleep(270 + 124 + 124 + 1)
    assert bench.values("lwm2m.update_failed", "reason") == ["timeout"]
    assert bench.states()[2:] == [("registering", None), ("timeout", "timeout")]
    assert bench.client.location is None
    await asyncio.sleep(10_000)
    assert len(server.wire) == 1 + 5 + 5


@pytest.mark.parametrize(("answer", "state"), [(Code.NOT_FOUND, "rejected"), (None, "timeout")])
def test_a_failed_update_may_end_the_registration(answer: Code | None, state: str) -> None:
    @on_bench(lifetime=300, reregister_on_failed_update=False)
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        server.deaf = answer is None
        server.answers["update"] = answer or Code.CHANGED
        assert not await bench.client.update()
        assert str(bench.client.state) == state

    scenario()


@on_bench(lifetime=300)
async def test_deregister(bench: Bench) -> None:
    server = await bench.registered()
    await server.observe("/19/0/0")
    assert await bench.client.deregister()
    assert server.requests[-1][:2] == (Code.DELETE, "/rd/5a3f")
    assert bench.states()[2:] == [("deregistering", None), ("deregistered", None)]
    assert not bench.client.observed(UPLINK)
    assert not await bench.client.deregister()
    await asyncio.sleep(10_000)
    assert len(server.requests) == 2
    assert await bench.client.register()


@pytest.mark.parametrize(("answer", "reason"), [(Code.NOT_FOUND, "4.04"), (None, "timeout")])
def test_deregistered_whatever_the_server_says(answer: Code | None, reason: str) -> None:
    @on_bench()
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        server.deaf = answer is None
        server.answers["leave"] = answer or Code.DELETED
        assert not await bench.client.deregister()
        assert bench.states()[2:] == [("deregistering", None), ("deregistered", reason)]
        assert asyncio.get_running_loop().time() == (124 if answer is None else 0)

    scenario()


@on_bench(lifetime=300)
async def test_close_during_update_and_deregister(bench: Bench) -> None:
    server = await bench.registered()
    server.deaf = True
    update = asyncio.create_task(bench.client.update())
    await asyncio.sleep(1)
    leave = asyncio.create_task(bench.client.deregister())
    await asyncio.sleep(1)
    seen, told = len(server.wire), len(bench.events)
    bench.client.close()
    bench.client.close()
    assert not await update
    assert not await leave
    await asyncio.sleep(10_000)
    assert (len(server.wire), len(bench.events)) == (seen, told)
    assert bench.client.state is ClientState.IDLE


@on_bench(lifetime=300)
async def test_close_during_an_automatic_update(bench: Bench) -> None:
    server = await bench.registered()
    server.deaf = True
    await asyncio.sleep(280)
    bench.client.close()
    await asyncio.sleep(1000)
    assert bench.told("lwm2m.update_failed") == []


@on_bench(lifetime=300)
async def test_deregister_while_an_update_is_under_way(bench: Bench) -> None:
    server = await bench.registered()
    update = asyncio.create_task(bench.client.update())
    await asyncio.sleep(0)
    assert await bench.client.deregister()
    assert not await update
    assert [request[1] for request in server.requests] == ["/rd", "/rd/5a3f", "/rd/5a3f"]
    assert bench.client.state is ClientState.DEREGISTERED


@on_bench(lifetime=300)
async def test_server_object_tells_and_changes_the_registration(bench: Bench) -> None:
    server = await bench.registered()
    assert await server.get("/1/0/1") == ("2.05", 0, b"300")
    assert await server.get("/1/0/7") == ("2.05", 0, b"U")
    assert await server.post("/1/0/8") == "2.04"
    assert await server.put("/1/0/1", b"900", 0) == "2.04"
    assert await server.put("/1/0/7", b"UQ", 0) == "2.04"
    await asyncio.sleep(0.1)
    assert [request[2] for request in server.requests[1:]] == [(), ("lt=900",), ("b=UQ",)]
    assert bench.client.lifetime == 900
    assert await server.put("/1/0/1", b"0", 0) == "4.00"
    assert await server.put("/1/0/7", b"SMS", 0) == "4.00"


@on_bench()
async def test_a_request_before_registration_is_refused(bench: Bench) -> None:
    stranger = bench.server.endpoint
    to = bench.client._endpoint.local
    assert code_of(await stranger.ask(Message(code=GET, uri_path=("3", "0")), to)) == "4.01"


@on_bench()
async def test_a_stranger_is_refused_and_changes_nothing(bench: Bench) -> None:
    server = await bench.registered()
    await server.observe("/19/0/0")
    stranger = Endpoint(PlainSocket(), None, stream=random.Random(3), token_length=8)
    to = bench.client._endpoint.local
    for message in (
        Message(code=GET, uri_path=("3", "0", "0")),
        Message(code=GET, uri_path=("3", "0", "0"), observe=0),
        Message(code=GET, uri_path=("19", "0", "0"), observe=1),
        Message(code=Code.PUT, uri_path=("19", "1", "0"), payload=b"x", content_format=OPAQUE),
        Message(code=Code.PUT, uri_path=("3",), uri_query=("pmin=1",)),
        Message(code=POST, uri_path=("3", "0", "4")),
        Message(code=GET, uri_path=("nothing",)),
    ):
        assert code_of(await stranger.ask(message, to, blockwise=False)) == "4.01"
    assert bench.downlinks == []
    assert bench.module["executed"] == []
    assert bench.client.observed(UPLINK)
    assert not bench.client.observed((3, 0, 0))
    assert [topic for topic, _ in bench.events] == ["lwm2m.state"] * 2 + ["lwm2m.observed"]
    stranger.close()


def test_a_request_in_the_same_burst_as_the_registration_answer_is_served() -> None:
    """Platforms observe /19/0/0 right behind 2.01: both datagrams may be read in one turn of the loop."""

    async def main() -> None:
        bench = Bench()
        socket = bench.server.socket
        answers: list[bytes] = []

        def burst(data: bytes, sender: tuple[str, int]) -> None:
            if data[1] == POST:
                socket.send(b"\x64\x41" + data[2:8] + b"\x82rd\x04" + b"5a3f", sender)
                socket.send(b"\x41\x01\x77\x77\x09\x60\x52" + b"19\x010\x010\x61\x2a", sender)
            else:
                answers.append(data)

        socket.receiver = burst
        assert await bench.client.register()
        await asyncio.sleep(0.01)
        assert answers == [b"\x61\x45\x77\x77\x09\x60\x61\x2a\xff\x00"]
        bench.close()

    run(main(), virtual=True)


def test_a_request_that_overtakes_the_registration_answer_is_asked_again() -> None:
    """On the air datagrams overtake each other: an early Observe is not refused but goes unanswered."""

    async def main() -> None:
        bench = Bench()
        socket = bench.server.socket
        answers: list[bytes] = []
        observe = b"\x41\x01\x77\x77\x09\x60\x52" + b"19\x010\x010\x61\x2a"

        def early(data: bytes, sender: tuple[str, int]) -> None:
            if data[1] != POST:
                answers.append(data)
                return
            loop = asyncio.get_running_loop()
            socket.send(observe, sender)
            loop.call_later(1, socket.send, b"\x64\x41" + data[2:8] + b"\x82rd\x04" + b"5a3f", sender)
            loop.call_later(2, socket.send, observe, sender)

        socket.receiver = early
        assert await bench.client.register()
        assert answers == []
        await asyncio.sleep(2)
        assert answers == [b"\x61\x45\x77\x77\x09\x60\x61\x2a\xff\x00"]
        bench.close()

    run(main(), virtual=True)


@on_bench()
async def test_two_clients_of_one_tree_one_after_the_other(bench: Bench) -> None:
    await bench.registered()
    bench.client.close()
    bench.client = bench.make(1200)
    server = await bench.registered()
    assert (await server.get("/1/0/1"))[2] == b"1200"


@on_bench(lifetime=300)
async def test_everything_is_traced(bench: Bench) -> None:
    await bench.registered()
    shown = [(r.event, r.fields["type"], r.fields["code"], r.fields["path"]) for r in bench.trace.recent()]
    assert shown == [("tx", "CON", "POST", "/rd"), ("rx", "ACK", "2.01", "/")]


def test_a_client_without_a_server_object() -> None:
    async def main() -> None:
        client = Client(
            name="x",
            server=("127.0.0.1", 9),
            lifetime=0,
            socket=PlainSocket(),
            objects=ObjectTree(appdata_downlink(print)),
            policy=Policy(),
            tuning=Tuning(),
            stream=random.Random(1),
            publish=lambda topic, **fields: None,
            trace=None,
        )
        assert client.location is None
        assert client.binding == "U"
        client.close()

    run(main(), virtual=True)


def test_policy_defaults() -> None:
    policy = Policy()
    assert (policy.version, policy.binding, policy.update_at, policy.observe_answer) == (
        "1.0",
        "U",
        0.9,
        b"\0",
    )
    assert LINKS[0] == "1/0"
    assert TLV == 11542
