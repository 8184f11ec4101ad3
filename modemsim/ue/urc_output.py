"""Where unsolicited lines go: to this serial line, to another interface of the module, or nowhere for now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modemsim.profile import UrcOutput
from modemsim.trace import Trace
from modemsim.ue.settings import Settings


class UrcGate:
    """Passes unsolicited lines on, as the settings named in [urc_output] say.

    Lines of a module whose URC port is another interface are lost for this line; lines that are cached come
    out in their order when the cache is switched off.
    """

    def __init__(
        self, table: UrcOutput, settings: Settings, send: Callable[[str, bool], None], trace: Trace
    ) -> None:
        self._table = table
        self._settings = settings
        self._send = send
        self._trace = trace
        self._kept: list[tuple[str, bool]] = []

    def send(self, line: str, in_command: bool = False) -> None:
        """Print a line, keep it back, or lose it."""
        table = self._table
        if table.port is not None and self._settings.get(table.port) not in table.here:
            self._trace.emit("at", "urc_elsewhere", line=line, port=self._settings.get(table.port))
        elif table.cache is not None and self._settings.get(table.cache):
            self._kept.append((line, in_command))
        else:
            self._send(line, in_command)

    def changed(self, key: str, value: Any) -> None:
        """A setting has a new value: what was kept back may go."""
        if key == self._table.cache and not value:
            kept, self._kept = self._kept, []
            for line, in_command in kept:
                self.send(line, in_command)

    def clear(self) -> None:
        """Forget what was kept back: the module has no power."""
        self._kept.clear()
