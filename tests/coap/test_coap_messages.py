"""The message layer datagram by datagram: types, ids, instants, resets, duplicates, order."""

from __future__ import annotations

import asyncio
import random

import aiocoap
import pytest
from aiocoap import GET, Message, Unreliable, error
from coap_bench import CONTENT, PATH_A, Bench, on_bench
from coap_fakes import ACK, CON, NON, RST, SERVER, STRANGER, datagram

from modemsim.clock import run
from modemsim.coap.endpoint import Tuning


@on_bench
async def test_retransmission_instants(bench: Bench) -> None:
    request = bench.get()
    with pytest.raises(error.ConRetransmitsExceeded):
        await request.response
    assert bench.socket.instants == [0, 4, 12, 28, 60]
    assert asyncio.get_running_loop().time() == 124
    assert len(set(bench.socket.sent)) == 1
    mid = bench.socket.mid()
    assert bench.told("tx", "retx", "timeout") == [("tx", mid), *[("retx", mid)] * 4, ("timeout", mid)]
    assert [r.event for r in bench.trace.recent()] == ["tx"] * 5


@on_bench
async def test_tuning_is_read_at_each_transmission(bench: Bench) -> None:
    bench.endpoint.tuning = Tuning(ack_timeout=10.0, ack_random_factor=1.0, max_retransmit=1)
    with pytest.raises(error.ConRetransmitsExceeded):
        await bench.get().response
    assert bench.socket.instants == [0, 10]
    assert asyncio.get_running_loop().time() == 30


@on_bench
async def test_jitter_comes_from_the_stream(bench: Bench) -> None:
    bench.endpoint.tuning = Tuning()
    with pytest.raises(error.ConRetransmitsExceeded):
        await bench.get().response
    stream = random.Random(7)
    mid = (stream.getrandbits(16) + 1) & 0xFFFF
    token = stream.getrandbits(32).to_bytes(4, "big")
    assert (bench.socket.mid(0), bench.socket.token(0)) == (mid, token)
    assert bench.socket.instants[1] == pytest.approx(2 * stream.uniform(1, 1.5))


@on_bench
async def test_acknowledged_but_not_answered_is_given_up(bench: Bench) -> None:
    request = bench.get()
    bench.socket.deliver(datagram(ACK, 0, bench.socket.mid()))
    with pytest.raises(error.RequestTimedOut):
        await request.response
    assert asyncio.get_running_loop().time() == 124
    assert bench.socket.instants == [0]


@on_bench
async def test_a_non_request_is_given_up(bench: Bench) -> None:
    request = bench.get(transport_tuning=Unreliable())
    with pytest.raises(error.RequestTimedOut):
        await request.response
    assert bench.socket.instants == [0]
    assert bench.socket.sent[0][0] >> 4 & 3 == NON


@on_bench
async def test_separate_response(bench: Bench) -> None:
    request = bench.get()
    bench.socket.deliver(datagram(ACK, 0, bench.socket.mid()))
    answer = datagram(CON, CONTENT, 0x7000, bench.socket.token(), b"\xffyes")
    bench.socket.take()
    bench.socket.deliver(answer)
    assert (await request.response).payload == b"yes"
    bench.socket.deliver(answer)
    assert bench.socket.take() == [datagram(ACK, 0, 0x7000)] * 2


@on_bench
async def test_a_response_stops_retransmission_though_the_ack_was_lost(bench: Bench) -> None:
    request = bench.get()
    await asyncio.sleep(5)
    bench.socket.deliver(datagram(NON, CONTENT, 0x7000, bench.socket.token(), b"\xffyes"))
    assert (await request.response).payload == b"yes"
    await asyncio.sleep(200)
    assert bench.socket.instants == [0, 4]


@on_bench
async def test_a_cancelled_request_is_not_sent_again(bench: Bench) -> None:
    first, second = bench.get("a"), bench.get("b")
    first.response.cancel()
    await asyncio.sleep(0)
    assert len(bench.socket.sent) == 2
    second.response.cancel()
    await asyncio.sleep(300)
    assert len(bench.socket.sent) == 2


@on_bench
async def test_a_cancelled_request_in_the_queue_is_never_sent(bench: Bench) -> None:
    first, second = bench.get("a"), bench.get("b")
    second.response.cancel()
    await asyncio.sleep(0)
    bench.socket.deliver(datagram(ACK, CONTENT, bench.socket.mid(), bench.socket.token()))
    await first.response
    assert len(bench.socket.sent) == 1


@on_bench
async def test_reset_of_a_request(bench: Bench) -> None:
    request = bench.get()
    bench.socket.deliver(datagram(RST, 0, bench.socket.mid()))
    with pytest.raises(error.MessageError):
        await request.response
    assert bench.told("rst") == [("rst", bench.socket.mid())]


@on_bench
async def test_answers_of_another_address_count_for_nothing(bench: Bench) -> None:
    request = bench.get()
    bench.socket.deliver(datagram(ACK, CONTENT, bench.socket.mid(), bench.socket.token()), STRANGER)
    bench.socket.deliver(datagram(RST, 0, bench.socket.mid()), STRANGER)
    await asyncio.sleep(1)
    assert not request.response.done()


@on_bench
async def test_one_confirmable_at_a_time_and_order_kept(bench: Bench) -> None:
    await bench.observed()
    first = bench.device.notify(b"1", con=True)
    second = bench.device.notify(b"2", con=True)
    third = bench.device.notify(b"3", con=False)
    assert [data[-1:] for data in bench.socket.take()] == [b"1"]
    bench.socket.deliver(datagram(ACK, 0, first))
    assert [data[-1:] for data in bench.socket.take()] == [b"2", b"3"]
    bench.socket.deliver(datagram(ACK, 0, second))
    assert bench.told("ack") == [("ack", first), ("ack", second)]
    assert [third, second] == [first + 2, first + 1]


@on_bench
async def test_nstart_may_be_larger(bench: Bench) -> None:
    bench.endpoint.tuning = Tuning(4.0, 1.0, 4, nstart=2)
    await bench.observed()
    for payload in (b"1", b"2", b"3"):
        bench.device.notify(payload, con=True)
    assert [data[-1:] for data in bench.socket.take()] == [b"1", b"2"]


@on_bench
async def test_a_non_goes_out_while_a_con_waits_for_its_ack(bench: Bench) -> None:
    await bench.observed()
    bench.device.notify(b"1", con=True)
    bench.device.notify(b"2", con=False)
    assert [data[-1:] for data in bench.socket.take()] == [b"1", b"2"]


@on_bench
async def test_a_timeout_ends_nothing_but_its_exchange(bench: Bench) -> None:
    await bench.observed(0x1000, b"\x01")
    await bench.observed(0x1001, b"\x02")
    lost = bench.device.notify(b"lost", con=True, pipe=0)
    kept = bench.device.notify(b"kept", con=True, pipe=1)
    other = bench.get("b")
    await asyncio.sleep(124)
    assert bench.told("timeout") == [("timeout", lost)]
    bench.socket.deliver(datagram(ACK, 0, kept))
    token, mid = bench.socket.token(), bench.socket.mid()
    bench.socket.deliver(datagram(ACK, CONTENT, mid, token))
    assert (await other.response).code == aiocoap.CONTENT
    bench.socket.take()
    bench.device.notify(b"x", con=False, pipe=0)
    bench.device.notify(b"y", con=False, pipe=1)
    assert [data[-1:] for data in bench.socket.take()] == [b"x", b"y"]


@pytest.mark.parametrize("con", [True, False])
def test_reset_of_a_notification_ends_its_observation(con: bool) -> None:
    async def main() -> None:
        bench = Bench()
        await bench.observed(0x1000, b"\x01")
        await bench.observed(0x1001, b"\x02")
        mid = bench.device.notify(b"x", con=con, pipe=0)
        bench.socket.deliver(datagram(RST, 0, mid))
        bench.socket.deliver(datagram(RST, 0, mid))
        assert bench.told("rst") == [("rst", mid)]
        bench.socket.take()
        bench.device.notify(b"y", con=False, pipe=1)
        assert [data[-1:] for data in bench.socket.take()] == [b"y"]
        bench.endpoint.close()

    run(main(), virtual=True)


@on_bench
async def test_trace_and_release_assistance(bench: Bench) -> None:
    message = Message(code=GET, uri_path=("19", "0"))
    bench.endpoint.request(message, SERVER, rai=2, blockwise=False)
    (record,) = bench.trace.recent()
    assert (record.layer, record.event) == ("coap", "tx")
    assert record.fields == {
        "peer": "192.0.2.1:5683",
        "type": "CON",
        "code": "GET",
        "mid": message.mid,
        "token": message.token.hex(),
        "path": "/19/0",
        "length": len(bench.socket.sent[0]),
        "data": bench.socket.sent[0],
    }
    assert bench.socket.rai == [2]


@on_bench
async def test_close_in_the_middle_of_everything(bench: Bench) -> None:
    await bench.observed()
    bench.device.notify(b"1", con=True)
    bench.device.notify(b"2", con=True)
    waiting = bench.get()
    blockwise = bench.endpoint.request(Message(code=GET, payload=b"x" * 3000), SERVER)
    unawaited = bench.get("never awaited")
    bench.device.hold = asyncio.Event()
    bench.socket.deliver(datagram(CON, 0x01, 0x2000, b"\x05", PATH_A))
    await asyncio.sleep(0.01)
    bench.socket.deliver(datagram(CON, 0x01, 0x2001, b"\x06", PATH_A))
    bench.socket.take()
    bench.endpoint.close()
    bench.endpoint.close()
    for request in (waiting, blockwise, bench.get()):
        with pytest.raises(error.LibraryShutdown):
            await request.response
    bench.socket.deliver(datagram(CON, 0x01, 0x2002, b"\x07", PATH_A))
    assert unawaited.response.done()
    assert [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()] == []
    await asyncio.sleep(500)
    assert bench.socket.take() == []


@on_bench
async def test_what_waits_for_a_connection_is_retransmitted_from_when_it_stands(bench: Bench) -> None:
    waiting = True
    bench.endpoint.hold_while(lambda: waiting)
    request = bench.get()
    await asyncio.sleep(50)
    assert bench.socket.instants == [0]
    waiting = False
    bench.endpoint.connected()
    with pytest.raises(error.ConRetransmitsExceeded):
        await request.response
    assert bench.socket.instants == [0, 54, 62, 78, 110]


@on_bench
async def test_without_a_connection_everything_that_waits_has_failed(bench: Bench) -> None:
    request = bench.get()
    problem = error.NetworkError("no connection")
    bench.endpoint.disconnected(problem)
    with pytest.raises(error.NetworkError) as raised:
        await request.response
    assert raised.value is problem
    assert asyncio.get_running_loop().time() == 0
    await asyncio.sleep(200)
    assert bench.socket.instants == [0]
