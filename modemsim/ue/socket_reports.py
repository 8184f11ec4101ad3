"""What becomes of messages on a socket that the host has numbered, and data that waits for the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modemsim.ue.module import Ue
    from modemsim.ue.socket import Socket

_KEY = "reports"


class SendReports:
    """The numbered messages of one socket; `socket.sent` (id, sequence, status 1 or 0) tells each outcome.

    `pending`: numbers that were not reported yet, in the order of sending.
    """

    def __init__(self, ue: Ue, socket: Socket) -> None:
        self.pending: list[int] = []
        self._ue = ue
        self._socket = socket
        self._waiting: list[tuple[bytes, int | None]] = []

    @classmethod
    def of(cls, ue: Ue, socket: Socket) -> SendReports:
        """Those of a socket, made when they are first asked for."""
        reports = socket.extra.get(_KEY)
        if reports is None:
            reports = socket.extra[_KEY] = cls(ue, socket)
        assert isinstance(reports, cls)
        return reports

    def sent(self, sequence: int | None) -> None:
        """A message was handed to the stack; without a number (None, 0) nothing is reported."""
        if sequence:
            self.pending.append(sequence)
            self._ue.spawn(self._on_the_air(sequence))

    def wait(self, data: bytes, sequence: int | None, limit: int) -> bool:
        """Keep data until the connection stands; False when more than `limit` bytes would wait."""
        if sum(len(kept) for kept, _ in self._waiting) + len(data) > limit:
            return False
        self._waiting.append((data, sequence))
        if sequence:
            self.pending.append(sequence)
        return True

    def connected(self) -> None:
        """The connection stands: send what waited for it."""
        for data, sequence in self._taken():
            self._ue.sockets.send(self._socket, data)
            if sequence:
                self._ue.spawn(self._on_the_air(sequence))

    def failed(self) -> None:
        """There is no connection: what waited for it is not sent."""
        for _, sequence in self._taken():
            if sequence:
                self._tell(sequence, 0)

    def _taken(self) -> list[tuple[bytes, int | None]]:
        waiting, self._waiting = self._waiting, []
        return waiting

    async def _on_the_air(self, sequence: int) -> None:
        try:
            await self._ue.radio.connect()
        except ConnectionError:
            self._tell(sequence, 0)
        else:
            self._tell(sequence, 1)

    def _tell(self, sequence: int, status: int) -> None:
        self.pending.remove(sequence)
        id = self._socket.id
        if self._ue.sockets.get(id) in (None, self._socket):  # else the number has another owner by now
            self._ue.publish("socket.sent", id=id, sequence=sequence, status=status)
