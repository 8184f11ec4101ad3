"""The transcript format: what is read, what is refused and where."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.testing.transcript import (
    Kind,
    Step,
    TranscriptError,
    Window,
    fill_in,
    is_literal,
    load,
    match_line,
    parse,
    raw_bytes,
)

HEAD = "# Shows it.\nprofile: bc260y\nsource:  BC260Y CT guide 1.1, 4.1.2\n\n"

COMPLETE = """\
# The first uplink,
# explained further.
profile: bc260y
source:  BC260Y CT guide 1.1, section 4.1.2
seed:    7
set:     timing.command=0s
set:     serial.pacing=false

* power on
< RDY                                 @ 0.5s..6s
<| +CFUN: 1
<| +CPIN: READY
# a remark
> AT+NMGS=5,00454c4c4f
>> AT\\x08\\r
! quiet                               @ 2s
!
< +IP: {address=ip}
< +CGPADDR: 0,"{address}"
"""


def test_a_complete_file() -> None:
    transcript = parse(COMPLETE, "a.at")
    assert transcript.summary == "The first uplink,"
    assert transcript.profile == "bc260y"
    assert transcript.source == "BC260Y CT guide 1.1, section 4.1.2"
    assert transcript.seed == 7
    assert transcript.overrides == ("timing.command=0s", "serial.pacing=false")
    assert transcript.starts_unpowered
    assert transcript.steps == (
        Step(9, Kind.ACTION, "power on"),
        Step(10, Kind.MODULE, "RDY", Window(0.5, 6.0)),
        Step(11, Kind.MODULE_ANY, "+CFUN: 1"),
        Step(12, Kind.MODULE_ANY, "+CPIN: READY"),
        Step(14, Kind.HOST, "AT+NMGS=5,00454c4c4f"),
        Step(15, Kind.RAW, "AT\\x08\\r"),
        Step(16, Kind.QUIET, "quiet", Window(0.0, 2.0)),
        Step(17, Kind.QUIET, ""),
        Step(18, Kind.MODULE, "+IP: {address=ip}"),
        Step(19, Kind.MODULE, '+CGPADDR: 0,"{address}"'),
    )


def test_a_file_without_power_on_wants_a_running_module() -> None:
    assert not parse(HEAD + "> AT\n* power on\n").starts_unpowered
    assert parse(HEAD + "* sim remove\n* power on\n< RDY\n").starts_unpowered


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("> AT  @ 2s", "t.at:5: a host line takes no window; put '* wait 2s' before it"),
        (">", "t.at:5: there is nothing to send"),
        ("<", "t.at:5: there is no line to expect; blank lines of the module are not compared"),
        ("AT+CSQ", "t.at:5: this is no step; steps begin with > >> < <| ! or * and a blank"),
        (">AT", "t.at:5: this is no step; steps begin with > >> < <| ! or * and a blank"),
        ("< OK  @ 2", "t.at:5: '2' is not a duration; write a number and one of us, ms, s, min, h"),
        ("< OK  @ 3s..2s", "t.at:5: the window 3s..2s ends before it begins"),
        ("! silence", "t.at:5: the mark ! knows only 'quiet', not 'silence'"),
        ("! quiet  @ 1s..2s", "t.at:5: quiet takes one duration, for example '! quiet  @ 2s'"),
        ("< {a=float}", "t.at:5: unknown capture type 'float'; there are int, hex, ip, text"),
        ("< {a}", "t.at:5: {a} was not captured before; write {a=int} (hex, ip, text) there"),
        (">> \\q", "t.at:5: unknown escape \\q; there are \\r \\n \\t \\\\ and \\xHH"),
        (">> \\x1", "t.at:5: unknown escape \\x; there are \\r \\n \\t \\\\ and \\xHH"),
        (">> AT\\", "t.at:5: unknown escape \\; there are \\r \\n \\t \\\\ and \\xHH"),
        ("> AT\nprofile: x", "t.at:6: the header key 'profile' is below a step; put it above the first one"),
        ("seed: many", "t.at:5: the seed is a whole number, not 'many'"),
        ("set: x", "t.at:5: set takes KEY=VALUE, for example timing.command=0s, not 'x'"),
        ("port: x", "t.at:5: unknown header key 'port'; there are profile, source, seed and set"),
        ("source: x", "t.at:5: the header key 'source' is given twice"),
        ("seed:", "t.at:5: the header key 'seed' has no value"),
        ("* platfrom send 00", "there is no action 'platfrom send 00'"),
        ("* platform sned 00", "there is no action 'platform sned 00'; there are platform answer, "),
        ("* platform send 0", "cannot read the action 'platform send 0'; write 'platform send HEX'"),
        (
            "* wait",
            "cannot read the action 'wait'; write 'wait 5s' or 'wait attached|registered|observed|idle|psm|asleep'",
        ),
        ("", "t.at:1: there is no step in it"),
    ],
)
def test_what_is_refused(body: str, message: str) -> None:
    with pytest.raises(TranscriptError) as error:
        parse(HEAD + body + "\n", "t.at")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# x\nsource: y\n> AT\n",
            "t.at:1: the header has no profile; write 'profile: ...' above the first step",
        ),
        (
            "# x\nprofile: y\n> AT\n",
            "t.at:1: the header has no source; write 'source: ...' above the first step",
        ),
        (
            "profile: y\nsource: z\n> AT\n",
            "t.at:1: there is no comment that says in one sentence what this shows",
        ),
    ],
)
def test_a_header_is_complete(text: str, message: str) -> None:
    with pytest.raises(TranscriptError) as error:
        parse(text, "t.at")
    assert str(error.value) == message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match=r"none\.at: cannot be read: No such file or directory"):
        load(tmp_path / "none.at")
    (tmp_path / "binary.at").write_bytes(b"\xff\xfe")
    with pytest.raises(TranscriptError, match=r"binary\.at: is not UTF-8 text"):
        load(tmp_path / "binary.at")


def test_raw_bytes() -> None:
    assert raw_bytes("AT\\x1a\\r\\n\\t\\\\x") == b"AT\x1a\r\n\t\\x"


@pytest.mark.parametrize(
    ("expected", "line", "captured", "found"),
    [
        ("OK", "OK", {}, {}),
        ("OK", "OK ", {}, None),
        ("+CSQ: {rssi=int},0", "+CSQ: 8,0", {}, {"rssi": "8"}),
        ("+CSQ: {rssi=int},0", "+CSQ: x,0", {}, None),
        ("{v=int}", "-92", {}, {"v": "-92"}),
        ("{v=hex}", "022FE6cf", {}, {"v": "022FE6cf"}),
        ('"{a=ip}"', '"100.67.249.195"', {}, {"a": "100.67.249.195"}),
        ("{a=text},{b=text}", "x,y,z", {}, {"a": "x", "b": "y,z"}),
        ("{a=int},{a}", "4,4", {}, {"a": "4"}),
        ("{a=int},{a}", "4,5", {}, None),
        ("{a}!", "(.)!", {"a": "(.)"}, {}),
        ("{a}", "x", {}, None),
        ('{"a":1}', '{"a":1}', {}, {}),
    ],
)
def test_matching(expected: str, line: str, captured: dict[str, str], found: dict[str, str] | None) -> None:
    assert match_line(expected, line, captured) == found


def test_host_lines_take_captures_and_keep_other_braces() -> None:
    assert fill_in('AT+X={id},"{"a":{b}}"', {"id": "3"}) == 'AT+X=3,"{"a":{b}}"'


def test_literal_lines() -> None:
    assert is_literal('{"a":1}')
    assert not is_literal("{a=int}")


@given(st.text(st.characters(codec="ascii", exclude_characters="{}")))
def test_a_line_without_braces_matches_itself(line: str) -> None:
    assert match_line(line, line, {}) == {}


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(TranscriptError):
        parse(text)
