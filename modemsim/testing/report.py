"""How a played transcript ended, and the report a person reads when it failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from modemsim.testing.transcript import Kind, Step, Transcript

SHOWN_BEFORE = 12
"""How many lines before the failure the report shows."""

Direction = Literal["host", "module", "action"]
_MARKS = {"host": "> ", "module": " <", "action": "* "}


@dataclass(frozen=True)
class Entry:
    """One thing that happened while playing: seconds since the start, by whom, what, at which line."""

    instant: float
    direction: Direction
    text: str
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.number or '':>6}{self.instant:12.3f}  {_MARKS[self.direction]} {self.text}"


@dataclass(frozen=True)
class Failure:
    """Where and why a transcript failed."""

    step: Step
    problem: str
    """One sentence: what was expected and what came instead."""
    expected: tuple[str, ...] = ()
    """Lines that should have come, with their windows."""
    came: tuple[Entry, ...] = ()
    """Lines that came instead, and what followed them."""


@dataclass(frozen=True)
class Result:
    """The outcome of playing one transcript once."""

    transcript: Transcript
    seed: int
    seconds: float
    """Simulated seconds it took."""
    failure: Failure | None = None
    log: tuple[Entry, ...] = field(default=(), repr=False)

    @property
    def passed(self) -> bool:
        """Whether every step held."""
        return self.failure is None

    def check(self) -> None:
        """Raise AssertionError with the report when the transcript failed (for pytest)."""
        if self.failure is not None:
            raise AssertionError(self.report())

    def report(self) -> str:
        """One line when it passed, else the failure as a diff with the instant of each line."""
        name = self.transcript.name
        if self.failure is None:
            return f"pass  {name}  (seed {self.seed}, {self.seconds:.1f} s simulated)"
        failure = self.failure
        lines = [
            f"FAIL  {name}:{failure.step.number}: {failure.problem} (seed {self.seed})",
            f"      {self.transcript.summary}",
            "",
            "    line     instant",
        ]
        lines += [f"  {entry}" for entry in self.log[-SHOWN_BEFORE:]]
        head = f"- {failure.step.number:>6}{'':12}  {_expected_mark(failure.step)} "
        lines += [head + text for text in failure.expected]
        lines += [f"+ {entry}" for entry in failure.came]
        return "\n".join(lines)


def _expected_mark(step: Step) -> str:
    return {Kind.HOST: "> ", Kind.RAW: "> ", Kind.ACTION: "* "}.get(step.kind, " <")
