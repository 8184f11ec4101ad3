"""Characters of the host that arrive damaged, because somebody asked for it: by parity or by framing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CR = 0x0D


@dataclass(eq=False)
class Damage:
    """One damaged character in each of `count` lines (None: in all), the one at place `at` from 0.

    `error` is what the receiver finds, of `modemsim.at.result`: PARITY_ERROR or FRAMING_ERROR. Such a
    character is lost.
    """

    error: str
    at: int
    count: int | None = 1


class LineNoise:
    """What disturbs the way from the host to the module."""

    def __init__(self) -> None:
        self._damages: list[Damage] = []
        self._column = 0

    def add(self, damage: Damage) -> None:
        """Begin."""
        self._damages.append(damage)

    def remove(self, damage: Damage) -> None:
        """End, if it has not ended by itself."""
        if damage in self._damages:
            self._damages.remove(damage)

    def pieces(self, data: bytes) -> Iterator[bytes | str]:
        """What the receiver makes of these characters: the good ones, and an error for each lost one."""
        if not self._damages:
            behind = len(data) - data.rfind(CR) - 1
            self._column = behind if CR in data else self._column + len(data)
            yield data
            return
        start = 0
        for place, byte in enumerate(data):
            damage = next((damage for damage in self._damages if damage.at == self._column), None)
            self._column = 0 if byte == CR else self._column + 1
            if damage is not None:
                if place > start:
                    yield data[start:place]
                start = place + 1
                self._use(damage)
                yield damage.error
        if start < len(data):
            yield data[start:]

    def _use(self, damage: Damage) -> None:
        if damage.count is not None:
            damage.count -= 1
            if damage.count <= 0:
                self.remove(damage)
