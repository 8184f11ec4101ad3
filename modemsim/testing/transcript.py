"""Transcripts (`*.at`): text files of host lines and module lines, read into checked steps.

The format:

    # One sentence: what this shows.
    profile: bc260y
    source:  where the dialogue is written down

    > AT+CSQ
    < +CSQ: {rssi=int},0
    < OK

| mark | meaning |
|---|---|
| `>` | a line of the host, sent with CR; `{name}` captured before is filled in |
| `>>` | raw bytes of the host, with `\\r`, `\\n`, `\\t`, `\\\\` and `\\x1a` escapes, no CR added |
| `<` | the next line of the module that is not blank, exact, with captures; `< >` is the data prompt |
| `<|` | like `<`, but neighbouring `<|` lines come in any order |
| `<*` | any number of such lines, none included; a capture keeps its last value |
| `!` | quiet: nothing may arrive for the window |
| `*` | an action or a check (`modemsim.testing.actions`) |

A window stands after two blanks: `  @ 0.5s..6s` (not before, not after, counted from the step before) or
`  @ 6s` (0 s..6 s; for quiet and for waiting actions: how long). Without one a line of an open command, its
final result included, has the command's maximum response time, any other line 30 s (URC_WINDOW), quiet 2 s. A
window begins at the step before: a host line when it is sent, a module line when its last character arrived,
quiet and actions when they end.

A file whose leading `*` lines hold `power on` starts with a module without power, every other one with a
module that has booted and attached and whose lines so far are forgotten. The echo of host lines is skipped
unless it is expected. Without `*` lines (other than `* wait 2s`) a file also plays against a real module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from modemsim.testing import actions
from modemsim.timing import parse_duration


class TranscriptError(ValueError):
    """A transcript cannot be used; the message is one sentence with file and line number."""


class Kind(StrEnum):
    """What a step of a transcript does; the value is its mark in the file."""

    HOST = ">"
    RAW = ">>"
    MODULE = "<"
    MODULE_ANY = "<|"
    MODULE_MANY = "<*"
    QUIET = "!"
    ACTION = "*"


@dataclass(frozen=True)
class Window:
    """From `low` to `high` seconds after the step before."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{round(self.low, 3):g} s..{round(self.high, 3):g} s"


@dataclass(frozen=True)
class Step:
    """One line of a transcript that does something; `number` is its line in the file."""

    number: int
    kind: Kind
    text: str
    window: Window | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.text}".rstrip()


@dataclass(frozen=True)
class Transcript:
    """A whole file: what it shows, on which profile, with which options, step by step."""

    name: str
    summary: str
    profile: str
    source: str
    steps: tuple[Step, ...]
    seed: int | None = None
    overrides: tuple[str, ...] = ()
    """`set:` lines, KEY=VALUE as on the command line."""

    @property
    def starts_unpowered(self) -> bool:
        """Whether the file powers the module on itself, before it does anything but act."""
        for step in self.steps:
            if step.kind is not Kind.ACTION:
                return False
            if step.text.split() == ["power", "on"]:
                return True
        return False


_MARKS = re.compile(r"(>>|>|<\||<\*|<|!|\*)(?: (.*))?")
_HEADER = re.compile(r"([a-z]+):\s*(.*)")
_WINDOW = re.compile(r"^(.*?)(?:\s{2,}|^)@ (\S+)$")
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.|$)", re.DOTALL)
_ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
FIELD = re.compile(r"\{([a-z_]\w*)(?:=(\w+))?\}")
_TYPES = {
    "int": r"[+-]?\d+",
    "hex": r"[0-9A-Fa-f]+",
    "ip": r"\d{1,3}(?:\.\d{1,3}){3}",
    "text": r".+?",
}
_MODULE_KINDS = (Kind.MODULE, Kind.MODULE_ANY, Kind.MODULE_MANY)


@dataclass
class _Draft:
    """A transcript while it is read."""

    name: str
    summary: str = ""
    header: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    overrides: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    captured: set[str] = field(default_factory=set)

    def fail(self, number: int, problem: str) -> TranscriptError:
        """The error for a line of this file."""
        return TranscriptError(f"{self.name}:{number}: {problem}")


def load(path: Path | str) -> Transcript:
    """The transcript in a file; raises TranscriptError, also for a file that cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise TranscriptError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise TranscriptError(f"{path}: is not UTF-8 text") from None
    return parse(text, str(path))


def parse(text: str, name: str = "transcript") -> Transcript:
    """The transcript in a text; `name` stands in messages; raises TranscriptError."""
    draft = _Draft(name)
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip()
        if line.startswith("#"):
            draft.summary = draft.summary or line.lstrip("# ")
        elif line:
            _read_line(draft, number, line)
    for key in ("profile", "source"):
        if not draft.header.get(key):
            raise draft.fail(1, f"the header has no {key}; write '{key}: ...' above the first step")
    if not draft.summary:
        raise draft.fail(1, "there is no comment that says in one sentence what this shows")
    if not draft.steps:
        raise draft.fail(1, "there is no step in it")
    header = draft.header
    return Transcript(
        name,
        draft.summary,
        header["profile"],
        header["source"],
        tuple(draft.steps),
        draft.seed,
        tuple(draft.overrides),
    )


def _read_line(draft: _Draft, number: int, line: str) -> None:
    """One line that is neither blank nor a comment: a step, or a header key above the first step."""
    mark = _MARKS.fullmatch(line)
    if mark is not None:
        draft.steps.append(_step(draft, number, Kind(mark[1]), (mark[2] or "").strip()))
        return
    header = _HEADER.fullmatch(line)
    if header is None:
        raise draft.fail(number, "this is no step; steps begin with > >> < <| ! or * and a blank")
    if draft.steps:
        raise draft.fail(number, f"the header key {header[1]!r} is below a step; put it above the first one")
    _read_header(draft, number, header[1], header[2])


def _read_header(draft: _Draft, number: int, key: str, value: str) -> None:
    if not value:
        raise draft.fail(number, f"the header key {key!r} has no value")
    if key == "set":
        if not value.partition("=")[0] or "=" not in value:
            raise draft.fail(number, f"set takes KEY=VALUE, for example timing.command=0s, not {value!r}")
        draft.overrides.append(value)
        return
    if key not in ("profile", "source", "seed"):
        raise draft.fail(number, f"unknown header key {key!r}; there are profile, source, seed and set")
    if key in draft.header:
        raise draft.fail(number, f"the header key {key!r} is given twice")
    if key == "seed":
        if not value.isdecimal():
            raise draft.fail(number, f"the seed is a whole number, not {value!r}")
        draft.seed = int(value)
    draft.header[key] = value


def _step(draft: _Draft, number: int, kind: Kind, body: str) -> Step:
    """A checked step; raises TranscriptError."""
    text, window = body, None
    split = _WINDOW.fullmatch(body)
    if split is not None:
        text = split[1].rstrip()
        try:
            window = _window(split[2])
        except ValueError as error:
            raise draft.fail(number, str(error)) from None
    step = Step(number, kind, text, window)
    problem = _problem(draft, step)
    if problem:
        raise draft.fail(number, problem)
    return step


def _window(text: str) -> Window:
    """A window from `a..b` or `d`; raises ValueError."""
    low, dots, high = text.partition("..")
    if not dots:
        low, high = "0s", low
    window = Window(parse_duration(low), parse_duration(high))
    if window.low > window.high:
        raise ValueError(f"the window {text} ends before it begins")
    return window


def _problem(draft: _Draft, step: Step) -> str | None:
    """What is wrong with a step, in one sentence, or None."""
    if step.kind in (Kind.HOST, Kind.RAW):
        if step.window is not None:
            return "a host line takes no window; put '* wait 2s' before it"
        if not step.text:
            return "there is nothing to send"
        return bad_escape(step.text) if step.kind is Kind.RAW else None
    if step.kind in _MODULE_KINDS:
        return _bad_pattern(draft, step.text)
    if step.kind is Kind.QUIET:
        if step.text not in ("", "quiet"):
            return f"the mark ! knows only 'quiet', not {step.text!r}"
        ranged = step.window is not None and step.window.low > 0
        return "quiet takes one duration, for example '! quiet  @ 2s'" if ranged else None
    try:
        actions.find(step.text)
    except ValueError as error:
        return str(error)
    return None


def _bad_pattern(draft: _Draft, text: str) -> str | None:
    if not text:
        return "there is no line to expect; blank lines of the module are not compared"
    for match in FIELD.finditer(text):
        name, kind = match[1], match[2]
        if kind is not None:
            if kind not in _TYPES:
                return f"unknown capture type {kind!r}; there are {', '.join(_TYPES)}"
            draft.captured.add(name)
        elif name not in draft.captured:
            return f"{{{name}}} was not captured before; write {{{name}=int}} (hex, ip, text) there"
    return None


def bad_escape(text: str) -> str | None:
    """What is wrong with the escapes of a `>>` step, in one sentence, or None."""
    for match in _ESCAPE.finditer(text.encode()):
        if len(match[1]) != 3 and match[1] not in _ESCAPES:
            escape = match[0].decode(errors="replace")
            return f"unknown escape {escape}; there are \\r \\n \\t \\\\ and \\xHH"
    return None


def raw_bytes(text: str) -> bytes:
    """The bytes of a `>>` step, its escapes resolved."""

    def resolve(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code[1:], 16)]) if len(code) == 3 else _ESCAPES[code]

    return _ESCAPE.sub(resolve, text.encode())


def fill_in(text: str, captured: Mapping[str, str]) -> str:
    """A host line with every `{name}` that was captured; other braces stay as they are."""
    return FIELD.sub(lambda m: captured.get(m[1], m[0]) if m[2] is None else m[0], text)


def is_literal(text: str) -> bool:
    """Whether an expected line holds no capture, so that it can equal only itself."""
    return FIELD.search(text) is None


def match_line(expected: str, line: str, captured: Mapping[str, str]) -> dict[str, str] | None:
    """What `line` gives for the captures of `expected`; None when it does not match."""
    found = re.fullmatch("".join(_pattern(expected, captured)), line)
    return None if found is None else found.groupdict()


def _pattern(expected: str, captured: Mapping[str, str]) -> Iterator[str]:
    """The pieces of the regular expression an expected line stands for."""
    position = 0
    here: set[str] = set()
    for match in FIELD.finditer(expected):
        yield re.escape(expected[position : match.start()])
        position = match.end()
        name, kind = match[1], match[2]
        if kind is not None and name not in here:
            here.add(name)
            yield f"(?P<{name}>{_TYPES[kind]})"
        elif name in here:
            yield f"(?P={name})"
        else:
            yield re.escape(captured[name]) if name in captured else r"(?!)"
    yield re.escape(expected[position:])
