"""Bytes into lines, echo, editing, and data mode."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.at.dialect import Dialect
from modemsim.at.framing import Collector, DataEnd, DataMode, Frame, Framer


def frames(
    *chunks: bytes, settings: dict[str, Any] | None = None, **dialect: Any
) -> tuple[list[Frame], bytes]:
    """The lines that come of chunks of bytes, and the echo."""
    framer = Framer(Dialect(**dialect), {} if settings is None else settings)
    found = []
    for chunk in chunks:
        buffer = bytearray(chunk)
        while buffer:
            frame = framer.take(buffer)
            if frame is not None:
                found.append(frame)
    return found, bytes(framer.echo)


def lines(*chunks: bytes, **options: Any) -> list[str]:
    return [frame.text for frame in frames(*chunks, **options)[0]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"AT\r", ["AT"]),
        (b"AT\r\n", ["AT"]),
        (b"AT\n", []),
        (b"A\nT\n\r", ["AT"]),
        (b"at+csq\rAT\r", ["at+csq", "AT"]),
        (b"AT\r\nAT\r\n", ["AT", "AT"]),
        (b"\r\r\n\r  \rAT\r", ["AT"]),
        (b"  AT\r", ["AT"]),
        (b"AT\x00+\x1bC\x1a\r", ["AT+C"]),
        (b"AT\xe9\r", ["AT\xe9"]),
        (b"junk\r", []),
        (b"\xff\xfe\x00AT+CSQ\r", ["AT+CSQ"]),
        (b"AAT\r", ["AT"]),
        (b"AxAAATx\r", ["ATx"]),
        (b"A\r", []),
        (b"T\rAT\r", ["AT"]),
        (b"ATX\x08\r", ["AT"]),
        (b"ATX\x08\x08\x08\x08\x08AT\r", ["AT"]),
        (b"\x08\x08AT\r", ["AT"]),
        (b"xX\x08AT\r", ["AT"]),
        (b"A/", ["AT"]),
        (b"AT+CSQ\rA/a/", ["AT+CSQ", "AT+CSQ", "AT+CSQ"]),
        (b"AT+CSQ\rA/\rAT\r", ["AT+CSQ", "AT+CSQ", "AT"]),
        (b"AT+CSQ\rxA/\r", ["AT+CSQ"]),
        (b"ATA/\r", ["ATA/"]),
    ],
)
def test_lines(data: bytes, expected: list[str]) -> None:
    assert lines(data) == expected


@pytest.mark.parametrize(
    "data", [b"AT+CSQ\r\nATX\x08E0\r\rA/xxAT\r\n", b"AT\r\nA/AT\r", b"junk\rAT+NMGS=2,AABB\r\n"]
)
def test_every_split_gives_the_same(data: bytes) -> None:
    whole = frames(data)
    for at in range(len(data) + 1):
        assert frames(data[:at], data[at:]) == whole
    assert frames(*(bytes([byte]) for byte in data)) == whole


def test_a_line_without_at_can_be_refused() -> None:
    assert lines(b"junk\r \rxAT\r\rA\rAT\r", junk="refuse") == ["", "AT", "A", "AT"]


def test_junk_can_be_an_error() -> None:
    assert lines(b"junk\r \rxAT\rAT\r", junk="error") == ["junk", "xAT", "AT"]


def test_repeat_can_be_missing() -> None:
    assert lines(b"AT+CSQ\rA/\rAT\r", repeat=False) == ["AT+CSQ", "AT"]
    assert lines(b"A/\r", repeat=False, junk="error") == ["A/"]


def test_a_line_without_at_is_not_repeated() -> None:
    assert lines(b"AT+CSQ\rfoo\rA/", junk="error") == ["AT+CSQ", "foo", "AT+CSQ"]


def test_an_over_long_line_is_dropped_up_to_its_end() -> None:
    found, _ = frames(b"AT" + b"x" * 30, b"y" * 30 + b"\x08\rAT\r", max_line=10)
    assert found == [Frame("AT", "line_too_long"), Frame("AT")]
    assert lines(b"AT" + b"x" * 8 + b"\r", max_line=10) == ["AT" + "x" * 8]


def test_other_line_characters() -> None:
    assert lines(b"AT\rX#\x08~AT;", settings={"S3": ord(";"), "S5": ord("#")}) == ["AT~AT"]


def test_a_line_feed_can_end_the_line() -> None:
    assert lines(b"AT\nAT\n", settings={"S3": 10}) == ["AT", "AT"]


@pytest.mark.parametrize(
    ("data", "echo"),
    [
        (b"AT\r", b"AT\r"),
        (b"AT\r\n", b"AT\r"),
        (b"at+CSQ\r", b"at+CSQ\r"),
        (b"ATX\x08\r", b"ATX\x08 \x08\r"),
        (b"\x08AT\r", b"AT\r"),
        (b"A/", b"A/"),
        (b"\x1bxAT\r", b"\x1bxAT\r"),
    ],
)
def test_echo(data: bytes, echo: bytes) -> None:
    assert frames(data)[1] == echo
    assert frames(data, settings={"E": 0})[1] == b""
    assert frames(data, echo="line")[1] == b""


def test_typing() -> None:
    framer = Framer(Dialect(max_line=4), {})
    for chunk, typing in (
        (b"A", True),
        (b"T", True),
        (b"\r", False),
        (b"\n", False),
        (b"x", False),
        (b"ATxxx", True),
    ):
        framer.take(bytearray(chunk))
        assert framer.typing is typing


def test_what_follows_a_line_stays_in_the_buffer() -> None:
    buffer = bytearray(b"AT+X\r\ndata")
    assert Framer(Dialect(), {}).take(buffer) == Frame("AT+X")
    assert buffer == b"\ndata"


@pytest.mark.parametrize(
    ("before", "expected"), [(b"", True), (b"AT\r\n", True), (b"AT\r", False), (b"AT\r\nAT\r", False)]
)
def test_whether_a_line_feed_is_expected_is_learned(before: bytes, expected: bool) -> None:
    framer = Framer(Dialect(), {})
    buffer = bytearray(before + b"AT+X\r")
    while buffer:
        framer.take(buffer)
    assert framer.expects_lf() is expected
    framer.leave()
    assert not framer.expects_lf()


@given(st.lists(st.binary()))
def test_any_bytes_leave_a_framer_that_works(chunks: list[bytes]) -> None:
    assert lines(*chunks, b"\rAT\r", max_line=20)[-1] == "AT"


def collect(
    mode: DataMode, length: int | None, *chunks: bytes, skip_lf: bool = False
) -> tuple[Any, bytes, bytes]:
    """Result, echo and what is left behind."""
    collector = Collector(mode, length, skip_lf=skip_lf)
    buffer = bytearray()
    taken = b""
    for chunk in chunks:
        buffer += chunk
        taken += collector.feed(buffer)
    return collector.result, taken, bytes(buffer)


SHORT = DataMode(max_bytes=5)
LOSSY = DataMode(max_bytes=5, drop_excess=True)


@pytest.mark.parametrize(
    ("mode", "length", "data", "result", "rest"),
    [
        (SHORT, 3, b"abcAT\r", b"abc", b"AT\r"),
        (SHORT, 3, b"ab", None, b""),
        (SHORT, 3, b"\x1a\x1b\n..", b"\x1a\x1b\n", b".."),
        (SHORT, 0, b"AT\r", b"", b"AT\r"),
        (SHORT, None, b"abc\x1aAT\r", b"abc", b"AT\r"),
        (SHORT, None, b"\x1aAT\r", b"", b"AT\r"),
        (SHORT, None, b"abc\x1bAT\r", DataEnd.CANCELLED, b"AT\r"),
        (SHORT, None, b"ab\x1bc\x1a", DataEnd.CANCELLED, b"c\x1a"),
        (SHORT, None, b"ab\x1ac\x1b", b"ab", b"c\x1b"),
        (SHORT, None, b"abc", None, b""),
        (SHORT, None, b"abcd\x1a", b"abcd", b""),
        (SHORT, None, b"abcde", b"abcde", b""),
        (SHORT, None, b"abcde\x1a", b"abcde", b""),
        (SHORT, None, b"abcdefg\x1a", b"abcde", b"fg\x1a"),
        (LOSSY, None, b"abcde", None, b""),
        (LOSSY, None, b"abcdefg\x1aAT\r", b"abcde", b"AT\r"),
        (LOSSY, None, b"abcdefg\x1bAT\r", DataEnd.CANCELLED, b"AT\r"),
        (DataMode(cancel=None), None, b"\x1b\x1a", b"\x1b", b""),
        (DataMode(terminator=0x0D), None, b"abc\rAT\r", b"abc", b"AT\r"),
    ],
)
def test_data(mode: DataMode, length: int | None, data: bytes, result: Any, rest: bytes) -> None:
    assert collect(mode, length, data)[::2] == (result, rest)


@pytest.mark.parametrize("length", [4, None])
def test_data_is_the_same_in_every_split(length: int | None) -> None:
    data = b"\nabcd\x1aAT\r"
    whole = collect(DataMode(), length, data, skip_lf=True)
    for at in range(len(data) + 1):
        assert collect(DataMode(), length, data[:at], data[at:], skip_lf=True) == whole
    assert whole[0] == b"abcd"


def test_a_line_feed_in_front() -> None:
    assert collect(DataMode(), 2, b"\nab", skip_lf=True)[0] == b"ab"
    assert collect(DataMode(), 2, b"\n\na", skip_lf=True)[0] == b"\na"
    assert collect(DataMode(), 2, b"\nab", skip_lf=False) == (b"\na", b"\na", b"b")
    assert collect(DataMode(), 0, b"\nAT", skip_lf=True) == (b"", b"", b"AT")


def test_every_byte_can_be_counted_data() -> None:
    everything = bytes(range(256))
    assert collect(DataMode(), 256, everything)[0] == everything


@given(st.binary(min_size=1), st.lists(st.integers(0, 40)))
def test_counted_data_is_exact(data: bytes, cuts: list[int]) -> None:
    stream = data + b"AT\r"
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in pairwise(places)]
    assert collect(DataMode(), len(data), *chunks) == (data, data, b"AT\r")
