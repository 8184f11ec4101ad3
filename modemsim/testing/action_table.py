"""The machinery behind the `*` lines of a transcript: what an action is, and how a line finds its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modemsim.platforms.downlinks import Downlink
    from modemsim.simulation import Simulation


class ActionFailed(Exception):
    """An action could not be done or a check does not hold; the message says why in one sentence."""


@dataclass
class Stage:
    """What actions work on: the simulation, and the downlink command sent last."""

    simulation: Simulation
    downlink: Downlink | None = None


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
        """Do it; raises ActionFailed."""
        await self.action.run(stage, limit, *self.arguments)


ACTIONS: list[Action] = []
"""Every action there is, in the order of the manual."""


def find(text: str) -> Call:
    """The action a `*` line names; raises ValueError with what could have been meant."""
    words = text.split()
    for action in ACTIONS:
        if action.rest and words[: len(action.words)] == list(action.words):
            return Call(action, (action.parameters[0].read(text.partition(" ")[2]),))
    same = [action for action in ACTIONS if words[: len(action.words)] == list(action.words)]
    for action in same:
        try:
            return Call(action, action.arguments(words))
        except ValueError:
            continue
    if same:
        raise ValueError(f"cannot read the action {text!r}; write {' or '.join(repr(a.usage) for a in same)}")
    near = [action for action in ACTIONS if words[:1] == [action.words[0]]] or ACTIONS
    known = sorted({" ".join(action.words) for action in near})
    raise ValueError(f"there is no action {text!r}; there are {', '.join(known)}")


def declare(
    words: str, *parameters: Parameter, simulation_only: bool = True, rest: bool = False
) -> Callable[..., Any]:
    """Declare a coroutine function as an action."""

    def keep(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        ACTIONS.append(Action(tuple(words.split()), parameters, function, simulation_only, rest))
        return function

    return keep
