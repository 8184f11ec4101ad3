"""Turns what happened inside the module into the unsolicited lines of its profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modemsim.at.dialect import Verbatim
from modemsim.at.template import render
from modemsim.profile import Urc
from modemsim.ue.settings import Settings


class UrcSources:
    """The [[urcs]] of a profile by event (`Profile.urcs_by_event`); `send(line, in_command)` prints one."""

    def __init__(
        self,
        by_event: Mapping[str, Sequence[Urc]],
        settings: Settings,
        send: Callable[[str, bool], None],
        words: Mapping[str, Mapping[str, str | int]],
        in_force: Callable[[str | None], bool],
    ) -> None:
        self._by_event = by_event
        self._settings = settings
        self._send = send
        self._words = words
        self._in_force = in_force

    def happened(self, event: str, values: Mapping[str, Any]) -> None:
        """Print the lines this event has under the host's settings, if any."""
        for urc in self._by_event.get(event, ()):
            if any(self._value(key, values) != wanted for key, wanted in urc.when.items()):
                continue
            spelling = self._spelling(urc) if self._in_force(urc.quirk) else None
            if spelling is not None:
                line = render(spelling, {**values, **self._translated(urc, values)})
                self._send(Verbatim(line) if urc.bare else line, urc.in_command)

    def _translated(self, urc: Urc, values: Mapping[str, Any]) -> dict[str, str | int]:
        """The fields that the profile's words stand in for."""
        tables = {field: self._words[table] for field, table in urc.words.items()}
        return {field: table.get(str(values[field]), table["*"]) for field, table in tables.items()}

    def _value(self, key: str, values: Mapping[str, Any]) -> Any:
        """A value of the event, or a setting by its key, which starts with a plus sign."""
        return self._settings.get(key) if key.startswith("+") else values.get(key)

    def _spelling(self, urc: Urc) -> str | None:
        if urc.gate is None:
            return urc.line
        level = self._settings.get(urc.gate)
        if urc.lines:
            return urc.lines.get(str(level))
        return urc.line if level else None
