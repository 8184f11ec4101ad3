"""What the server may ask of a registered device, and every way in which it is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiocoap import GET, POST, PUT
from aiocoap.numbers.codes import Code
from lwm2m_bench import LINK, OPAQUE, TEXT, TLV, Bench, code_of, on_bench

from modemsim.lwm2m import tlv
from modemsim.lwm2m.model import Kind, ObjectInstance, ObjectModel, Resource
from modemsim.lwm2m.tlv import Level, Record

TLV_OLD = 1542
CBOR = 60

PROBE = ObjectModel(
    3300,
    "Probe",
    "1.0",
    True,
    {
        0: Resource(0, "text", "RW"),
        1: Resource(1, "count", "RW", Kind.INTEGER),
        2: Resource(2, "ratio", "RW", Kind.FLOAT),
        3: Resource(3, "on", "RW", Kind.BOOLEAN),
        4: Resource(4, "blob", "RW", Kind.OPAQUE),
        5: Resource(5, "link", "RW", Kind.OBJLNK),
        6: Resource(6, "list", "RW", Kind.INTEGER, multiple=True),
        7: Resource(7, "hidden", "W", Kind.STRING),
        8: Resource(8, "fixed", "RW", Kind.STRING),
        9: Resource(9, "absent", "RW", Kind.STRING),
    },
)


def probe() -> ObjectInstance:
    return ObjectInstance(
        PROBE,
        2,
        {
            0: "abc",
            1: 5,
            2: 0.5,
            3: True,
            4: b"\x00\xff",
            5: (3, 0),
            6: {0: 10, 1: 20},
            7: "",
            8: lambda: "always",
        },
    )


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("/3/0/0", None, ("2.05", TEXT, b"Quectel")),
        ("/3/0/0", TEXT, ("2.05", TEXT, b"Quectel")),
        ("/3/0/0", TLV, ("2.05", TLV, b"\xc7\x00Quectel")),
        ("/3/0/0", TLV_OLD, ("2.05", TLV_OLD, b"\xc7\x00Quectel")),
        ("/3/0/6", None, ("2.05", TLV, b"\x86\x06\x41\x00\x01\x41\x01\x05")),
        ("/4/0/2", None, ("2.05", TEXT, b"-85")),
        ("/4/0/2", TLV, ("2.05", TLV, b"\xc1\x02\xab")),
        ("/5/0/3", None, ("2.05", TEXT, b"0")),
        ("/5/0/3", TLV, ("2.05", TLV, b"\xc1\x03\x00")),
        ("/5/0", None, ("2.05", TLV, b"\xc1\x03\x00\xc1\x05\x00\x83\x08\x41\x00\x00\xc1\x09\x02")),
        ("/5", None, ("2.05", TLV, b"\x08\x00\x0e\xc1\x03\x00\xc1\x05\x00\x83\x08\x41\x00\x00\xc1\x09\x02")),
        ("/3300/2/4", None, ("2.05", OPAQUE, b"\x00\xff")),
        ("/3300/2/4", OPAQUE, ("2.05", OPAQUE, b"\x00\xff")),
        ("/3300/2/4", TEXT, ("2.05", TEXT, b"AP8=")),
        ("/3300/2/3", None, ("2.05", TEXT, b"1")),
        ("/3300/2/2", None, ("2.05", TEXT, b"0.5")),
        ("/3300/2/5", None, ("2.05", TEXT, b"3:0")),
        ("/3300/2/8", None, ("2.05", TEXT, b"always")),
    ],
)
def test_read(path: str, accept: int | None, expected: tuple[str, int, bytes]) -> None:
    @on_bench(extra=probe())
    async def scenario(bench: Bench) -> None:
        assert await (await bench.registered()).get(path, accept) == expected

    scenario()


@on_bench()
async def test_read_an_instance_leaves_out_what_cannot_be_read(bench: Bench) -> None:
    server = await bench.registered()
    _, _, payload = await server.get("/3/0")
    assert [record.id for record in tlv.decode(payload)] == [0, 1, 2, 3, 6, 9, 11, 13, 16]


@pytest.mark.parametrize(
    ("path", "accept", "code"),
    [
        ("/3/0/99", None, "4.04"),
        ("/3/0/10", None, "4.04"),
        ("/3/1", None, "4.04"),
        ("/7", None, "4.04"),
        ("/", None, "4.04"),
        ("/3/0/0/0", None, "4.04"),
        ("/three", None, "4.04"),
        ("/3/0/-1", None, "4.04"),
        ("/3/65535", None, "4.04"),
        ("/3/0/4", None, "4.05"),
        ("/5/0/1", None, "4.05"),
        ("/0", None, "4.01"),
        ("/0/0", None, "4.01"),
        ("/0/0/0", LINK, "4.01"),
        ("/19", None, "4.01"),
        ("/19/0", None, "4.01"),
        ("/19/0/0", None, "4.01"),
        ("/19/1/0", None, "4.01"),
        ("/19", LINK, "4.01"),
        ("/19/0/0", LINK, "4.01"),
        ("/19/2", None, "4.04"),
        ("/3/0/0", OPAQUE, "4.06"),
        ("/3/0/0", CBOR, "4.06"),
        ("/3/0", TEXT, "4.06"),
        ("/3/0/6", TEXT, "4.06"),
        ("/3/0/6", OPAQUE, "4.06"),
    ],
)
def test_refused_read(path: str, accept: int | None, code: str) -> None:
    @on_bench()
    async def scenario(bench: Bench) -> None:
        assert (await (await bench.registered()).get(path, accept))[0] == code

    scenario()


@pytest.mark.parametrize(
    ("path", "content_format", "payload", "resource", "value"),
    [
        ("/3300/2/0", TEXT, "grüße".encode(), 0, "grüße"),
        ("/3300/2/0", None, b"plain", 0, "plain"),
        ("/3300/2/0", TEXT, b"", 0, ""),
        ("/3300/2/1", TEXT, b"-7", 1, -7),
        ("/3300/2/2", TEXT, b"1e3", 2, 1000.0),
        ("/3300/2/3", TEXT, b"0", 3, False),
        ("/3300/2/4", TEXT, b"AQI=", 4, b"\x01\x02"),
        ("/3300/2/4", OPAQUE, b"\x01\x02", 4, b"\x01\x02"),
        ("/3300/2/4", None, b"\x01\x02", 4, b"\x01\x02"),
        ("/3300/2/5", TEXT, b"5:0", 5, (5, 0)),
        ("/3300/2/1", TLV, b"\xc2\x01\x01\x00", 1, 256),
        ("/3300/2/1", TLV_OLD, b"\xc1\x01\xff", 1, -1),
        ("/3300/2/6", TLV, b"\x83\x06\x41\x05\x07", 6, {5: 7}),
    ],
)
def test_write_a_resource(
    path: str, content_format: int | None, payload: bytes, resource: int, value: Any
) -> None:
    instance = probe()

    @on_bench(extra=instance)
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        assert await server.put(path, payload, content_format) == "2.04"
        assert instance.read(resource) == value
        ((told),) = bench.told("lwm2m.written")
        assert (told["path"], told["value"]) == ((3300, 2, resource), value)
        assert isinstance(told["message_id"], int)

    scenario()


@pytest.mark.parametrize(
    ("path", "content_format", "payload", "code"),
    [
        ("/3300/2/1", TEXT, b"seven", "4.00"),
        ("/3300/2/1", TEXT, b"", "4.00"),
        ("/3300/2/1", TEXT, b"99999999999999999999", "4.00"),
        ("/3300/2/3", TEXT, b"true", "4.00"),
        ("/3300/2/2", TEXT, b"0x10", "4.00"),
        ("/3300/2/4", TEXT, b"not base64!", "4.00"),
        ("/3300/2/5", TEXT, b"70000:1", "4.00"),
        ("/3300/2/0", TEXT, b"\xff\xfe", "4.00"),
        ("/3300/2/1", TLV, b"\xc3\x01\x01\x00\x00", "4.00"),
        ("/3300/2/1", TLV, b"\xc1\x02\x01", "4.00"),
        ("/3300/2/1", TLV, b"\xc1\x01", "4.00"),
        ("/3300/2/3", TLV, b"\xc1\x03\x02", "4.00"),
        ("/3300/2/6", TLV, b"\xc1\x06\x01", "4.00"),
        ("/3300/2/1", TLV, b"\x83\x01\x41\x05\x07", "4.00"),
        ("/3300/2", TLV, b"\xc1", "4.00"),
        ("/3300/2", TLV, b"\x03\x01\xc1\x01\x05", "4.00"),
        ("/3300/2", TLV, b"\x03\x02\xc1\x01\x05" * 2, "4.00"),
        ("/3300/2/1", OPAQUE, b"7", "4.15"),
        ("/3300/2/1", CBOR, b"\x07", "4.15"),
        ("/3300/2/6", TEXT, b"7", "4.15"),
        ("/3300/2", TEXT, b"7", "4.15"),
        ("/3300/2", None, b"7", "4.15"),
        ("/3300/2/9", TEXT, b"7", "4.04"),
        ("/3300/1/0", TEXT, b"7", "4.04"),
        ("/3300/2", TLV, b"\xc1\x09\x07", "4.04"),
        ("/3300/2/8", TEXT, b"7", "4.05"),
        ("/3/0/0", TEXT, b"me", "4.05"),
        ("/3/0/4", TEXT, b"", "4.05"),
        ("/3/0", TLV, b"\xc2\x00me", "4.05"),
        ("/3", TLV, b"", "4.05"),
        ("/5/0/0", OPAQUE, b"package", "4.05"),
        ("/5/0/1", TEXT, b"coap://h/p", "4.05"),
        ("/19/0/0", OPAQUE, b"x", "4.01"),
        ("/19/0", TLV, b"", "4.01"),
        ("/19", OPAQUE, b"x", "4.01"),
        ("/19/1/1", OPAQUE, b"x", "4.04"),
        ("/19/2/0", OPAQUE, b"x", "4.04"),
        ("/0/0/0", TEXT, b"x", "4.01"),
        ("/0/0/5", OPAQUE, b"x", "4.01"),
    ],
)
def test_refused_write(path: str, content_format: int | None, payload: bytes, code: str) -> None:
    instance = probe()

    @on_bench(extra=instance)
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        assert await server.put(path, payload, content_format) == code
        assert instance.values[1] == 5
        assert bench.told("lwm2m.written") == []

    scenario()


@on_bench(extra=probe())
async def test_write_an_instance_replacing_and_adding(bench: Bench) -> None:
    server = await bench.registered()
    instance = bench.tree.instance(3300, 2)
    several = tlv.encode(
        [
            Record(Level.RESOURCE, 0, b"new"),
            Record(Level.MULTIPLE_RESOURCE, 6, children=(Record(Level.RESOURCE_INSTANCE, 1, b"\x15"),)),
        ]
    )
    assert await server.post("/3300/2", several, TLV) == "2.04"
    assert (instance.read(0), instance.read(6)) == ("new", {0: 10, 1: 21})
    wrapped = tlv.encode([Record(Level.OBJECT_INSTANCE, 2, children=tlv.decode(several))])
    assert await server.put("/3300/2", wrapped, TLV) == "2.04"
    assert instance.read(6) == {1: 21}
    assert [told["path"] for told in bench.told("lwm2m.written")] == [(3300, 2, 0), (3300, 2, 6)] * 2


@on_bench()
async def test_a_handler_may_refuse_a_value(bench: Bench) -> None:
    server = await bench.registered()
    assert await server.put("/3/0/13", b"1800000000", TEXT) == "2.04"
    assert bench.module["clock"] == [1_800_000_000]
    bench.tree.instance(3, 0).on_write[13] = lambda value: int("not a number") and None
    assert await server.post("/3/0/13", b"1", TEXT) == "4.00"


@pytest.mark.parametrize("content_format", [None, TEXT, OPAQUE, TLV, CBOR])
def test_downlink_data_is_taken_as_it_is(content_format: int | None) -> None:
    @on_bench()
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        assert await server.put("/19/1/0", b"\xaa\xaa\x00\x00", content_format) == "2.04"
        assert await server.post("/19/1/0", b"", content_format) == "2.04"
        assert bench.downlinks == [b"\xaa\xaa\x00\x00", b""]
        assert [told["value"] for told in bench.told("lwm2m.written")] == [b"\xaa\xaa\x00\x00", b""]

    scenario()


@on_bench()
async def test_downlink_of_4_kilobytes_in_blocks(bench: Bench) -> None:
    server = await bench.registered()
    data = bytes(range(256)) * 16
    assert await server.put("/19/1/0", data) == "2.04"
    assert bench.downlinks == [data]


@on_bench(extra=probe())
async def test_a_long_answer_in_blocks(bench: Bench) -> None:
    server = await bench.registered()
    bench.tree.instance(3300, 2).values[4] = bytes(range(256)) * 10
    code, _, payload = await server.get("/3300/2/4")
    assert (code, payload) == ("2.05", bytes(range(256)) * 10)
    assert sum(len(data) > 1000 for data in server.wire) == 2


@on_bench()
async def test_a_duplicate_write_is_delivered_once(bench: Bench) -> None:
    server = await bench.registered()
    to = (server.module.address[0], server.module.address[1])
    datagram = b"\x41\x03\x70\x01\x09\xb2" + b"19\x011\x010\xff" + b"data"
    for _ in range(3):
        server.socket.send(datagram, to)
        await asyncio.sleep(0.01)
    assert bench.downlinks == [b"data"]
    assert server.wire.count(b"\x61\x44\x70\x01\x09") == 3


@on_bench()
async def test_execute(bench: Bench) -> None:
    server = await bench.registered()
    assert await server.post("/3/0/4") == "2.04"
    assert await server.post("/3/0/4", b"0='x'", TEXT) == "2.04"
    assert bench.module["executed"] == [b"", b"0='x'"]
    assert bench.told("lwm2m.executed") == [
        {"path": (3, 0, 4), "arguments": b""},
        {"path": (3, 0, 4), "arguments": b"0='x'"},
    ]
    assert await server.post("/3/0/4", b"bad") == "4.00"
    assert await server.post("/3/0/4", b"x", OPAQUE) == "4.15"
    assert await server.post("/5/0/2") == "4.00"
    assert await server.post("/3/0/5") == "4.04"
    assert await server.post("/3/0/0") == "4.05"
    assert await server.post("/0/0/0") == "4.01"
    assert len(bench.told("lwm2m.executed")) == 2


@pytest.mark.parametrize(
    ("code", "path", "answer"),
    [
        (POST, "/3", "4.05"),
        (POST, "/19", "4.01"),
        (POST, "/99", "4.04"),
        (Code.DELETE, "/3/0", "4.05"),
        (Code.DELETE, "/3", "4.05"),
        (Code.DELETE, "/3/7", "4.04"),
        (Code.DELETE, "/0/0", "4.01"),
        (Code.FETCH, "/3/0", "4.05"),
        (Code.iPATCH, "/3/0", "4.05"),
        (Code.DELETE, "/", "4.04"),
    ],
)
def test_objects_are_fixed(code: Code, path: str, answer: str) -> None:
    @on_bench()
    async def scenario(bench: Bench) -> None:
        server = await bench.registered()
        assert code_of(await server.ask(code, path)) == answer

    scenario()


@on_bench()
async def test_critical_options_that_nobody_understands(bench: Bench) -> None:
    server = await bench.registered()
    assert code_of(await server.ask(GET, "/3/0/0", proxy_uri="coap://elsewhere")) == "4.02"
    assert code_of(await server.ask(PUT, "/19/1/0", b"x", if_none_match=True)) == "4.02"
    assert code_of(await server.ask(GET, "/3/0/0", uri_host="module", uri_port=5683)) == "2.05"
    assert bench.downlinks == []
