"""Lines into responses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interpreter_bench import FakeIo, interpreter, reply

from modemsim import clock
from modemsim.at.command import Entry, Form
from modemsim.at.data_mode import DataEnd

OK = "\r\nOK\r\n"
ERROR = "\r\nERROR\r\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AT", OK),
        ("at", OK),
        ("ATE0", OK),
        ("ATE0V1", OK),
        ("ATS5?", "\r\n008\r\n" + OK),
        ("ATS5=9S5?", "\r\n009\r\n" + OK),
        ("AT+CMEE?", "\r\n+CMEE: 0\r\n" + OK),
        ("AT+cmee=?", "\r\n+CMEE: (0-2)\r\n" + OK),
        ("AT+CMEE=1", OK),
        ('AT+CMEE="1"', OK),
        ("AT+WORK=1", "\r\n+WORK: 0\r\n" + OK),
        ("AT+WORK=0", OK),
        ("AT+CMEE?;+CMEE=?", "\r\n+CMEE: 0\r\n\r\n+CMEE: (0-2)\r\n" + OK),
        ("AT+CMEE=1;+CMEE?;", "\r\n+CMEE: 1\r\n" + OK),
        ("ATE0+CMEE=1;+CMEE?", "\r\n+CMEE: 1\r\n" + OK),
        ("AT+NOPE", ERROR),
        ("ATZ", ERROR),
        ("ATFOO", ERROR),
        ("hello", ERROR),
        ("AT+CMEE=3", ERROR),
        ("AT+CMEE", ERROR),
        ("AT+CMEE=", ERROR),
        ("AT+CMEE=1,2", ERROR),
        ('AT+CMEE="1', ERROR),
        ("AT+CMEE?x", ERROR),
        ("ATE5", OK),
        ("ATE=1", ERROR),
        ("AT+WORK=1,1", ERROR),
        ("AT+WORK", ERROR),
        ("AT+CMEE?;+NOPE;+CMEE=?", "\r\n+CMEE: 0\r\n" + ERROR),
        ("AT+REBOOT=", ERROR),
        ('AT+REBOOT="SEND OK"', "\r\n+REBOOT: SEND OK\r\n\r\nSEND OK\r\n|"),
        ('AT+REBOOT=""', "\r\n+REBOOT: \r\n|"),
        ('AT+REBOOT="";+CMEE?', "\r\n+REBOOT: \r\n|"),
    ],
)
def test_one_final_result(line: str, expected: str) -> None:
    assert reply(line) == expected


def test_commands_before_a_bad_one_are_carried_out() -> None:
    ue: dict[str, Any] = {}
    assert reply("ATE1+CMEE=1;+NOPE;V0", ue=ue) == ERROR
    assert ue == {"E": 1, "+CMEE.n": 1}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AT", OK),
        ("AT+CMEE=1;+CMEE=2;+CMEE=0", OK * 3),
        ("AT+CMEE?;+CMEE?", ("\r\n+CMEE:0\r\n" + OK) * 2),
        ("AT+CMEE=1;+NOPE;+CMEE=0", OK + ERROR),
        ("ATE0V1", OK * 2),
        ("AT+CMEE=?;", "\r\n+CMEE:(0-2)\r\n" + OK),
        ("AT+CMEE=1;+CMEE=9", OK + "\r\n+CME ERROR: 50\r\n"),
    ],
)
def test_the_neul_dialect(line: str, expected: str) -> None:
    assert reply(line, chain="ok_each", space_after_colon=False) == expected


@pytest.mark.parametrize(
    ("line", "cmee", "expected"),
    [
        ("AT+CMEE=3", 1, "+CME ERROR: 50"),
        ("AT+CMEE=x", 1, "+CME ERROR: 50"),
        ("AT+CMEE=3", 2, "+CME ERROR: Incorrect parameters"),
        ("AT+CMEE", 1, "+CME ERROR: 4"),
        ("AT+CMEE=", 1, "+CME ERROR: 50"),
        ("AT+CMEE=1,2", 1, "ERROR"),
        ("AT+NOPE", 1, "ERROR"),
        ("AT+WORK", 1, "+CME ERROR: 955"),
        ("AT+WORK", 2, "+CME ERROR: 955"),
        ("AT+WORK", 0, "ERROR"),
        ("AT+WORK=1,1", 1, "+CME ERROR: 100"),
        ("AT+SEND=99", 2, "ERROR"),
    ],
)
def test_cmee(line: str, cmee: int, expected: str) -> None:
    assert reply(line, ue={"+CMEE.n": cmee}) == f"\r\n{expected}\r\n"


def test_needs() -> None:
    detached = {"attached": False, "+CMEE.n": 1}
    assert reply("AT+WORK=1", ue=detached) == "\r\n+CME ERROR: 30\r\n"
    assert reply("AT+WORK?", ue=detached) == "\r\n+CME ERROR: 30\r\n"
    assert reply("AT+WORK=?", ue=detached) == "\r\n+WORK: (0-9),(0,1)\r\n" + OK
    assert reply("AT+WORK=x", ue=detached) == "\r\n+CME ERROR: 50\r\n"
    assert reply("AT+EAGER=x", ue=detached) == "\r\n+CME ERROR: 30\r\n"
    assert reply("AT+WORK?") == "\r\n+WORK: read\r\n" + OK


def test_several_lines_are_one_block_or_frames() -> None:
    assert reply("AT+WORK=2") == "\r\n+WORK: 0\r\n+WORK: 1\r\n" + OK
    assert reply("AT+WORK=2", multi_line="framed") == "\r\n+WORK: 0\r\n\r\n+WORK: 1\r\n" + OK
    framed = {"+WORK": Entry(multi_line="framed")}
    assert reply("AT+WORK=2", entries=framed) == "\r\n+WORK: 0\r\n\r\n+WORK: 1\r\n" + OK


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AT", "0\r"),
        ("AT+NOPE", "4\r"),
        ("AT+CMEE?", "+CMEE: 1\r\n0\r"),
        ("AT+WORK=2", "+WORK: 0\r\n+WORK: 1\r\n0\r"),
        ("AT+CMEE=9", "+CME ERROR: 50\r"),
        ('AT+REBOOT="NO CARRIER"', "+REBOOT: NO CARRIER\r\n3\r|"),
        ("ATV1", OK),
    ],
)
def test_numeric_results(line: str, expected: str) -> None:
    assert reply(line, ue={"V": 0, "+CMEE.n": 1}) == expected


def test_verbosity_counts_from_its_own_result_on() -> None:
    assert reply("ATV0", "AT", "ATV1", "AT") == "0\r0\r" + OK + OK


def test_quiet() -> None:
    assert reply("ATQ1", "AT", "AT+NOPE", "AT+CMEE=9", "AT+CMEE?", "ATQ0") == "\r\n+CMEE: 0\r\n" + OK
    assert reply("ATQ1", "AT", "AT+CMEE=1", "ATQ0", quiet="basic") == OK * 2


def test_other_line_characters() -> None:
    assert reply("AT+CMEE?", ue={"S3": 33, "S4": 63}) == "!?+CMEE: 0!?!?OK!?"


def test_every_answer_has_its_delay() -> None:
    io = FakeIo()
    reply("AT", "AT+CMEE?;+WORK=1", "AT+NOPE", "AT+CMEE", "AT+CMEE=9", "AT+CMEE=?", io=io)
    assert io.pauses == [
        ("", Form.EXECUTE),
        ("+CMEE", Form.READ),
        ("+WORK", Form.WRITE),
        ("", Form.EXECUTE),
        ("+CMEE", Form.EXECUTE),
        ("+CMEE", Form.WRITE),
        ("+CMEE", Form.TEST),
    ]


def test_what_is_put_on_record() -> None:
    io = FakeIo()
    reply("AT+NOPE=1", "AT+CMEE=9", "AT+WORK=1,1", io=io)
    assert io.notes[:2] == [
        ("unknown", {"command": "+NOPE=1", "situation": "unknown_command"}),
        ("refused", {"command": "+CMEE=9", "situation": "bad_value"}),
    ]
    event, fields = io.notes[2]
    assert (event, fields["command"], fields["error"]) == ("internal", "+WORK=1,1", "RuntimeError('boom')")
    assert "interpreter_bench.py" in fields["where"]
    assert fields["where"].endswith("Work.write")


def test_fixed_replies_do_not_call_the_handler() -> None:
    entries = {
        "+WORK": Entry(fixed={"read": "+WORK: fixed", "write": ["a", "b"], "execute": ""}),
        "E": Entry(fixed={"write": ""}),
    }
    assert reply("AT+WORK?", entries=entries) == "\r\n+WORK: fixed\r\n" + OK
    assert reply("AT+WORK=1,1", entries=entries) == "\r\na\r\nb\r\n" + OK
    assert reply("AT+WORK=x", entries=entries) == ERROR
    assert reply("AT+WORK", entries=entries) == OK
    assert reply("ATE=3", entries=entries) == OK


@pytest.mark.parametrize(
    ("line", "data", "expected", "collected"),
    [
        ("AT+SEND=2", b"ab", "\r\n+SEND: 2,None,b'ab'\r\n" + OK, [2]),
        ("AT+SEND=", b"ab", "\r\n+SEND: None,None,b'ab'\r\n" + OK, [None]),
        ('AT+SEND=2,"ab"', b"", "\r\n+SEND: 2,ab,None\r\n" + OK, []),
        ("AT+SEND=2", DataEnd.CANCELLED, OK, [2]),
        ("AT+SEND=2", DataEnd.TIMED_OUT, "\r\n+CME ERROR: 526\r\n", [2]),
        ("AT+SEND=99", b"", ERROR, []),
        ("AT+SEND=x", b"", "\r\n+CME ERROR: 50\r\n", []),
    ],
)
def test_data_mode(line: str, data: bytes | DataEnd, expected: str, collected: list[int | None]) -> None:
    io = FakeIo(data)
    assert reply(line, ue={"+CMEE.n": 1}, io=io) == expected
    assert io.collected == collected


def test_whole_lines_can_be_refused() -> None:
    io = FakeIo()
    ue = {"+CMEE.n": 1}

    async def main() -> None:
        at = interpreter(io, ue)
        await at.refuse("line_too_long")
        assert at.refusal("busy") == b"\r\n+CME ERROR: 302\r\n"
        assert at.refusal("no_prefix") == b"\r\nERROR\r\n"

    clock.run(main(), virtual=True)
    assert io.sent == b"\r\n+CME ERROR: 536\r\n"


@given(st.text(st.characters(max_codepoint=255, exclude_characters="vVqQ")))
def test_every_line_gets_exactly_one_final_result(tail: str) -> None:
    sent = reply("AT" + tail)
    finals = [line for line in sent.split("\r\n") if line in ("OK", "ERROR")]
    assert len(finals) == 1
    assert sent.endswith(("\r\nOK\r\n", "\r\nERROR\r\n"))
