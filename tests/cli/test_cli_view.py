"""The live view: how records look, and an output that must never stop the simulation."""

from __future__ import annotations

import os
from typing import Any

import pytest

from modemsim.cli_common import CliError, parse_address
from modemsim.cli_view import ConsoleSink, Output, Row, painter, row
from modemsim.trace import Record


def record(layer: str, event: str, **fields: Any) -> Record:
    return Record(12.3456, layer, event, fields)


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (record("at", "rx", line="AT"), Row("->", "AT", "bold cyan")),
        (record("at", "tx", line="OK"), Row("<-", "OK", "green")),
        (record("at", "urc", line="+IP: 1.2.3.4"), Row("<-", "+IP: 1.2.3.4", "bold yellow")),
        (record("at", "unknown", command="AT\x1b[2J"), Row("!!", "unknown command=AT\\x1b[2J", "red")),
        (
            record("coap", "tx", type="CON", code="POST", path="/rd", mid=7, peer="1.2.3.4:5683", length=110),
            Row(" ~", "coap CON POST /rd  sent to 1.2.3.4:5683, id 7, 110 bytes", "dim"),
        ),
        (
            record("coap", "rx", type="ACK", code="2.01", path="/", mid=7, peer="1.2.3.4:5683", length=20),
            Row(" ~", "coap ACK 2.01  got from 1.2.3.4:5683, id 7, 20 bytes", "dim"),
        ),
        (record("coap", "malformed", data=b"\x01"), Row(" ~", "coap malformed data=01", "dim")),
        (
            record("platform", "observed", objects=["/1", "/3"]),
            Row(" ~", "platform observed objects=/1,/3", "dim"),
        ),
        (record("power", "booted", cause=None), Row("  ", "power booted", "dim")),
        (record("ue", "internal_error", error="x"), Row("!!", "ue internal_error error=x", "red")),
    ],
)
def test_rows(seen: Record, shown: Row) -> None:
    assert row(seen) == shown


def test_a_sink_writes_plain_lines_where_there_is_no_terminal() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as shown, os.fdopen(writer, "w") as stream:
        sink = ConsoleSink(Output(stream))
        sink(record("at", "rx", line="AT"))
        sink(record("ue", "nitz"))
        stream.close()
        assert shown.read() == "    12.346  ->  AT\n"


def test_colours_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLORTERM", raising=False)
    assert painter()("AT", "bold") == "\x1b[1mAT\x1b[0m"
    assert painter()("AT", "") == "AT"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painter()("AT", "bold") == "AT"


def test_lines_without_room_are_left_out_and_counted() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as pipe, os.fdopen(writer, "w") as stream:
        output = Output(stream)
        for _ in range(1000):
            output.line("x" * 999)
        kept = pipe.read(1 << 20).count(b"\n")
        assert 0 < kept < 1000
        output.line("again")
        stream.close()
        left_out = f"({1000 - kept} lines left out: the reader of this output is too slow)\n"
        assert pipe.read(1 << 20).decode() == f"{left_out}again\n"


def test_a_reader_that_goes_away_ends_the_output() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        output = Output(stream)
        os.close(reader)
        output.line("one")
        output.line("two")


def test_no_output_at_all() -> None:
    output = Output(None)
    output.line("nobody sees it")
    assert not output.is_terminal


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7000", ("127.0.0.1", 7000)),
        ("7000", ("127.0.0.1", 7000)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address("--tcp", text) == address


@pytest.mark.parametrize("text", ["", ":", "here:", ":1", "::1:1", "h:65536", "h:-1", "h:\u0663"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(CliError, match=r"--tcp .*: "):
        parse_address("--tcp", text)
