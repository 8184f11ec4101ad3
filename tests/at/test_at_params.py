"""Parameters: parse, render, describe, narrow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.at.dialect import Dialect
from modemsim.at.params import Address, Bits, Choice, Either, Flag, Hex, Ignored, Int, Param, Raw, Text, Token
from modemsim.at.result import Refusal
from modemsim.at.syntax import parse

NMGS_DATA = Hex(4, min_bytes=1, odd="odd_hex", long="too_long", empty="too_long")


def refused(param: Param, text: str, quoted: bool = False) -> str:
    with pytest.raises(Refusal) as refusal:
        param.parse(Token(text, quoted))
    assert refusal.value.situation in param.situations()
    return refusal.value.situation


@pytest.mark.parametrize(
    ("param", "text", "value"),
    [
        (Int(0, 5), "5", 5),
        (Int(0, 5), "005", 5),
        (Int(-1, 5), "-1", -1),
        (Int(values=(0, 1, 4)), "4", 4),
        (Int("0,10-20"), "15", 15),
        (Flag(), "1", True),
        (Flag(), "0", False),
        (Choice(0, 1, 100), "100", 100),
        (Choice("IP", "IPV6"), "ipv6", "IPV6"),
        (Text(5), "a,b;c", "a,b;c"),
        (Raw(), "any thing", "any thing"),
        (NMGS_DATA, "aaBB", b"\xaa\xbb"),
        (Bits(8), "00100001", "00100001"),
        (Address(), "180.101.147.115", "180.101.147.115"),
        (Address(), "lwm2m.ctwing.cn", "lwm2m.ctwing.cn"),
        (Address(), "240e::1", "240e::1"),
        (Ignored(), "what?", None),
    ],
)
def test_parse(param: Param, text: str, value: Any) -> None:
    assert param.parse(Token(text)) == value
    assert type(param.parse(Token(text))) is type(value)


@pytest.mark.parametrize(
    ("param", "text", "situation"),
    [
        (Int(0, 5), "6", "bad_value"),
        (Int(0, 5), "-1", "bad_value"),
        (Int(0, 5), "x", "bad_type"),
        (Int(0, 5), "", "bad_type"),
        (Int(0, 5), "²", "bad_type"),
        (Int(0, 5), "9" * 5000, "bad_type"),
        (Int(0, 5, bad="parameter"), "x", "parameter"),
        (Int(1, 1024, high="too_long", low="empty"), "1025", "too_long"),
        (Int(1, 1024, high="too_long", low="empty"), "0", "empty"),
        (Int("0,10-20"), "5", "bad_value"),
        (Choice(0, 1, 100), "2", "bad_value"),
        (Choice(0, 1, 100), "x", "bad_type"),
        (Choice("IP", "IPV6"), "PPP", "bad_value"),
        (Text(3, long="too_long"), "abcd", "too_long"),
        (Text(3, min_length=1), "", "bad_value"),
        (NMGS_DATA, "", "too_long"),
        (NMGS_DATA, "0011223344", "too_long"),
        (NMGS_DATA, "001", "odd_hex"),
        (NMGS_DATA, "00x1", "bad_value"),
        (NMGS_DATA, "00 1", "bad_value"),
        (Hex(1, odd="odd_hex", long="too_long", odd_first=True), "00112", "odd_hex"),
        (Hex(1, odd="odd_hex", long="too_long"), "00112", "too_long"),
        (Bits(4), "011", "bad_value"),
        (Bits(4), "0112", "bad_value"),
        (Address(), "1.2.3", "bad_value"),
        (Address(), "1.2.3.256", "bad_value"),
        (Address(), "", "bad_value"),
        (Address(), "a..b", "bad_value"),
        (Address(), "a b", "bad_value"),
        (Address(names=False), "host.example", "bad_value"),
        (Address(5, long="too_long"), "host.example", "too_long"),
    ],
)
def test_parse_refuses(param: Param, text: str, situation: str) -> None:
    assert refused(param, text) == situation


@pytest.mark.parametrize(
    ("param", "value", "text"),
    [
        (Int(0, 5), 3, "3"),
        (Int(0, 5), True, "1"),
        (Flag(), True, "1"),
        (Choice(0, 1), 1, "1"),
        (Choice("IP"), "IP", '"IP"'),
        (Choice("IP", quoted=False), "IP", "IP"),
        (Text(5), "abc", '"abc"'),
        (Text(5), 'a"\\', '"a\\22\\5C"'),
        (Text(5, quoted=False), "abc", "abc"),
        (Raw(), "abc", "abc"),
        (Hex(4), b"\xaa\x0b", "AA0B"),
        (Hex(4, quoted=True), b"\xaa\x0b", '"AA0B"'),
        (Bits(4), "0101", '"0101"'),
        (Bits(4, quoted=False), "0101", "0101"),
        (Address(), "1.2.3.4", '"1.2.3.4"'),
        (Ignored(), "x", ""),
        *((param, None, "") for param in (Int(), Flag(), Choice("a"), Text(), Hex(), Bits(1), Address())),
    ],
)
def test_render(param: Param, value: Any, text: str) -> None:
    assert param.render(value) == text


@pytest.mark.parametrize(
    ("param", "text"),
    [
        (Int(0, 5), "(0-5)"),
        (Int(7), "(7)"),
        (Int(values=(0, 1, 4)), "(0,1,4)"),
        (Int("0,10-20"), "(0,10-20)"),
        (Flag(), "(0,1)"),
        (Choice(0, 1, 100), "(0,1,100)"),
        (Choice("IP", "IPV6"), '("IP","IPV6")'),
        (Text(5), ""),
        (Text(5, supported="<apn>"), "<apn>"),
        (Bits(8), '("00000000"-"11111111")'),
        (Bits(2, quoted=False), "(00-11)"),
        (Ignored(), ""),
    ],
)
def test_supported(param: Param, text: str) -> None:
    assert param.supported() == text


@pytest.mark.parametrize(
    ("param", "spec", "text"),
    [
        (Int(0, 5), "0-2", "(0-2)"),
        (Int(0, 5), "0,1,4", "(0,1,4)"),
        (Int(0, 5), [0, "3-4"], "(0,3-4)"),
        (Int(-5, 5), "-3--1", "(-3--1)"),
        (Int(0, 5), {"range": "1-2", "default": 1}, "(1-2)"),
        (Int(values=(0, 1, 2)), "0-2", "(0-2)"),
        (Choice(0, 1, 2, 100), "0-1,100", "(0,1,100)"),
        (Choice(0, 1, 2, 100), [1], "(1)"),
        (Choice("IP", "IPV6", "Non-IP"), "non-ip, IP", '("Non-IP","IP")'),
        (Choice("IP", "IPV6"), {"range": ["IP"], "quoted": False}, "(IP)"),
        (Bits(4), ["0010", "0101"], '("0010","0101")'),
        (Bits(4), "0010", '("0010")'),
        (Text(9), {"supported": '"apn"'}, '"apn"'),
    ],
)
def test_narrowed_range(param: Param, spec: Any, text: str) -> None:
    before = param.supported()
    assert param.narrow(spec).supported() == text
    assert param.supported() == before


def test_narrowing_changes_what_is_taken() -> None:
    assert refused(Int(0, 5).narrow("0-2"), "3") == "bad_value"
    assert refused(Text(9).narrow({"max": 3}), "abcd") == "bad_value"
    assert refused(Hex(9).narrow({"max": 1}), "0011") == "bad_value"
    assert refused(Hex(9).narrow({"min": 1, "odd_first": True}), "") == "bad_value"
    assert refused(Bits(4).narrow("0010"), "0000") == "bad_value"
    assert refused(Address().narrow({"names": False}), "host") == "bad_value"
    assert Int(0, 5).narrow({"default": 2}).default == 2
    assert Int(0, 5).narrow({"optional": True}).default is None
    assert not Int(0, 5, default=1).narrow({"optional": False}).optional


@pytest.mark.parametrize(
    ("param", "spec", "message"),
    [
        (Int(0, 5), "4-6", "not within"),
        (Int(0, 5), "a", "not a range"),
        (Int(0, 5), {"mx": 3}, "is not one of default, doc, optional, range, supported"),
        (Choice(0, 1), "2", "not among"),
        (Choice("IP"), ["PPP"], "not among"),
        (Text(9), {"max": 10}, "over 9"),
        (Hex(9), {"max": 10}, "over 9"),
        (Text(9), "1-2", "has no range"),
        (Bits(4), "01", "patterns of 4 bits"),
    ],
)
def test_a_profile_cannot_widen_or_misspell(param: Param, spec: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        param.narrow(spec)


def written(text: str) -> Token:
    """The token that the host's line holds when it sends a rendered value back."""
    (request,) = parse(f"AT+X={text}", Dialect())
    assert request.fault is None
    (token,) = request.tokens
    return token


VALUES = st.one_of(
    st.tuples(st.just(Int(-999, 999)), st.integers(-999, 999)),
    st.tuples(st.just(Flag()), st.booleans()),
    st.tuples(st.just(Choice(0, 7, 100)), st.sampled_from([0, 7, 100])),
    st.tuples(st.just(Choice("IP", "IPV6")), st.sampled_from(["IP", "IPV6"])),
    st.tuples(st.just(Hex(64)), st.binary(min_size=1, max_size=64)),
    st.tuples(st.just(Hex(64, quoted=True)), st.binary(max_size=64)),
    st.tuples(st.just(Bits(4)), st.text("01", min_size=4, max_size=4)),
    st.tuples(st.just(Text(64)), st.text(st.characters(max_codepoint=255), max_size=64)),
    st.tuples(st.just(Address()), st.ip_addresses().map(str)),
)


@given(VALUES)
def test_what_a_reply_shows_can_be_written_back(case: tuple[Param, Any]) -> None:
    param, value = case
    assert param.parse(written(param.render(value))) == value


@given(
    st.sampled_from([Int(0, 9), Choice(0, 1), Choice("a"), Text(9), NMGS_DATA, Bits(4), Address(), Flag()]),
    st.text(st.characters(max_codepoint=255)),
    st.booleans(),
)
def test_any_text_is_parsed_or_refused(param: Param, text: str, quoted: bool) -> None:
    situation = None
    try:
        param.parse(Token(text, quoted))
    except Refusal as refusal:
        situation = refusal.situation
    assert situation is None or situation in param.situations()


def test_quotes_tell_a_number_from_a_string_in_the_same_place() -> None:
    either = Either(Int(0, 10), Raw(4), default=None)
    assert either.parse(Token("7")) == 7
    assert either.parse(Token("7", quoted=True)) == "7"
    for token in (Token("11"), Token("abcde", quoted=True)):
        with pytest.raises(Refusal):
            either.parse(token)
    assert (either.render(7), either.render("ab"), either.supported()) == ("7", "ab", "(0-10)")
    assert either.situations() == {"bad_value", "bad_type"}
