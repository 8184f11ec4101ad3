"""Requests to an endpoint datagram by datagram: duplicates, late answers, resets, malformed ones."""

from __future__ import annotations

import asyncio

import pytest
from coap_bench import CONTENT, PATH_A, Bench, on_bench
from coap_fakes import ACK, CON, NON, RST, STRANGER, datagram

from modemsim.clock import run


@on_bench
async def test_a_duplicate_request_gets_the_same_answer_and_is_served_once(bench: Bench) -> None:
    request = datagram(CON, 0x01, 0x2000, b"\x05", PATH_A)
    bench.socket.deliver(request)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    bench.socket.deliver(request)
    answer = datagram(ACK, CONTENT, 0x2000, b"\x05", b"\xffnow")
    assert bench.socket.take() == [answer, answer]
    await asyncio.sleep(300)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    assert len(bench.device.requests) == 2


@on_bench
async def test_the_answer_to_a_duplicate_is_not_mixed_up_with_own_message_ids(bench: Bench) -> None:
    await bench.observed()
    own = bench.device.notify(b"first", con=False)
    request = datagram(CON, 0x01, own + 1, b"\x05", PATH_A)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    assert bench.device.notify(b"second", con=False) == own + 1
    bench.socket.take()
    bench.socket.deliver(request)
    assert bench.socket.take() == [datagram(ACK, CONTENT, own + 1, b"\x05", b"\xffnow")]


@on_bench
async def test_a_duplicate_non_request_is_dropped(bench: Bench) -> None:
    request = datagram(NON, 0x01, 0x2000, b"\x05", PATH_A)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    assert len(bench.device.requests) == 1
    (answer,) = bench.socket.take()
    assert answer[0] >> 4 & 3 == NON


@on_bench
async def test_a_slow_answer_is_acknowledged_first(bench: Bench) -> None:
    bench.device.hold = asyncio.Event()
    request = datagram(CON, 0x01, 0x2000, b"\x05", PATH_A)
    bench.socket.deliver(request)
    await asyncio.sleep(0.2)
    bench.socket.deliver(request)
    assert bench.socket.take() == [datagram(ACK, 0, 0x2000)] * 2
    bench.device.hold.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (answer,) = bench.socket.take()
    assert answer == datagram(CON, CONTENT, bench.endpoint._messages._message_id, b"\x05", b"\xffnow")
    assert bench.socket.instants[0] == pytest.approx(0.1)


@on_bench
async def test_a_repeated_token_before_the_answer(bench: Bench) -> None:
    bench.socket.deliver(datagram(CON, 0x01, 0x2000, b"\x05", PATH_A))
    bench.socket.deliver(datagram(CON, 0x01, 0x2001, b"\x05", PATH_A))
    await asyncio.sleep(1)
    assert bench.socket.take() == [datagram(ACK, CONTENT, 0x2001, b"\x05", b"\xffnow")]


@on_bench
async def test_ping(bench: Bench) -> None:
    bench.socket.deliver(datagram(CON, 0, 0x3000))
    bench.socket.deliver(datagram(NON, 0, 0x3001))
    assert bench.socket.take() == [datagram(RST, 0, 0x3000)]


@pytest.mark.parametrize("mtype", [CON, NON])
def test_a_response_that_nobody_asked_for_is_reset(mtype: int) -> None:
    async def main() -> None:
        bench = Bench()
        bench.socket.deliver(datagram(mtype, CONTENT, 0x3000, b"\x09", b"\xffx"))
        assert bench.socket.take() == [datagram(RST, 0, 0x3000)]
        bench.socket.deliver(datagram(ACK, CONTENT, 0x3000, b"\x09", b"\xffx"))
        bench.socket.deliver(datagram(RST, 0, 0x3000))
        assert bench.socket.take() == []
        bench.endpoint.close()

    run(main(), virtual=True)


@on_bench
async def test_malformed_datagrams_are_traced_and_reset(bench: Bench) -> None:
    bench.socket.deliver(datagram(CON, 0x01, 0x4000, rest=b"\xff"), STRANGER)
    bench.socket.deliver(b"noise")
    assert bench.socket.take() == [datagram(RST, 0, 0x4000)]
    assert bench.socket.peers == [STRANGER]
    shown = [r.fields for r in bench.trace.recent() if r.event == "malformed"]
    assert shown == [
        {
            "peer": "192.0.2.66:5683",
            "reason": "payload marker without payload",
            "length": 5,
            "data": b"\x40\x01\x40\x00\xff",
        },
        {"peer": "192.0.2.1:5683", "reason": "token length", "length": 5, "data": b"noise"},
    ]


@on_bench
async def test_no_response_option(bench: Bench) -> None:
    unwanted = b"\xb1a\xd1\xea\x02"
    bench.socket.deliver(datagram(CON, 0x01, 0x2000, b"\x05", unwanted))
    bench.socket.deliver(datagram(NON, 0x01, 0x2001, b"\x06", unwanted))
    await asyncio.sleep(0)
    assert bench.socket.take() == [datagram(ACK, 0, 0x2000)]
