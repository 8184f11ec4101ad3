"""The message layer datagram by datagram: types, ids, instants, resets, duplicates, order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import aiocoap
import pytest
from aiocoap import GET, Message, Reliable, Unreliable, error
from coap_fakes import ACK, CON, NON, RST, SERVER, STRANGER, FakeSocket, datagram

from modemsim.clock import run
from modemsim.coap.endpoint import Endpoint, MessageEvent, Tuning
from modemsim.trace import Trace

BC260Y = Tuning(ack_timeout=4.0, ack_random_factor=1.0, max_retransmit=4)
_PATH_A = b"\xb1a"
_OBSERVE_A = b"\x60\x51a"
_2_05 = 0x45


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
        self.socket.deliver(datagram(CON, 0x01, mid, token, _OBSERVE_A))
        await asyncio.sleep(0)
        assert self.socket.take()[-1] == datagram(ACK, _2_05, mid, token, b"\x60\xffnow")


def on_bench(test: Callable[[Bench], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test with a bench on the virtual clock; afterwards nothing may be left of the endpoint."""

    async def main() -> None:
        bench = Bench()
        await test(bench)
        bench.endpoint.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not bench.socket.open
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def wrapper() -> None:
        run(main(), virtual=True)

    wrapper.__name__ = test.__name__
    wrapper.__doc__ = test.__doc__
    return wrapper


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
    answer = datagram(CON, _2_05, 0x7000, bench.socket.token(), b"\xffyes")
    bench.socket.take()
    bench.socket.deliver(answer)
    assert (await request.response).payload == b"yes"
    bench.socket.deliver(answer)
    assert bench.socket.take() == [datagram(ACK, 0, 0x7000)] * 2


@on_bench
async def test_a_response_stops_retransmission_though_the_ack_was_lost(bench: Bench) -> None:
    request = bench.get()
    await asyncio.sleep(5)
    bench.socket.deliver(datagram(NON, _2_05, 0x7000, bench.socket.token(), b"\xffyes"))
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
    bench.socket.deliver(datagram(ACK, _2_05, bench.socket.mid(), bench.socket.token()))
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
    bench.socket.deliver(datagram(ACK, _2_05, bench.socket.mid(), bench.socket.token()), STRANGER)
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
    bench.socket.deliver(datagram(ACK, _2_05, mid, token))
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
async def test_a_duplicate_request_gets_the_same_answer_and_is_served_once(bench: Bench) -> None:
    request = datagram(CON, 0x01, 0x2000, b"\x05", _PATH_A)
    bench.socket.deliver(request)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    bench.socket.deliver(request)
    answer = datagram(ACK, _2_05, 0x2000, b"\x05", b"\xffnow")
    assert bench.socket.take() == [answer, answer]
    await asyncio.sleep(300)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    assert len(bench.device.requests) == 2


@on_bench
async def test_the_answer_to_a_duplicate_is_not_mixed_up_with_own_message_ids(bench: Bench) -> None:
    await bench.observed()
    own = bench.device.notify(b"first", con=False)
    request = datagram(CON, 0x01, own + 1, b"\x05", _PATH_A)
    bench.socket.deliver(request)
    await asyncio.sleep(0)
    assert bench.device.notify(b"second", con=False) == own + 1
    bench.socket.take()
    bench.socket.deliver(request)
    assert bench.socket.take() == [datagram(ACK, _2_05, own + 1, b"\x05", b"\xffnow")]


@on_bench
async def test_a_duplicate_non_request_is_dropped(bench: Bench) -> None:
    request = datagram(NON, 0x01, 0x2000, b"\x05", _PATH_A)
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
    request = datagram(CON, 0x01, 0x2000, b"\x05", _PATH_A)
    bench.socket.deliver(request)
    await asyncio.sleep(0.2)
    bench.socket.deliver(request)
    assert bench.socket.take() == [datagram(ACK, 0, 0x2000)] * 2
    bench.device.hold.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (answer,) = bench.socket.take()
    assert answer == datagram(CON, _2_05, bench.endpoint._messages._message_id, b"\x05", b"\xffnow")
    assert bench.socket.instants[0] == pytest.approx(0.1)


@on_bench
async def test_a_repeated_token_before_the_answer(bench: Bench) -> None:
    bench.socket.deliver(datagram(CON, 0x01, 0x2000, b"\x05", _PATH_A))
    bench.socket.deliver(datagram(CON, 0x01, 0x2001, b"\x05", _PATH_A))
    await asyncio.sleep(1)
    assert bench.socket.take() == [datagram(ACK, _2_05, 0x2001, b"\x05", b"\xffnow")]


@on_bench
async def test_ping(bench: Bench) -> None:
    bench.socket.deliver(datagram(CON, 0, 0x3000))
    bench.socket.deliver(datagram(NON, 0, 0x3001))
    assert bench.socket.take() == [datagram(RST, 0, 0x3000)]


@pytest.mark.parametrize("mtype", [CON, NON])
def test_a_response_that_nobody_asked_for_is_reset(mtype: int) -> None:
    async def main() -> None:
        bench = Bench()
        bench.socket.deliver(datagram(mtype, _2_05, 0x3000, b"\x09", b"\xffx"))
        assert bench.socket.take() == [datagram(RST, 0, 0x3000)]
        bench.socket.deliver(datagram(ACK, _2_05, 0x3000, b"\x09", b"\xffx"))
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
async def test_no_response_option(bench: Bench) -> None:
    unwanted = b"\xb1a\xd1\xea\x02"
    bench.socket.deliver(datagram(CON, 0x01, 0x2000, b"\x05", unwanted))
    bench.socket.deliver(datagram(NON, 0x01, 0x2001, b"\x06", unwanted))
    await asyncio.sleep(0)
    assert bench.socket.take() == [datagram(ACK, 0, 0x2000)]


@on_bench
async def test_close_in_the_middle_of_everything(bench: Bench) -> None:
    await bench.observed()
    bench.device.notify(b"1", con=True)
    bench.device.notify(b"2", con=True)
    waiting = bench.get()
    blockwise = bench.endpoint.request(Message(code=GET, payload=b"x" * 3000), SERVER)
    unawaited = bench.get("never awaited")
    bench.device.hold = asyncio.Event()
    bench.socket.deliver(datagram(CON, 0x01, 0x2000, b"\x05", _PATH_A))
    await asyncio.sleep(0.01)
    bench.socket.deliver(datagram(CON, 0x01, 0x2001, b"\x06", _PATH_A))
    bench.socket.take()
    bench.endpoint.close()
    bench.endpoint.close()
    for request in (waiting, blockwise, bench.get()):
        with pytest.raises(error.LibraryShutdown):
            await request.response
    bench.socket.deliver(datagram(CON, 0x01, 0x2002, b"\x07", _PATH_A))
    assert unawaited.response.done()
    assert [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()] == []
    await asyncio.sleep(500)
    assert bench.socket.take() == []
