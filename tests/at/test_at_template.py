"""Reply templates and the space after the colon."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.at.dialect import Dialect, to_bytes, to_text
from modemsim.at.template import fields, fit_spacing, pattern, render


class Stat(IntEnum):
    HOME = 1


CEREG = '+CEREG: {n},{stat}[,"{tac:04X}","{ci:08X}",{act}[,{cause_type},{cause}]]'


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("plain", {}, "plain"),
        ("+CSQ: {rssi},{ber}", {"rssi": 8, "ber": 0}, "+CSQ: 8,0"),
        ("{flag}{no}", {"flag": True, "no": False}, "10"),
        ("{stat}", {"stat": Stat.HOME}, "1"),
        ("{data}", {"data": b"\xaa\x0b"}, "AA0B"),
        ("a{none}b", {"none": None}, "ab"),
        ("+CGPADDR: {cid}[,{ip}]", {"cid": 0, "ip": None}, "+CGPADDR: 0"),
        ("+CGPADDR: {cid}[,{ip}]", {"cid": 0}, "+CGPADDR: 0"),
        (CEREG, {"n": 0, "stat": 1}, "+CEREG: 0,1"),
        (
            CEREG,
            {"n": 2, "stat": 1, "tac": 0x33C2, "ci": 0x22FE6CF, "act": 9},
            '+CEREG: 2,1,"33C2","022FE6CF",9',
        ),
        (
            CEREG,
            {"n": 3, "stat": 1, "tac": 1, "ci": 2, "act": 9, "cause_type": 0, "cause": 0},
            '+CEREG: 3,1,"0001","00000002",9,0,0',
        ),
        (
            CEREG,
            {"n": 3, "stat": 1, "tac": 1, "ci": None, "act": 9, "cause_type": 0, "cause": 0},
            "+CEREG: 3,1",
        ),
        (r"\[{a}\]\{\}\\", {"a": 1}, "[1]{}\\"),
        ("[always]", {}, "always"),
        ("{x:>4}|{y:.1f}", {"x": "ab", "y": 1.25}, "  ab|1.2"),
    ],
)
def test_render(template: str, values: dict[str, Any], text: str) -> None:
    assert render(template, values) == text


@pytest.mark.parametrize("template", ["{a", "[a", "a]", "{a b}", "{}", "[a[b]"])
def test_a_malformed_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template"):
        render(template, {"a": 1})


def test_a_field_without_any_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        render("{a}", {})


def test_the_fields_of_a_template_are_known() -> None:
    assert fields(CEREG) == {"n", "stat", "tac", "ci", "act", "cause_type", "cause"}


@pytest.mark.parametrize(
    ("line", "tight"),
    [
        ("+CSQ: 8,0", "+CSQ:8,0"),
        ("+CSQ:8,0", "+CSQ:8,0"),
        ("+NNMI", "+NNMI"),
        ("*MATREADY: 1", "*MATREADY:1"),
        ("^SIMST: 1", "^SIMST:1"),
        ('+QCFG: "a: b",1', '+QCFG:"a: b",1'),
        ("+CME ERROR: 50", "+CME ERROR: 50"),
        ("Revision: BC35", "Revision: BC35"),
        ("PrimaryDns: 1.2.3.4", "PrimaryDns: 1.2.3.4"),
        (": 1", ": 1"),
        ("", ""),
    ],
)
def test_spacing(line: str, tight: str) -> None:
    assert fit_spacing(line, True) == line
    assert fit_spacing(line, False) == tight


def test_a_dialect_has_exceptions_to_its_spacing() -> None:
    neul = Dialect(space_after_colon=False, spacing_exceptions=frozenset({"+NSOCO"}))
    assert neul.fit("+CSQ: 8,99") == "+CSQ:8,99"
    assert neul.fit("+NSOCO: 3") == "+NSOCO: 3"
    simcom = Dialect(spacing_exceptions=frozenset({"+ICF"}))
    assert simcom.fit("+CSQ: 8,0") == "+CSQ: 8,0"
    assert simcom.fit("+ICF: 3,3") == "+ICF:3,3"


def test_a_dialect_has_names_with_a_separator_of_their_own() -> None:
    old = Dialect(space_after_colon=False, separators={"+QLWEVTIND": "="})
    assert old.fit("+QLWEVTIND: 3") == "+QLWEVTIND=3"
    assert old.fit("+QLWEVTIND:1,3") == "+QLWEVTIND=1,3"
    assert old.fit("+NNMI: 2,0102") == "+NNMI:2,0102"
    assert Dialect(separators={"+X": ">"}).fit("+CSQ: 8,0") == "+CSQ: 8,0"
    assert Dialect(separators={"+X": "::"}).fit("+X:") == "+X::"


def test_bytes_of_the_line_survive_as_text() -> None:
    everything = bytes(range(256))
    assert to_bytes(to_text(everything)) == everything
    assert to_bytes("中") == "中".encode()


@given(st.text(), st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=5)))
def test_any_template_renders_or_says_why_not(template: str, values: dict[str, Any]) -> None:
    try:
        render(template, values)
    except (ValueError, KeyError):
        return


@pytest.mark.parametrize("line", ["+CEREG: 1", '+CEREG: 5,"7A2B",9', "+CEREG: 0\n1"])
def test_a_line_is_known_by_its_template(line: str) -> None:
    assert pattern('+CEREG: {stat}[,"{tac}",{act}]').fullmatch(line)
    assert not pattern("+CSCON: {mode}").fullmatch(line)


def test_a_template_is_no_pattern_of_its_own() -> None:
    assert pattern("a.b*({x})").fullmatch("a.b*(1)")
    assert not pattern("a.b*({x})").fullmatch("axb(1)")


@given(st.text(max_size=6), st.none() | st.integers(), st.text(max_size=6))
def test_what_a_template_renders_fits_its_pattern(literal: str, first: int | None, second: str) -> None:
    template = "+X: {first}[,{second}]" + "".join("\\" + char for char in literal)
    assert pattern(template).fullmatch(render(template, {"first": first, "second": second}))
