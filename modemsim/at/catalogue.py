"""The commands one module has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modemsim.at.command import Command


class Catalogue:
    """Commands by name, in the order in which they were given (AT+CLAC lists them so)."""

    def __init__(self, commands: Iterable[Command]) -> None:
        """ValueError: two commands of the same name."""
        self._commands: dict[str, Command] = {}
        for command in commands:
            name = command.name.upper()
            if name in self._commands:
                raise ValueError(f"two commands are called {name}")
            self._commands[name] = command

    def find(self, name: str) -> Command | None:
        """The command of that name in any case ("+cereg", "&W", "S3"); None if the module has none."""
        return self._commands.get(name) or self._commands.get(name.upper())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.upper() in self._commands

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())

    def __len__(self) -> int:
        return len(self._commands)
