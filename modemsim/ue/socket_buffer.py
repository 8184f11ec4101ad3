"""What has arrived on one socket of the module and waits for the host: a stream, or datagrams one by one."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from modemsim.net import Address


class Piece(NamedTuple):
    """Data from one sender."""

    data: bytes
    sender: Address


class SocketBuffer:
    """At most `limit` bytes; a stream joins what arrives, datagrams stay apart and are dropped when full.

    `total`, `read`: bytes that ever arrived, and those the host has taken.
    """

    def __init__(self, limit: int, *, stream: bool) -> None:
        self._limit = limit
        self._stream = stream
        self._pieces: deque[Piece] = deque()
        self._held = 0
        self.total = 0
        self.read = 0

    def __len__(self) -> int:
        return self._held

    @property
    def room(self) -> int:
        """Bytes it can take now."""
        return self._limit - self._held

    def put(self, data: bytes, sender: Address) -> bool:
        """Keep what arrived; False for a datagram that finds no room. An empty one is nothing to read."""
        if not data:
            return True
        if not self._stream and len(data) > self.room:
            return False
        self._pieces.append(Piece(data, sender))
        self._held += len(data)
        self.total += len(data)
        return True

    @property
    def next_size(self) -> int:
        """Bytes of the datagram that is read next, of a stream all that is there."""
        if self._stream or not self._pieces:
            return self._held
        return len(self._pieces[0].data)

    @property
    def next_sender(self) -> Address:
        """Whose data is read next."""
        return self._pieces[0].sender if self._pieces else ("", 0)

    def take(self, most: int, *, joined: bool = False) -> Piece:
        """Up to `most` bytes: of a stream, or `joined`, what is there, else the rest of one datagram."""
        if not self._pieces:
            return Piece(b"", ("", 0))
        taken = bytearray()
        sender = self._pieces[0].sender
        while self._pieces and len(taken) < most:
            piece = self._pieces.popleft()
            part = piece.data[: most - len(taken)]
            taken += part
            if len(part) < len(piece.data):
                self._pieces.appendleft(Piece(piece.data[len(part) :], piece.sender))
            if not self._stream and not joined:
                break
        self._held -= len(taken)
        self.read += len(taken)
        return Piece(bytes(taken), sender)

    def clear(self) -> None:
        """Drop what waits."""
        self._pieces.clear()
        self._held = 0
