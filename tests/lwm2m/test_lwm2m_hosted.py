"""Requests that the host answers: held open, answered at once or late, refused, repeated, forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiocoap import GET, POST, PUT, Message
from aiocoap import error as coap_error
from aiocoap.numbers.codes import BAD_REQUEST, CHANGED, CONTENT, NOT_FOUND
from lwm2m_bench import OPAQUE, TEXT, TLV, Bench, code_of, on_bench

from modemsim.lwm2m.endpoint_name import EndpointForm, endpoint_name
from modemsim.lwm2m.hosted import Asked, HostedRequest, ResourceValue, custom_instance
from modemsim.lwm2m.model import Kind
from modemsim.lwm2m.tlv import Level, Record, encode

VALUE = (ResourceValue(0, Kind.OPAQUE, b"hello"),)


def custom(**options: Any) -> Any:
    """A bench whose module has the custom object 3000 with the resources 0 and 1."""
    return on_bench(extra=custom_instance(3000, 0, (0, 1)), **options)


def asked(bench: Bench) -> list[HostedRequest]:
    return [fields["request"] for fields in bench.told("lwm2m.asked")]


def outcomes(bench: Bench) -> list[str]:
    return [fields["outcome"] for fields in bench.told("lwm2m.answered")]


def when_asked(bench: Bench, code: Any, values: tuple[ResourceValue, ...] = (), after: float = 0.0) -> None:
    """Answer every request of the server `after` seconds."""
    told = bench.client._publish

    def publish(topic: str, **fields: Any) -> None:
        told(topic, **fields)
        if topic == "lwm2m.asked":
            loop = asyncio.get_running_loop()
            loop.call_later(after, bench.client.hosted.answer, fields["request"].message_id, code, values)

    bench.client.hosted._publish = publish


@custom()
async def test_a_read_answered_at_once_goes_out_with_the_acknowledgement(bench: Bench) -> None:
    server = await bench.registered()
    when_asked(bench, CONTENT, VALUE)
    assert await server.get("/3000/0/0") == ("2.05", OPAQUE, b"hello")
    (request,) = asked(bench)
    assert (request.asked, request.path, request.cancel) == (Asked.READ, (3000, 0, 0), False)
    assert outcomes(bench) == ["sent"]
    assert [data[0] >> 4 & 3 for data in server.wire[1:]] == [2]  # one ACK, with the answer in it


@custom()
async def test_a_late_answer_is_an_empty_ack_and_a_separate_confirmable_response(bench: Bench) -> None:
    server = await bench.registered()
    when_asked(bench, CHANGED, after=7.0)
    begun = asyncio.get_running_loop().time()
    assert await server.put("/3000/0/1", b"\x01\x02") == "2.04"
    assert asyncio.get_running_loop().time() - begun == pytest.approx(7.0, abs=0.01)
    empty, separate = server.wire[1:3]
    assert (empty[0] >> 4 & 3, empty[1]) == (2, 0)
    assert (separate[0] >> 4 & 3, separate[1] >> 5) == (0, 2)
    assert server.instants[1] - begun == pytest.approx(0.1, abs=0.01)
    await asyncio.sleep(1)
    assert outcomes(bench) == ["ack"]
    (request,) = asked(bench)
    assert request.written == (ResourceValue(1, Kind.OPAQUE, b"\x01\x02"),)


@custom()
async def test_a_request_that_is_never_answered_stays_unanswered_and_is_forgotten(bench: Bench) -> None:
    server = await bench.registered()
    with pytest.raises(coap_error.RequestTimedOut):
        await server.ask(GET, "/3000/0/0")
    assert len(bench.client.hosted) == 1
    await asyncio.sleep(bench.client.tuning.exchange_lifetime)
    assert len(bench.client.hosted) == 0
    assert len(server.wire) == 2  # the registration and one empty acknowledgement
    with pytest.raises(LookupError):
        bench.client.hosted.answer(asked(bench)[0].message_id, CONTENT, VALUE)


@custom()
async def test_an_answer_that_nobody_waits_for_any_more_is_reset(bench: Bench) -> None:
    server = await bench.registered()
    with pytest.raises(coap_error.RequestTimedOut):
        await server.ask(GET, "/3000/0/0")
    bench.client.hosted.answer(asked(bench)[0].message_id, CONTENT, VALUE)
    await asyncio.sleep(1)
    assert outcomes(bench) == ["rst"]


@custom()
async def test_an_answer_that_is_lost_times_out(bench: Bench) -> None:
    server = await bench.registered()
    request = server.endpoint.request(Message(code=GET, uri_path=("3000", "0", "0")), server.module)
    await asyncio.sleep(1)
    server.deaf = True
    bench.client.hosted.answer(asked(bench)[0].message_id, CONTENT, VALUE)
    await asyncio.sleep(130)
    assert outcomes(bench) == ["timeout"]
    request.response.cancel()


@custom()
async def test_observe_cancel_and_several_observations(bench: Bench) -> None:
    server = await bench.registered()
    when_asked(bench, CONTENT, VALUE, after=1.0)
    first, answer = await server.observe("/3000/0/0")
    assert (code_of(answer), answer.payload, answer.opt.content_format) == ("2.05", b"hello", OPAQUE)
    assert answer.opt.observe == 0
    assert bench.client.observed((3000, 0, 0))
    when_asked(bench, CONTENT, (ResourceValue(1, Kind.INTEGER, 42),))
    _, answer = await server.observe("/3000/0/1")
    assert (answer.payload, answer.opt.content_format) == (b"42", TEXT)
    bench.client.notify_values((3000, 0, 0), VALUE, confirmable=True, rai=0)
    bench.client.notify_values((3000, 0, 1), (ResourceValue(1, Kind.FLOAT, 1.5),), confirmable=False, rai=0)
    await asyncio.sleep(1)
    assert server.payloads() == [b"hello", b"1.5"]
    answer = await server.cancel(first, "/3000/0/0")
    assert asked(bench)[-1].cancel
    assert not bench.client.observed((3000, 0, 0))
    with pytest.raises(LookupError):
        bench.client.notify_values((3000, 0, 0), VALUE, confirmable=True, rai=0)


@custom()
async def test_an_instance_is_read_observed_and_reported_as_tlv(bench: Bench) -> None:
    server = await bench.registered()
    values = (ResourceValue(0, Kind.OPAQUE, b"a"), ResourceValue(1, Kind.BOOLEAN, True))
    records = encode([Record(Level.RESOURCE, 0, b"a"), Record(Level.RESOURCE, 1, b"\x01")])
    when_asked(bench, CONTENT, values)
    assert await server.get("/3000/0") == ("2.05", TLV, records)
    await server.observe("/3000/0")
    bench.client.notify_values((3000, 0, 1), (values[1],), confirmable=True, rai=0)
    await asyncio.sleep(1)
    assert server.payloads() == [encode([Record(Level.RESOURCE, 1, b"\x01")])]


@custom()
async def test_a_write_of_an_instance_is_told_value_by_value(bench: Bench) -> None:
    server = await bench.registered()
    when_asked(bench, CHANGED)
    records = encode([Record(Level.RESOURCE, 0, b"a"), Record(Level.RESOURCE, 1, b"bc")])
    assert await server.put("/3000/0", records, TLV) == "2.04"
    assert asked(bench)[0].written == (
        ResourceValue(0, Kind.OPAQUE, b"a"), ResourceValue(1, Kind.OPAQUE, b"bc"),
    )  # fmt: skip
    assert await server.put("/3000/0/0", b"text", TEXT) == "2.04"
    assert asked(bench)[1].written == (ResourceValue(0, Kind.STRING, "text"),)


@custom()
async def test_an_execute_and_a_refusal_by_the_host(bench: Bench) -> None:
    server = await bench.registered()
    when_asked(bench, CHANGED)
    assert await server.post("/3000/0/1", b"0='x'") == "2.04"
    assert (asked(bench)[0].asked, asked(bench)[0].arguments) == (Asked.EXECUTE, b"0='x'")
    when_asked(bench, NOT_FOUND)
    assert (await server.get("/3000/0/0"))[0] == "4.04"
    _, answer = await server.observe("/3000/0/0")
    assert code_of(answer) == "4.04"
    assert not bench.client.observed((3000, 0, 0))
    when_asked(bench, BAD_REQUEST)
    assert await server.put("/3000/0/0", b"") == "4.00"


@custom()
async def test_what_the_module_refuses_before_the_host_hears_of_it(bench: Bench) -> None:
    server = await bench.registered()
    assert (await server.get("/3000/0/7"))[0] == "4.04"
    assert (await server.get("/3000"))[0] == "4.05"
    assert (await server.get("/3000/0/0", 11543))[0] == "4.06"
    assert (await server.get("/3000/0", TEXT))[0] == "4.06"
    assert await server.put("/3000/0", b"x", OPAQUE) == "4.15"
    assert await server.put("/3000/0", b"\xff", TLV) == "4.00"
    assert await server.put("/3000/0/0", encode([Record(Level.RESOURCE, 1, b"")]), TLV) == "4.00"
    assert await server.put("/3000/0/0", b"\xff", TEXT) == "4.00"
    assert (await server.get("/3000/0", 40))[0] == "2.05"  # Discover is the module's own
    assert await server.attributes("/3000/0/0", "pmin=1") == "2.04"
    assert asked(bench) == []


@custom()
async def test_a_long_write_in_blocks_is_one_request_of_the_host(bench: Bench) -> None:
    server = await bench.registered()
    when_asked(bench, CHANGED)
    body = bytes(range(256)) * 8
    for number in range(2):
        message = Message(code=PUT, uri_path=("3000", "0", "0"), content_format=OPAQUE)
        message.payload = body[number * 1024 : number * 1024 + 1024]
        message.opt.block1 = (number, number == 0, 6)
        answer = await server.endpoint.ask(message, server.module, blockwise=False)
    assert code_of(answer) == "2.04"
    assert asked(bench)[0].written[0].value == body


@custom()
async def test_a_registration_that_ends_forgets_what_waits(bench: Bench) -> None:
    server = await bench.registered()
    request = server.endpoint.request(Message(code=GET, uri_path=("3000", "0", "0")), server.module)
    await asyncio.sleep(1)
    assert len(bench.client.hosted) == 1
    await bench.client.deregister()
    assert len(bench.client.hosted) == 0
    request.response.cancel()


@custom()
async def test_values_that_do_not_fit_leave_the_request_waiting(bench: Bench) -> None:
    server = await bench.registered()
    request = server.endpoint.request(
        Message(code=GET, uri_path=("3000", "0", "0"), accept=TLV), server.module
    )
    await asyncio.sleep(1)
    message_id = asked(bench)[0].message_id
    with pytest.raises(ValueError, match="one value"):
        bench.client.hosted.answer(message_id, CONTENT, (ResourceValue(1, Kind.OPAQUE, b""),))
    bench.client.hosted.answer(message_id, CONTENT, VALUE)
    assert (await request.response).payload == encode([Record(Level.RESOURCE, 0, b"hello")])


@custom()
async def test_without_early_acknowledgement_the_server_repeats_and_the_host_hears_it_again(
    bench: Bench,
) -> None:
    server = await bench.registered()
    bench.client.tuning = replace(bench.client.tuning, empty_ack_delay=None)
    request = server.endpoint.request(Message(code=POST, uri_path=("3000", "0", "1")), server.module)
    await asyncio.sleep(10)
    assert len(asked(bench)) == 1
    assert len(bench.told("lwm2m.asked_again")) == 2
    bench.client.hosted.answer(asked(bench)[0].message_id, CHANGED)
    assert (await request.response).code == CHANGED
    assert outcomes(bench) == ["sent"]


def test_the_three_forms_of_endpoint_names() -> None:
    names = [endpoint_name(form, "868543060974334", "460115472446714") for form in EndpointForm]
    assert names == [
        "868543060974334",
        "urn:imei:868543060974334",
        "urn:imei-imsi:868543060974334-460115472446714",
    ]
