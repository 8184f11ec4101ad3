"""What unsolicited lines of a module mean, and how its commands are written: help while one types."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from modemsim.at.command import CommandDoc, ParamDoc
from modemsim.at.template import pattern
from modemsim.commands.catalogue import catalogue
from modemsim.profile import Profile
from modemsim.profile.events import EVENTS
from modemsim.testing.actions import ACTIONS
from modemsim.trace import Record

RECENT = 64
"""Events remembered to choose between two meanings of a line."""


class Meanings:
    """Explains the unsolicited lines of one profile; `fit` spells a line as the module does.

    Subscribed to the trace it knows which event came last, where a line stands for several.
    """

    def __init__(self, profile: Profile, fit: Callable[[str], str]) -> None:
        self._patterns = [(urc.on, pattern(fit(text))) for urc in profile.urcs for text in urc.spellings]
        self._recent: deque[str] = deque(maxlen=RECENT)

    def __call__(self, record: Record) -> None:
        if record.layer == "ue":
            self._recent.append(record.event)

    def of(self, line: str) -> str | None:
        """What a line says; None for one that no event of the profile prints."""
        possible = [event for event, shape in self._patterns if shape.fullmatch(line)]
        for event in reversed(self._recent):
            if event in possible:
                return EVENTS[event]
        return EVENTS[possible[0]] if possible else None


class Manual:
    """The commands of one profile, for completion and for the line of help below the prompt."""

    def __init__(self, profile: Profile) -> None:
        self._commands = {f"AT{command.name}": command for command in catalogue(profile)}
        self._described: dict[str, CommandDoc] = {}

    def completions(self, typed: str) -> Iterator[tuple[str, str]]:
        """What a line may become, each with a word of explanation."""
        if typed.startswith("*"):
            wanted = typed[1:].lstrip()
            yield from (
                (f"* {action.usage}", action.doc) for action in ACTIONS if action.usage.startswith(wanted)
            )
        elif typed and "=" not in typed and ";" not in typed:
            for name in self._commands:
                if name.startswith(typed.upper()):
                    yield name, self._doc(name).summary

    def usage(self, typed: str) -> str | None:
        """How the command being typed is written, and what its parameter at the end of the line takes."""
        name, equals, rest = typed.partition("=")
        name = name.upper().rstrip("?")
        if name not in self._commands:
            return None
        doc = self._doc(name)
        if not equals or not doc.params:
            return f"{_form(doc)}  {doc.summary}"
        param = doc.params[min(_commas(rest), len(doc.params) - 1)]
        return f"{_form(doc)}  {_explained(param)}"

    def _doc(self, name: str) -> CommandDoc:
        if name not in self._described:
            self._described[name] = self._commands[name].describe()
        return self._described[name]


def _form(doc: CommandDoc) -> str:
    if "write" not in doc.forms or not doc.params:
        return f"AT{doc.name}" + ("" if "execute" in doc.forms else "?")
    return f"AT{doc.name}=" + ",".join(
        f"[<{param.name}>]" if param.optional else f"<{param.name}>" for param in doc.params
    )


def _explained(param: ParamDoc) -> str:
    return " ".join(part for part in (f"{param.name}:", param.range, param.doc) if part)


def _commas(text: str) -> int:
    """Commas outside quotes: the place of the parameter being typed."""
    return "".join(text.split('"')[::2]).count(",")
