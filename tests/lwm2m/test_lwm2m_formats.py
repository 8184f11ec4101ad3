"""TLV, typed values and the object tree."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.lwm2m import content, objects, tlv
from modemsim.lwm2m.attributes import Attributes
from modemsim.lwm2m.model import Kind, ObjectInstance, Refusal
from modemsim.lwm2m.states import TRANSITIONS, ClientState, Event, InvalidTransition, follow
from modemsim.lwm2m.tlv import Level, Record, TlvError
from modemsim.lwm2m.tree import ObjectTree
from modemsim.lwm2m.values import format_octets, format_text, parse_octets, parse_text

IDS = st.integers(0, 0xFFFF)
INSTANCES = st.builds(Record, st.just(Level.RESOURCE_INSTANCE), IDS, st.binary(max_size=300))
RESOURCES = st.one_of(
    st.builds(Record, st.just(Level.RESOURCE), IDS, st.binary(max_size=300)),
    st.builds(
        Record, st.just(Level.MULTIPLE_RESOURCE), IDS, children=st.lists(INSTANCES, max_size=4).map(tuple)
    ),
)
OBJECTS = st.builds(
    Record, st.just(Level.OBJECT_INSTANCE), IDS, children=st.lists(RESOURCES, max_size=4).map(tuple)
)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: st.text(),
    Kind.INTEGER: st.integers(-(1 << 63), (1 << 63) - 1),
    Kind.TIME: st.integers(-(1 << 63), (1 << 63) - 1),
    Kind.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    Kind.BOOLEAN: st.booleans(),
    Kind.OPAQUE: st.binary(),
    Kind.OBJLNK: st.tuples(IDS, IDS),
}
TYPED = st.sampled_from(list(Kind)).flatmap(lambda kind: st.tuples(st.just(kind), VALUES[kind]))


@given(st.lists(st.one_of(RESOURCES, OBJECTS), max_size=5).map(tuple))
def test_tlv_round_trip(records: tuple[Record, ...]) -> None:
    assert tlv.decode(tlv.encode(records)) == records


@given(st.binary(max_size=64))
def test_any_octets_are_tlv_or_an_error(data: bytes) -> None:
    try:
        records = tlv.decode(data)
    except TlvError:
        return
    assert tlv.decode(tlv.encode(records)) == records


@pytest.mark.parametrize(
    ("record", "octets"),
    [
        (Record(Level.RESOURCE, 0, b""), b"\xc0\x00"),
        (Record(Level.RESOURCE, 1, b"1234567"), b"\xc7\x011234567"),
        (Record(Level.RESOURCE, 1, b"12345678"), b"\xc8\x01\x0812345678"),
        (Record(Level.RESOURCE, 300, b"1"), b"\xe1\x01\x2c1"),
        (Record(Level.RESOURCE, 1, bytes(256)), b"\xd0\x01\x01\x00" + bytes(256)),
        (Record(Level.RESOURCE, 1, bytes(65536)), b"\xd8\x01\x01\x00\x00" + bytes(65536)),
        (
            Record(Level.OBJECT_INSTANCE, 0, children=(Record(Level.RESOURCE, 5, b"\x01"),)),
            b"\x03\x00\xc1\x05\x01",
        ),
        (
            Record(Level.MULTIPLE_RESOURCE, 6, children=(Record(Level.RESOURCE_INSTANCE, 0, b"\x01"),)),
            b"\x83\x06\x41\x00\x01",
        ),
    ],
)
def test_tlv_octets(record: Record, octets: bytes) -> None:
    assert tlv.encode([record]) == octets
    assert tlv.decode(octets) == (record,)


@pytest.mark.parametrize(
    "octets",
    [
        b"\xc1",
        b"\xc1\x01",
        b"\xe1\x01",
        b"\xc8\x01",
        b"\x41\x00\x01",
        b"\x03\x00\x41\x00\x01",
        b"\x83\x06\xc1\x00\x01",
    ],
)
def test_tlv_that_is_none(octets: bytes) -> None:
    with pytest.raises(TlvError):
        tlv.decode(octets)


@pytest.mark.parametrize("record", [Record(Level.RESOURCE, -1), Record(Level.RESOURCE, 0x10000)])
def test_records_without_octets(record: Record) -> None:
    with pytest.raises(TlvError):
        tlv.encode([record])


@given(TYPED)
def test_values_round_trip(typed: tuple[Kind, Any]) -> None:
    kind, value = typed
    assert parse_octets(kind, format_octets(kind, value)) == value
    assert parse_text(kind, format_text(kind, value)) == value


@given(st.sampled_from(list(Kind)), st.binary(max_size=12), st.text(max_size=12))
def test_any_input_is_a_value_or_an_error(kind: Kind, octets: bytes, text: str) -> None:
    for parse, given_ in ((parse_octets, octets), (parse_text, text)):
        try:
            value = parse(kind, given_)
        except ValueError:
            continue
        format_octets(kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "octets"),
    [
        (Kind.INTEGER, 127, b"\x7f"),
        (Kind.INTEGER, -128, b"\x80"),
        (Kind.INTEGER, 128, b"\x00\x80"),
        (Kind.INTEGER, -32769, b"\xff\xff\x7f\xff"),
        (Kind.TIME, 1 << 31, b"\x00\x00\x00\x00\x80\x00\x00\x00"),
        (Kind.FLOAT, 0.5, b"\x3f\x00\x00\x00"),
        (Kind.FLOAT, 3, b"\x40\x40\x00\x00"),
        (Kind.FLOAT, 0.1, b"\x3f\xb9\x99\x99\x99\x99\x99\x9a"),
        (Kind.FLOAT, 1e300, b"\x7e\x37\xe4\x3c\x88\x00\x75\x9c"),
        (Kind.BOOLEAN, False, b"\x00"),
        (Kind.OBJLNK, (3, 1), b"\x00\x03\x00\x01"),
    ],
)
def test_value_octets(kind: Kind, value: Any, octets: bytes) -> None:
    assert format_octets(kind, value) == octets


def test_not_a_number_has_four_octets() -> None:
    assert math.isnan(float(parse_octets(Kind.FLOAT, format_octets(Kind.FLOAT, math.nan))))


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.INTEGER, True), (Kind.INTEGER, "5"), (Kind.STRING, 5), (Kind.BOOLEAN, 1), (Kind.OPAQUE, "x")],
)
def test_a_provider_of_the_wrong_type_is_a_mistake(kind: Kind, value: Any) -> None:
    with pytest.raises(TypeError):
        format_octets(kind, value)
    with pytest.raises(TypeError):
        format_text(kind, value)


def test_integers_beyond_64_bits() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        format_octets(Kind.INTEGER, 1 << 63)


@pytest.mark.parametrize(
    "model",
    [
        objects.SECURITY,
        objects.SERVER,
        objects.DEVICE,
        objects.CONNECTIVITY,
        objects.FIRMWARE,
        objects.APPDATA,
    ],
)
def test_declarations(model: objects.ObjectModel) -> None:
    assert list(model.resources) == sorted(model.resources)
    for rid, resource in model.resources.items():
        assert resource.id == rid
        assert resource.operations in ("R", "W", "RW", "E", "")
        assert resource.source
        assert resource.name


def test_tree() -> None:
    tree = ObjectTree(objects.server(), objects.firmware())
    assert tree.find((5,)).instances == (tree.instance(5, 0),)
    assert [instance.path for instance in tree] == [(1, 0), (5, 0)]
    for path in ((), (2,), (5, 1), (5, 0, 4), (5, 0, 3, 0)):
        with pytest.raises(LookupError):
            tree.find(path)
    with pytest.raises(ValueError, match="one instance only"):
        tree.add(ObjectInstance(objects.FIRMWARE, 1))
    with pytest.raises(ValueError, match="exists already"):
        tree.add(objects.server())


def test_registration_links() -> None:
    tree = ObjectTree(objects.security("coap://h"), objects.firmware(), objects.server())
    assert tree.registration_links() == "</1/0>,</5/0>"
    assert tree.registration_links(("5/0", "2", "1/0")) == "</5/0>,</2>,</1/0>"


def test_firmware_with_handlers() -> None:
    got: list[Any] = []
    firmware = objects.firmware(
        {3: lambda: 1, 5: lambda: 8},
        on_package=lambda *part: got.append(part),
        on_package_uri=got.append,
        on_update=got.append,
    )
    assert (firmware.read(3), firmware.read(5)) == (1, 8)
    firmware.write(0, b"zip")
    firmware.write(1, "coap://h/p")
    firmware.on_execute[2](b"")
    assert got == [(0, b"zip", False), "coap://h/p", b""]


def test_a_single_resource_with_several_values_is_a_mistake() -> None:
    tree = ObjectTree(ObjectInstance(objects.DEVICE, 0, {0: {0: "two"}}))
    with pytest.raises(TypeError):
        content.render(tree.find((3, 0, 0)), content.TEXT)
    with pytest.raises(ValueError, match="single resource"):
        content.render(tree.find((3, 0)), content.TEXT)


def test_a_refusal_shows_its_code() -> None:
    with pytest.raises(Refusal, match=r"4\.06"):
        content.choose(ObjectTree(objects.firmware()).find((5, 0)), 0, 0)


def test_attributes_over_outer_ones() -> None:
    inner = Attributes(pmin=5, gt=1.5).over(Attributes(pmin=1, pmax=9))
    assert inner == Attributes(pmin=5, pmax=9, gt=1.5)
    assert inner.links(2) == ";pmin=5;pmax=9;dim=2;gt=1.5"


@pytest.mark.parametrize("state", ClientState)
@pytest.mark.parametrize("event", Event)
def test_every_state_and_event(state: ClientState, event: Event) -> None:
    after = TRANSITIONS.get((state, event))
    if after is None:
        with pytest.raises(InvalidTransition):
            follow(state, event)
    else:
        assert follow(state, event) is after


def test_every_state_is_reached_and_can_be_left() -> None:
    assert {ClientState.IDLE, *TRANSITIONS.values()} == set(ClientState)
    assert {state for state, _ in TRANSITIONS} == set(ClientState)
    assert all((state, Event.DROPPED) in TRANSITIONS for state in ClientState)
