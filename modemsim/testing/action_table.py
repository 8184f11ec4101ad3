"""The table of what `*` lines of transcripts can do, and the words that its entries are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modemsim.timing import parse_duration

if TYPE_CHECKING:
    from modemsim.platforms.downlinks import Downlink
    from modemsim.platforms.questions import Question
    from modemsim.platforms.upgrades import UpgradeTask
    from modemsim.simulation import Simulation

LOOK_STEP = 0.05
"""Seconds between two looks at a state that is waited for."""


class ActionFailed(Exception):
    """An action could not be done or a check does not hold; the message says why in one sentence."""


@dataclass
class Stage:
    """What actions work on: the simulation, the downlink command and the question sent last."""

    simulation: Simulation
    downlink: Downlink | None = None
    question: Question | None = None
    upgrade: UpgradeTask | None = None
    """The upgrade task made last."""


@dataclass(frozen=True)
class Parameter:
    """A word behind an action: how the manual shows it, and its reader, which raises ValueError."""

    shows: str
    read: Callable[[str], Any]
    optional: bool = False

    def __str__(self) -> str:
        return f"[{self.shows}]" if self.optional else self.shows


@dataclass(frozen=True)
class Action:
    """One entry of the table; `run(stage, limit, *arguments)` does it."""

    words: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    run: Callable[..., Awaitable[None]]
    simulation_only: bool
    rest: bool = False
    """Its one parameter is all that follows, blanks and quotes included."""

    @property
    def usage(self) -> str:
        """The action as a transcript writes it."""
        return " ".join([*self.words, *map(str, self.parameters)])

    @property
    def doc(self) -> str:
        """What it does, in one sentence."""
        return (self.run.__doc__ or "").strip()

    def arguments(self, words: list[str]) -> tuple[Any, ...]:
        """The arguments in `words`; raises ValueError when they do not fit."""
        rest = words[len(self.words) :]
        least = sum(not parameter.optional for parameter in self.parameters)
        if not least <= len(rest) <= len(self.parameters):
            raise ValueError
        return tuple(parameter.read(word) for parameter, word in zip(self.parameters, rest, strict=False))


@dataclass(frozen=True)
class Call:
    """An action with its arguments, ready to run."""

    action: Action
    arguments: tuple[Any, ...]

    async def run(self, stage: Stage | None, limit: float | None) -> None:
        """Do it; raises ActionFailed, with what a platform or the network refuses it for."""
        try:
            await self.action.run(stage, limit, *self.arguments)
        except (ConnectionError, LookupError, ValueError) as problem:
            raise ActionFailed(str(problem)) from problem


ACTIONS: list[Action] = []
"""Every action there is, in the order of the manual."""


def find(text: str) -> Call:
    """The action a `*` line names; raises ValueError with what could have been meant."""
    words = text.split()
    for entry in ACTIONS:
        if entry.rest and words[: len(entry.words)] == list(entry.words):
            return Call(entry, (entry.parameters[0].read(text.partition(" ")[2]),))
    same = [entry for entry in ACTIONS if words[: len(entry.words)] == list(entry.words)]
    for entry in same:
        try:
            return Call(entry, entry.arguments(words))
        except ValueError:
            continue
    if same:
        raise ValueError(f"cannot read the action {text!r}; write {' or '.join(repr(a.usage) for a in same)}")
    near = [entry for entry in ACTIONS if words[:1] == [entry.words[0]]] or ACTIONS
    known = sorted({" ".join(entry.words) for entry in near})
    raise ValueError(f"there is no action {text!r}; there are {', '.join(known)}")


def action(
    words: str, *parameters: Parameter, simulation_only: bool = True, rest: bool = False
) -> Callable[..., Any]:
    """Declare a coroutine function as an action."""

    def declare(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        ACTIONS.append(Action(tuple(words.split()), parameters, function, simulation_only, rest))
        return function

    return declare


def one_of(**values: Any) -> Parameter:
    """A parameter that is one of these words."""

    def read(word: str) -> Any:
        if word not in values:
            raise ValueError(word)
        return values[word]

    return Parameter("|".join(values), read)


def words_of(*words: str, optional: bool = False) -> Parameter:
    """A parameter that is one of these words as it stands."""
    parameter = one_of(**{word: word for word in words})
    return Parameter(parameter.shows, parameter.read, optional)


SWITCH = one_of(on=True, off=False)
HEX = Parameter("HEX", bytes.fromhex)
COUNT = Parameter("N", lambda word: int(word) if word.isdecimal() else int("no number"))
DURATION = Parameter("5s", parse_duration)


async def until(holds: Callable[[], bool], limit: float, problem: Callable[[], str]) -> None:
    """Look again and again until `holds`; raises ActionFailed with `problem` after `limit` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    while not holds():
        if loop.time() >= deadline:
            raise ActionFailed(problem())
        await asyncio.sleep(min(LOOK_STEP, max(deadline - loop.time(), LOOK_STEP / 10)))
