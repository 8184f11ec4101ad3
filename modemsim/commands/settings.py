"""Commands that only keep values: the write form stores each parameter, the read form shows them."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.ue.module import Ue


class SettingCommand(Command):
    """Base of a command whose parameters are settings named "<command>.<parameter>" in the profile."""

    def read(self, ue: Ue) -> Any:
        return {name: ue.settings.get(f"{self.name}.{name}") for name in self.params}

    def write(self, ue: Ue, **values: Any) -> Any:
        for name, value in values.items():
            ue.settings.set(f"{self.name}.{name}", value)
        return None
