"""The AEP payload codec: the documents' examples, round trips, and octets that are no payload."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.platforms.aep_codec import CodecError, Frame, Kind, decode, pack, unpack, variable

NUMBERS = st.integers(0, 0xFFFF)


@pytest.mark.parametrize(
    ("payload", "frame", "value"),
    [
        ("0200010006313233343536", Frame(Kind.DATA_REPORT, 1, b"123456"), None),
        ("02000100080006313233343536", Frame(Kind.DATA_REPORT, 1, b"\x00\x06123456"), b"123456"),
        ("061F41001A0006613132333032", Frame(Kind.COMMAND, 8001, b"a12302", 0x1A), None),
        ("061F42001200080006623132333031", Frame(Kind.COMMAND, 8002, b"\x00\x06b12301", 0x12), b"b12301"),
        ("07000A000101", Frame(Kind.EVENT_REPORT, 10, b"\x01"), None),
        ("862329001A000100", Frame(Kind.COMMAND_RESPONSE, 9001, b"\x00", 0x1A), None),
    ],
)  # fmt: skip
def test_the_examples_of_the_documents(payload: str, frame: Frame, value: bytes | None) -> None:
    octets = bytes.fromhex(payload)
    assert decode(octets) == frame
    assert frame.encode() == octets
    assert variable(frame.body) == value


@given(st.sampled_from(Kind), NUMBERS, NUMBERS, st.binary(max_size=2000))
def test_every_frame_comes_back(kind: Kind, service_id: int, task_id: int, body: bytes) -> None:
    frame = Frame(kind, service_id, body, task_id if kind.has_task else None)
    assert decode(frame.encode()) == frame


@given(st.binary(max_size=40))
def test_any_octets_are_a_frame_or_a_codec_error(octets: bytes) -> None:
    try:
        frame = decode(octets)
    except CodecError:
        return
    assert frame.encode() == octets


@given(st.lists(st.tuples(st.binary(max_size=50), st.booleans()), max_size=6))
def test_fields_of_fixed_and_variable_length_come_back(fields: list[tuple[bytes, bool]]) -> None:
    values = [value for value, _ in fields]
    layout = [len(value) if fixed else None for value, fixed in fields]
    assert unpack(pack(values, layout), layout) == values


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("", "none of 02, 06, 07 and 86"),
        ("0300010000", "none of 02, 06, 07 and 86"),
        ("02000100", "at least 5 octets"),
        ("06000100010000FF", "says 0 octets, there are 1"),
        ("020001000631", "says 6 octets, there are 1"),
        ("8600010001", "at least 7 octets"),
    ],
)
def test_octets_that_are_no_payload(octets: str, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        decode(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (Frame(Kind.COMMAND, 1, b""), "a command has a task id"),
        (Frame(Kind.DATA_REPORT, 1, b"", 1), "has no task id"),
        (Frame(Kind.DATA_REPORT, 65536, b""), "up to 65535"),
        (Frame(Kind.COMMAND, 1, b"", -1), "up to 65535"),
        (Frame(Kind.DATA_REPORT, 1, bytes(65536)), "up to 65535"),
    ],
)
def test_values_that_make_no_payload(frame: Frame, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        frame.encode()


def test_fields_that_do_not_fit() -> None:
    for values, layout in [([b"a"], [2]), ([b"a"], []), ([bytes(65536)], [None])]:
        with pytest.raises(CodecError):
            pack(values, layout)
    for body, layout in [(b"\x00", [2]), (b"\x00\x05a", [None]), (b"ab", [1])]:
        with pytest.raises(CodecError):
            unpack(body, layout)
