"""The items of AT+QICFG: what each takes, how it is told, and where its values are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modemsim.at.param import Param, Token
from modemsim.at.result import MISSING_PARAMETER, SURPLUS_PARAMETER, Refusal
from modemsim.ue.settings import Settings


@dataclass(frozen=True)
class Item:
    """One item: `values` in the order of the line, kept as "+QICFG.<name>", several of them as a list.

    `endings`: of settings of their own in place of the list. `off`: the first value that switches it off and
    needs no others. `by_socket`: the number of a socket stands before the values. `check` raises Refusal for
    values that do not fit each other.
    """

    name: str
    values: tuple[Param, ...]
    doc: str
    endings: tuple[str, ...] = ()
    off: int | str | None = None
    by_socket: Param | None = None
    check: Callable[[Sequence[Any]], None] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Its settings."""
        return tuple(f"+QICFG.{self.name}{ending}" for ending in self.endings or ("",))

    def supported(self) -> str:
        """Its line in the reply to `=?`."""
        params = self.values if self.by_socket is None else (self.by_socket, *self.values)
        return self._line(param.supported() for param in params)

    def asks(self, given: Sequence[str | None]) -> bool:
        """Whether what stands behind the name asks for the values and gives none."""
        return len(given) == (self.by_socket is not None)

    def told(self, settings: Settings, given: Sequence[str | None]) -> str:
        """Its line with the values in force, for an item by socket those of the one given."""
        if self.by_socket is None:
            return self._line(self._shown(self._kept(settings)))
        id = self._socket(given)
        kept = (settings.get(self.keys[0]) or {}).get(str(id), [self.off])
        return self._line((str(id), *self._shown(kept)))

    def change(self, settings: Settings, given: Sequence[str | None]) -> None:
        """Bring new values into force; raises Refusal."""
        if self.by_socket is not None:
            self._change_of_socket(settings, given)
            return
        values = self._parsed(given, self._kept(settings))
        if self.endings:
            for key, value in zip(self.keys, values, strict=True):
                settings.set(key, value)
        else:
            settings.set(self.keys[0], values if len(self.values) > 1 else values[0])

    def _change_of_socket(self, settings: Settings, given: Sequence[str | None]) -> None:
        id, defaults = self._socket(given), [param.default for param in self.values]
        values = self._parsed(given[1:], defaults)
        others = {key: kept for key, kept in settings.get(self.keys[0]).items() if key != str(id)}
        settings.set(self.keys[0], others if values[0] == self.off else {**others, str(id): values})

    def _socket(self, given: Sequence[str | None]) -> int:
        if self.by_socket is None or not given or given[0] is None:
            raise Refusal(MISSING_PARAMETER)
        return int(self.by_socket.parse(Token(given[0])))

    def _kept(self, settings: Settings) -> list[Any]:
        kept = [settings.get(key) for key in self.keys]
        return kept[0] if isinstance(kept[0], list) else kept

    def _parsed(self, given: Sequence[str | None], kept: Sequence[Any]) -> list[Any]:
        if len(given) > len(self.values):
            raise Refusal(SURPLUS_PARAMETER)
        values: list[Any] = []
        for param, text, before in zip(self.values, [*given, *[None] * len(self.values)], kept, strict=False):
            switched_off = bool(values) and values[0] == self.off
            if text is None and not param.optional and not switched_off:
                raise Refusal(MISSING_PARAMETER)
            values.append(before if text is None else param.parse(Token(text)))
        if self.check is not None and values[0] != self.off:
            self.check(values)
        return values

    def _shown(self, values: Sequence[Any]) -> list[str]:
        shown = values[:1] if values[0] == self.off else values
        return [param.render(value) for param, value in zip(self.values, shown, strict=False)]

    def _line(self, values: Any) -> str:
        return f'+QICFG: "{self.name}",' + ",".join(values)
