"""Incoming connections that wait for the host's word, where it wants to accept them itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from modemsim.net.tcp import TcpSocket

MOST = 4
"""Connections that may wait at one listener; judgement, a small stack's backlog."""


class Waiting:
    """The connections that wait at one listener, in their order; nothing is read from them meanwhile."""

    def __init__(self) -> None:
        self._waiting: deque[TcpSocket] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, tcp: TcpSocket) -> bool:
        """Let one wait; False when there is no room, then it is turned away."""
        if len(self._waiting) >= MOST:
            tcp.abort()
            return False
        tcp.room = lambda: 0
        self._waiting.append(tcp)
        return True

    def answer(self, accepted: bool, take: Callable[[TcpSocket], bool]) -> bool:
        """The host's word on the first one; False when nobody waits or `take` could not."""
        if not self._waiting:
            return False
        tcp = self._waiting.popleft()
        if accepted:
            return take(tcp)
        tcp.abort()
        return True

    def clear(self) -> None:
        """Turn all of them away."""
        while self._waiting:
            self._waiting.popleft().abort()
