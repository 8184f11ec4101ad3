"""A command line into requests: V.250 basic (5.3) and extended (5.4) syntax, read lazily.

Lazily, because the commands before a bad one are carried out. Names are given in upper case, S-registers as
"S3".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from modemsim.at.command import Form
from modemsim.at.dialect import Dialect
from modemsim.at.params import Token
from modemsim.at.result import BAD_SYNTAX, NO_PREFIX
from modemsim.at.template import NAME_MARKS


class Request(NamedTuple):
    """One command of a line: what is asked in which form with what arguments.

    raw: its text. last: nothing follows on the line. fault: the situation when it is malformed; a malformed
    request is always the last one.
    """

    name: str
    form: Form
    tokens: tuple[Token, ...] = ()
    raw: str = ""
    last: bool = True
    fault: str | None = None


_EXTENDED = re.compile(rf"[{re.escape(NAME_MARKS)}][^=?;]*")
_BASIC = re.compile(r"(S ?[0-9]+|[&\\] ?[A-Za-z]|[A-Za-z])", re.IGNORECASE)
_NUMBER = re.compile(r" *([0-9]+)")
_BARE = re.compile(r"[^,;]*")
_DIAL = "D"


def parse(line: str, dialect: Dialect) -> Iterator[Request]:
    """The requests of one line (its end already removed), in order; none for a bare AT."""
    start = len(line) - len(line.lstrip())
    if line[start : start + 2].upper() != "AT":
        yield Request("", Form.EXECUTE, raw=line, fault=NO_PREFIX)
        return
    at = start + 2
    while True:
        while at < len(line) and line[at] in " ;":
            at += 1
        if at >= len(line):
            return
        request, at = (_extended if line[at] in NAME_MARKS else _basic)(line, at, dialect)
        yield request
        if request.last:
            return


def _done(
    line: str,
    start: int,
    at: int,
    name: str,
    form: Form,
    tokens: tuple[Token, ...] = (),
    fault: str | None = None,
) -> tuple[Request, int]:
    last = fault is not None or not line[at:].strip(" ;")
    return Request(name, form, tokens, line[start:at].strip(), last, fault), at


def _basic(line: str, start: int, dialect: Dialect) -> tuple[Request, int]:
    """ATE0, AT&W, ATS3?, ATS5=8, ATD...; anything else on the line is a command of that (unknown) name."""
    match = _BASIC.match(line, start)
    if match is None:
        return _done(line, start, len(line), line[start:].strip().upper(), Form.EXECUTE)
    name, at = match[0].replace(" ", "").upper(), match.end()
    if name == _DIAL:
        return _done(line, start, len(line), name, Form.EXECUTE, (Token(line[at:].strip()),))
    number = None if name[0] == "S" and len(name) > 1 else _NUMBER.match(line, at)
    tokens = () if number is None else (Token(number[1]),)
    at = at if number is None else number.end()
    rest = line[at:].lstrip()
    if rest[:1] not in ("=", "?"):
        return _done(line, start, at, name, Form.EXECUTE, tokens)
    at = len(line) - len(rest) + 1
    if rest[0] == "?":
        return _done(line, start, at, name, Form.READ, tokens)
    if rest[1:].lstrip()[:1] == "?":
        return _done(line, start, line.index("?", at) + 1, name, Form.TEST, tokens)
    value = _NUMBER.match(line, at)
    if value is None:
        return _done(line, start, at, name, Form.WRITE, tokens, BAD_SYNTAX)
    return _done(line, start, value.end(), name, Form.WRITE, (*tokens, Token(value[1])))


def _extended(line: str, start: int, dialect: Dialect) -> tuple[Request, int]:
    """AT+X=?, AT+X?, AT+X=1,"a", AT+X; a semicolon or the end of the line closes it."""
    match = _EXTENDED.match(line, start)
    assert match is not None
    name, at = match[0].strip().upper(), match.end()
    if line[at : at + 1] == "?":
        return _closed(line, start, at + 1, name, Form.READ)
    if line[at : at + 1] != "=":
        return _closed(line, start, at, name, Form.EXECUTE)
    rest = line[at + 1 :].lstrip()
    if rest[:1] == "?" and rest[1:].lstrip()[:1] in ("", ";"):
        return _closed(line, start, len(line) - len(rest) + 1, name, Form.TEST)
    tokens: list[Token] = []
    at += 1
    while True:
        token, at = _token(line, at, dialect)
        if token is None:
            return _done(line, start, len(line), name, Form.WRITE, tuple(tokens), BAD_SYNTAX)
        tokens.append(token)
        if line[at : at + 1] != ",":
            break
        at += 1
    if len(tokens) == 1 and tokens[0].omitted:
        tokens.clear()
    return _done(line, start, at, name, Form.WRITE, tuple(tokens))


def _closed(line: str, start: int, at: int, name: str, form: Form) -> tuple[Request, int]:
    """A form without arguments: nothing but blanks may stand before the semicolon or the end."""
    if line[at:].lstrip()[:1] not in ("", ";"):
        return _done(line, start, len(line), name, form, fault=BAD_SYNTAX)
    return _done(line, start, at, name, form)


def _token(line: str, at: int, dialect: Dialect) -> tuple[Token | None, int]:
    """The argument at `at`, and where it ends; None for quotes that do not close or have a tail."""
    while line[at : at + 1] == " ":
        at += 1
    if line[at : at + 1] != '"':
        match = _BARE.match(line, at)
        assert match is not None
        return Token(match[0].rstrip()), match.end()
    text, at = _quoted(line, at + 1, dialect)
    while line[at : at + 1] == " ":
        at += 1
    if text is None or line[at : at + 1] not in ("", ",", ";"):
        return None, len(line)
    return Token(text, quoted=True), at


def _quoted(line: str, at: int, dialect: Dialect) -> tuple[str | None, int]:
    """The string whose opening quote stands before `at`, escapes resolved; None when no quote closes it."""
    text = ""
    while at < len(line):
        char = line[at]
        if char == '"':
            return text, at + 1
        if char == "\\" and dialect.escapes:
            char, at = _escaped(line, at)
        else:
            at += 1
        text += char
    return None, at


def _escaped(line: str, at: int) -> tuple[str, int]:
    """What a backslash stands for: two hex digits (V.250 5.4.2.2), a quote, a backslash, or itself."""
    digits = line[at + 1 : at + 3]
    if len(digits) == 2 and all(digit in "0123456789ABCDEFabcdef" for digit in digits):
        return chr(int(digits, 16)), at + 3
    if digits[:1] in ('"', "\\"):
        return digits[0], at + 2
    return "\\", at + 1
