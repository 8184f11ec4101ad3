"""Which line of the host a receive error of the UART belongs to."""

from __future__ import annotations

from modemsim.at.framing import Frame


class LineErrors:
    """Errors by their place among the bytes received, until the line they stand in is complete."""

    def __init__(self) -> None:
        self._received = 0
        self._places: list[tuple[int, str]] = []
        self._spoiled: str | None = None

    def received(self, count: int) -> None:
        """So many more bytes came."""
        self._received += count

    def happened(self, error: str) -> None:
        """Behind the bytes received so far a character was lost by this error."""
        self._places.append((self._received, error))

    def judged(self, line: Frame | None, waiting: int) -> Frame | None:
        """The line just taken, with its first error as its fault; `waiting` bytes have not been looked at."""
        while self._places and self._places[0][0] < self._received - waiting:
            _, error = self._places.pop(0)
            self._spoiled = self._spoiled or error
        if line is None:
            return None
        fault, self._spoiled = self._spoiled, None
        return line if fault is None or line.fault is not None else Frame(line.text, fault)
