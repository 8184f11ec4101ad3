"""Observations: data by hand, values by attribute, and every way in which they end."""

from __future__ import annotations

import asyncio

import pytest
from lwm2m_bench import LINK, OPAQUE, TEXT, TLV, UPLINK, Bench, FakeServer, code_of, on_bench

from modemsim.coap.endpoint import Tuning

SIGNAL = (4, 0, 2)


async def observed(bench: Bench) -> FakeServer:
    server = await bench.registered()
    await server.observe("/19/0/0", OPAQUE)
    return server


def reports(bench: Bench) -> list[tuple[int, str]]:
    return [(told["message_id"], told["outcome"]) for told in bench.told("lwm2m.report")]


@on_bench()
async def test_observe_answer_octets(bench: Bench) -> None:
    server = await bench.registered()
    observation, answer = await server.observe("/19/0/0", OPAQUE)
    mid, token = answer.mid.to_bytes(2, "big"), observation.request.token
    assert server.wire[-1] == b"\x68\x45" + mid + token + b"\x60\x61\x2a\xff\x00"
    assert bench.told("lwm2m.observed") == [{"path": UPLINK, "active": True, "cause": "observe"}]
    assert bench.client.observed(UPLINK)
    assert not bench.client.observed((19, 0))


@on_bench(observe_answer=b"", observe_format=TEXT)
async def test_observe_answer_of_another_module(bench: Bench) -> None:
    server = await bench.registered()
    _, answer = await server.observe("/19/0/0")
    assert server.wire[-1][-2:] == b"\x60\x60"
    assert (answer.payload, answer.opt.content_format) == (b"", TEXT)


@on_bench()
async def test_non_notification_octets(bench: Bench) -> None:
    server = await observed(bench)
    mid = bench.client.notify(UPLINK, b"\x00ELLO", confirmable=False)
    await asyncio.sleep(0.01)
    (got,) = server.notifications
    assert (
        server.wire[-1] == b"\x58\x45" + mid.to_bytes(2, "big") + got.token + b"\x61\x01\x61\x2a\xff\x00ELLO"
    )
    assert bench.told("lwm2m.report") == [
        {"path": UPLINK, "message_id": mid, "outcome": "sent", "confirmable": False}
    ]


@on_bench(notify_observe_option=False)
async def test_notification_without_observe_option(bench: Bench) -> None:
    server = await observed(bench)
    mid = bench.client.notify(UPLINK, b"x", confirmable=True)
    await asyncio.sleep(0.01)
    (got,) = server.notifications
    assert server.wire[-1] == b"\x48\x45" + mid.to_bytes(2, "big") + got.token + b"\xc1\x2a\xff" + b"x"
    assert bench.told("lwm2m.report")[-1] == {
        "path": UPLINK,
        "message_id": mid,
        "outcome": "ack",
        "confirmable": True,
    }


@on_bench()
async def test_message_ids_are_given_in_order_and_each_is_reported(bench: Bench) -> None:
    server = await observed(bench)
    first = bench.client.notify(UPLINK, b"1", confirmable=True)
    second = bench.client.notify(UPLINK, b"2", confirmable=True)
    third = bench.client.notify(UPLINK, b"3", confirmable=False)
    await asyncio.sleep(0.01)
    assert server.payloads() == [b"1", b"2", b"3"]
    assert reports(bench) == [
        (first, "sent"),
        (first, "ack"),
        (second, "sent"),
        (third, "sent"),
        (second, "ack"),
    ]


@on_bench()
async def test_release_assistance_goes_with_the_datagram(bench: Bench) -> None:
    await observed(bench)
    sent: list[int] = []
    socket = bench.client._endpoint._socket
    usual = socket.send

    def send(data: bytes, to: tuple[str, int], rai: int = 0) -> None:
        sent.append(rai)
        usual(data, to, rai)

    socket.send = send
    for rai in (0, 1, 2):
        bench.client.notify(UPLINK, b"x", confirmable=False, rai=rai)
    assert sent == [0, 1, 2]


@on_bench()
async def test_notify_without_observation(bench: Bench) -> None:
    with pytest.raises(LookupError, match="/19/0/0 is not observed"):
        bench.client.notify(UPLINK, b"x", confirmable=True)
    await observed(bench)
    with pytest.raises(LookupError):
        bench.client.notify((5, 0, 3), b"x", confirmable=True)


@on_bench()
async def test_retransmission_and_timeout_keep_the_observation(bench: Bench) -> None:
    server = await observed(bench)
    server.deaf = True
    start, before = asyncio.get_running_loop().time(), len(server.wire)
    lost = bench.client.notify(UPLINK, b"lost", confirmable=True)
    await asyncio.sleep(123.9)
    assert reports(bench) == [(lost, "sent")]
    await asyncio.sleep(0.2)
    assert reports(bench) == [(lost, "sent"), (lost, "timeout")]
    assert [round(t - start) for t in server.instants[before:]] == [0, 4, 12, 28, 60]
    assert bench.client.observed(UPLINK)
    server.deaf = False
    bench.client.notify(UPLINK, b"again", confirmable=True)
    await asyncio.sleep(0.01)
    assert server.payloads() == [b"again"]


@on_bench()
async def test_a_lost_notification_arrives_later_once(bench: Bench) -> None:
    server = await observed(bench)
    server.deaf = True
    mid = bench.client.notify(UPLINK, b"x", confirmable=True)
    await asyncio.sleep(3)
    server.deaf = False
    await asyncio.sleep(2)
    assert server.payloads() == [b"x"]
    assert reports(bench) == [(mid, "sent"), (mid, "ack")]


@pytest.mark.parametrize("confirmable", [True, False])
def test_reset_by_a_server_that_forgot(confirmable: bool) -> None:
    @on_bench()
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        observation, _ = await server.observe("/19/0/0")
        await server.observe("/5/0/3")
        observation.cancel()
        bench.events.clear()
        mid = bench.client.notify(UPLINK, b"x", confirmable=confirmable)
        await asyncio.sleep(0.01)
        assert [topic for topic, _ in bench.events] == ["lwm2m.report", "lwm2m.report", "lwm2m.observed"]
        assert reports(bench) == [(mid, "sent"), (mid, "rst")]
        assert bench.told("lwm2m.observed") == [{"path": UPLINK, "active": False, "cause": "rst"}]
        assert not bench.client.observed(UPLINK)
        assert bench.client.observed((5, 0, 3))
        assert str(bench.client.state) == "registered"

    scenario()


@on_bench()
async def test_cancel_by_token(bench: Bench) -> None:
    server = await bench.registered()
    data, _ = await server.observe("/19/0/0")
    state, _ = await server.observe("/5/0/3")
    other = await server.ask(1, "/5/0/3", observe=1)
    assert code_of(other) == "2.05"
    assert bench.client.observed((5, 0, 3))
    answer = await server.cancel(state, "/5/0/3")
    assert (code_of(answer), answer.payload, answer.opt.observe) == ("2.05", b"0", None)
    assert bench.told("lwm2m.observed")[-1] == {"path": (5, 0, 3), "active": False, "cause": "cancel"}
    answer = await server.cancel(data, "/19/0/0")
    assert (code_of(answer), answer.payload) == ("2.05", b"\x00")
    assert not bench.client.observed(UPLINK)
    assert code_of(await server.ask(1, "/19/0/0", observe=1)) == "4.01"


@on_bench()
async def test_observing_again_renews(bench: Bench) -> None:
    server = await bench.registered()
    first, _ = await server.observe("/19/0/0")
    second, _ = await server.observe("/19/0/0")
    bench.client.notify(UPLINK, b"x", confirmable=True)
    await asyncio.sleep(0.01)
    assert [message.token for message in server.notifications] == [second.request.token]
    assert first.request.token != second.request.token
    assert bench.told("lwm2m.observed") == [{"path": UPLINK, "active": True, "cause": "observe"}] * 2


@on_bench()
async def test_observing_again_with_the_same_token(bench: Bench) -> None:
    server = await bench.registered()
    to = server.module.address
    observe = b"\x41\x01%s\x09\x60\x52" + b"19\x010\x010"
    server.socket.send(observe % b"\x70\x01", to)
    await asyncio.sleep(0.01)
    server.socket.send(observe % b"\x70\x02", to)
    await asyncio.sleep(0.01)
    assert bench.told("lwm2m.observed") == [{"path": UPLINK, "active": True, "cause": "observe"}] * 2
    server.socket.send(b"\x41\x01\x70\x03\x09\xb1" + b"3\x010\x010", to)
    await asyncio.sleep(0.01)
    assert bench.told("lwm2m.observed")[2:] == [{"path": UPLINK, "active": False, "cause": "cancel"}]


@pytest.mark.parametrize(
    ("path", "accept", "code"),
    [
        ("/19/0", None, "4.01"),
        ("/19", None, "4.01"),
        ("/19/1/0", None, "4.01"),
        ("/19/0/1", None, "4.01"),
        ("/0/0/0", None, "4.01"),
        ("/3/0/4", None, "4.05"),
        ("/5/0/1", None, "4.05"),
        ("/3/0/99", None, "4.04"),
        ("/nowhere", None, "4.04"),
        ("/3/0/0", LINK, "4.06"),
        ("/3/0", TEXT, "4.06"),
    ],
)
def test_refused_observe(path: str, accept: int | None, code: str) -> None:
    @on_bench()
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        observation, answer = await server.observe(path, accept)
        assert code_of(answer) == code
        assert not observation.active
        assert bench.told("lwm2m.observed") == []

    scenario()


@on_bench()
async def test_values_of_resource_instance_and_object(bench: Bench) -> None:
    server = await bench.registered()
    _, text = await server.observe("/4/0/2")
    _, instance = await server.observe("/4/0")
    _, whole = await server.observe("/4", TLV)
    assert (text.payload, text.opt.content_format) == (b"-85", TEXT)
    assert (instance.opt.content_format, whole.opt.content_format) == (TLV, TLV)
    bench.module["signal"] = -90
    bench.client.changed(SIGNAL)
    await asyncio.sleep(0.01)
    single, inner, outer = server.payloads()
    assert single == b"-90"
    assert b"\xc1\x02\xa6" in inner
    assert outer.endswith(inner)
    bench.client.changed((3,))
    await asyncio.sleep(0.01)
    assert server.payloads() == []
    bench.client.changed((4,))
    await asyncio.sleep(0.01)
    assert len(server.payloads()) == 3


@pytest.mark.parametrize(("confirmable", "mtype"), [(True, 0), (False, 1)])
def test_values_are_confirmable_or_not(confirmable: bool, mtype: int) -> None:
    @on_bench(confirmable_values=confirmable)
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        await server.observe("/5/0/3", TLV)
        bench.client.changed((5, 0, 3))
        await asyncio.sleep(0.01)
        (got,) = server.notifications
        assert (got.mtype, got.payload, got.opt.content_format) == (mtype, b"\xc1\x03\x00", TLV)

    scenario()


@on_bench()
async def test_a_write_of_the_server_is_notified_too(bench: Bench) -> None:
    server = await bench.registered()
    await server.observe("/1/0/2")
    await server.put("/1/0/2", b"0", TEXT)
    await asyncio.sleep(0.01)
    assert server.payloads() == [b"0"]


@on_bench()
async def test_changes_do_not_notify_the_data_path(bench: Bench) -> None:
    server = await observed(bench)
    await server.put("/1/0/3", b"60", TEXT)
    bench.client.changed((19,))
    await asyncio.sleep(200)
    assert server.payloads() == []


@on_bench()
async def test_a_long_notification_goes_out_in_blocks(bench: Bench) -> None:
    server = await observed(bench)
    bench.client.notify(UPLINK, bytes(1024), confirmable=True)
    bench.client.notify(UPLINK, bytes(1025), confirmable=True)
    await asyncio.sleep(0.01)
    whole, first = server.notifications
    assert (len(whole.payload), whole.opt.block2) == (1024, None)
    assert (len(first.payload), first.opt.block2) == (1024, (0, True, 6))
    rest = await server.ask(1, "/19/0/0", accept=OPAQUE, block2=(1, False, 6))
    assert rest.payload == b"\x00"
    assert [outcome for _, outcome in reports(bench)].count("ack") == 2


@on_bench()
async def test_a_new_registration_forgets_observations_and_attributes(bench: Bench) -> None:
    server = await observed(bench)
    await server.attributes("/4", "pmax=60")
    await server.observe("/4/0/2")
    assert await bench.client.register()
    assert not bench.client.observed(UPLINK)
    await asyncio.sleep(1000)
    assert server.payloads() == []
    assert (await server.get("/4/0/2", LINK))[2] == b"</4/0/2>"
    assert len(bench.told("lwm2m.observed")) == 2


@on_bench()
async def test_close_with_everything_under_way(bench: Bench) -> None:
    server = await observed(bench)
    await server.attributes("/4", "pmax=60")
    await server.observe("/4/0/2")
    bench.client.tuning = Tuning(1.0, 1.0, 4, nstart=1)
    server.deaf = True
    for _ in range(3):
        bench.client.notify(UPLINK, b"x", confirmable=True)
    bench.client.close()
    seen, told = len(server.wire), len(bench.events)
    with pytest.raises(LookupError):
        bench.client.notify(UPLINK, b"x", confirmable=False)
    bench.client.changed(SIGNAL)
    await asyncio.sleep(1000)
    assert len(server.wire) <= seen + 1
    assert len(bench.events) == told
