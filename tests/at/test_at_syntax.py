"""Command lines into requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.at.command import Form
from modemsim.at.dialect import Dialect
from modemsim.at.params import Token
from modemsim.at.syntax import Request, parse

DIALECT = Dialect()
T, R, W, X = Form.TEST, Form.READ, Form.WRITE, Form.EXECUTE


def requests(line: str, dialect: Dialect = DIALECT) -> list[Request]:
    return list(parse(line, dialect))


def brief(line: str) -> list[tuple[str, Form, list[str]]]:
    found = requests(line)
    assert all(request.fault is None for request in found)
    assert [request.last for request in found] == [False] * (len(found) - 1) + [True] * bool(found)
    return [(request.name, request.form, [token.text for token in request.tokens]) for request in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AT", []),
        ("at", []),
        ("AT ;; ", []),
        ("ATE0", [("E", X, ["0"])]),
        ("ate", [("E", X, [])]),
        ("ATE0V1", [("E", X, ["0"]), ("V", X, ["1"])]),
        ("AT E0 V1 ", [("E", X, ["0"]), ("V", X, ["1"])]),
        ("ATE0&W", [("E", X, ["0"]), ("&W", X, [])]),
        ("AT&F0", [("&F", X, ["0"])]),
        ("AT\\Q3", [("\\Q", X, ["3"])]),
        ("ATI", [("I", X, [])]),
        ("ATS3?", [("S3", R, [])]),
        ("ATS5=8", [("S5", W, ["8"])]),
        ("ATS3=13S4=10", [("S3", W, ["13"]), ("S4", W, ["10"])]),
        ("ATS10=15", [("S10", W, ["15"])]),
        ("ATS7 = 60", [("S7", W, ["60"])]),
        ("ATE?", [("E", R, [])]),
        ("ATE=?", [("E", T, [])]),
        ("ATD*99#", [("D", X, ["*99#"])]),
        ("ATE0D123;", [("E", X, ["0"]), ("D", X, ["123;"])]),
        ("ATE0;+CMEE=1", [("E", X, ["0"]), ("+CMEE", W, ["1"])]),
        ("ATE0+CMEE=1", [("E", X, ["0"]), ("+CMEE", W, ["1"])]),
        ("ATFOO", [("F", X, []), ("O", X, []), ("O", X, [])]),
        ("AT123", [("123", X, [])]),
        ("AT+CSQ", [("+CSQ", X, [])]),
        ("at+csq", [("+CSQ", X, [])]),
        ("AT +CSQ ", [("+CSQ", X, [])]),
        ("AT+CSQ?", [("+CSQ", R, [])]),
        ("AT+CSQ=?", [("+CSQ", T, [])]),
        ("AT+CSQ = ?", [("+CSQ", T, [])]),
        ("AT+CSQ=", [("+CSQ", W, [])]),
        ("AT+CSQ=?x", [("+CSQ", W, ["?x"])]),
        ("AT*MCGDEFCONT=?", [("*MCGDEFCONT", T, [])]),
        ("AT^SIMST?", [("^SIMST", R, [])]),
        ("AT%A;$B;#C", [("%A", X, []), ("$B", X, []), ("#C", X, [])]),
        ("AT+A=1,,3", [("+A", W, ["1", "", "3"])]),
        ("AT+A=,", [("+A", W, ["", ""])]),
        ("AT+A= 1 , a b ,3 ", [("+A", W, ["1", "a b", "3"])]),
        ('AT+A="a,b;c",2', [("+A", W, ["a,b;c", "2"])]),
        ('AT+A=""', [("+A", W, [""])]),
        ('AT+A="x" ;+B', [("+A", W, ["x"]), ("+B", X, [])]),
        ("AT+CEREG=1;+NPSMR=1;+CSCON?", [("+CEREG", W, ["1"]), ("+NPSMR", W, ["1"]), ("+CSCON", R, [])]),
        ("AT+CSQ;", [("+CSQ", X, [])]),
        ("AT+A;E0V1;+B", [("+A", X, []), ("E", X, ["0"]), ("V", X, ["1"]), ("+B", X, [])]),
        ("AT+A B=1", [("+A B", W, ["1"])]),
        ("AT+", [("+", X, [])]),
        ("AT+CPSMS=1,,,01000011,01000011", [("+CPSMS", W, ["1", "", "", "01000011", "01000011"])]),
    ],
)
def test_parse(line: str, expected: list[tuple[str, Form, list[str]]]) -> None:
    assert brief(line) == expected


def test_quotes_are_remembered() -> None:
    (request,) = requests('AT+A="1",1,"",')
    assert request.tokens == (Token("1", True), Token("1"), Token("", True), Token(""))
    assert [token.omitted for token in request.tokens] == [False, False, False, True]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\22b", 'a"b'),
        (r"a\5Cb", "a\\b"),
        (r"a\5cb", "a\\b"),
        (r"a\"b", 'a"b'),
        (r"a\\b", "a\\b"),
        (r"a\zb", r"a\zb"),
        (r"\0D\0a", "\r\n"),
        (r"a\\22", "a\\22"),
    ],
)
def test_escapes(written: str, meant: str) -> None:
    (request,) = requests(f'AT+A="{written}",2')
    assert request.tokens == (Token(meant, True), Token("2"))


def test_escapes_can_be_off() -> None:
    (request,) = requests(r'AT+A="C:\22\"', Dialect(escapes=False))
    assert request.tokens == (Token(r"C:\22" + "\\", True),)


@pytest.mark.parametrize(
    ("line", "name", "form"),
    [
        ('AT+A="a', "+A", W),
        ('AT+A="a"b', "+A", W),
        ('AT+A="a\\"', "+A", W),
        ("AT+A?1", "+A", R),
        ("AT+A? +B", "+A", R),
        ("ATS3=", "S3", W),
        ("ATS3=x", "S3", W),
    ],
)
def test_a_malformed_command_is_the_last_one(line: str, name: str, form: Form) -> None:
    found = requests(line.replace("AT", "AT+OK;", 1) + ";+AFTER")
    assert [request.name for request in found] == ["+OK", name]
    assert (found[1].form, found[1].fault, found[1].last) == (form, "bad_syntax", True)


@pytest.mark.parametrize("line", ["", "A", "XT+CSQ", "+CSQ", "hello"])
def test_a_line_without_at(line: str) -> None:
    (request,) = requests(line)
    assert request.fault == "no_prefix"


def test_parsing_is_lazy() -> None:
    line = parse('AT+A;+B="open', DIALECT)
    assert next(line).name == "+A"
    assert next(line).fault == "bad_syntax"


def test_a_request_keeps_its_text() -> None:
    assert [request.raw for request in requests('ATE0;+A="x", 1;+B?')] == ["E0", '+A="x", 1', "+B?"]


@given(st.text(st.characters(max_codepoint=255)))
def test_any_line_is_read_to_its_end(tail: str) -> None:
    found = requests("AT" + tail)
    assert all(not request.last for request in found[:-1])
    assert all(request.last for request in found[-1:])


@given(
    st.lists(
        st.tuples(st.text(st.characters(min_codepoint=32, max_codepoint=255)), st.just(True))
        | st.tuples(st.text("0123456789abcXYZ.:/-", min_size=1), st.just(False)),
        min_size=1,
    )
)
def test_arguments_survive(arguments: list[tuple[str, bool]]) -> None:
    def write(text: str, quoted: bool) -> str:
        return '"' + text.replace("\\", "\\5C").replace('"', "\\22") + '"' if quoted else text

    (request,) = requests("AT+A=" + ",".join(write(*argument) for argument in arguments))
    assert [tuple(token) for token in request.tokens] == arguments
