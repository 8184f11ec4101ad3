"""How the module's sockets behave because of settings of the host, where its profile names such settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from modemsim.net import resolver
from modemsim.net.crossing import USUAL, Retransmission
from modemsim.net.tcp import KeepAlive
from modemsim.profile.sockets import SocketOptionsTable

HEX_FORMATS = (0, 1)
"""Formats of a configured message that mean hexadecimal digits; 2 is text."""


class Heartbeat(NamedTuple):
    """Data that a connection sends every `period` seconds, and how often more it waits for the answer."""

    period: float
    data: bytes
    patience: int


class Pattern(NamedTuple):
    """Received data that the module knows: as a whole, or with `part` anywhere in what came."""

    data: bytes
    part: bool

    def fits(self, received: bytes) -> bool:
        """Whether this is it."""
        return self.data in received if self.part else self.data == received


def message(text: str, format: int) -> bytes:
    """The bytes of a configured message; raises ValueError for digits that are none."""
    return bytes.fromhex(text) if format in HEX_FORMATS else text.encode("latin-1")


class SocketOptions:
    """The options in force now; `asleep` tells whether the chip sleeps."""

    def __init__(
        self, table: SocketOptionsTable, get: Callable[[str], Any], asleep: Callable[[], bool]
    ) -> None:
        self.table = table
        self.asleep = asleep
        self._get = get

    def _value(self, key: str | None) -> Any:
        return None if key is None else self._get(key)

    def _of_socket(self, key: str | None, id: int) -> Any:
        return (self._value(key) or {}).get(str(id))

    @property
    def accepts(self) -> bool:
        """Whether incoming connections are accepted without asking the host."""
        return bool(self._value(self.table.accept) != 0)

    @property
    def closes(self) -> bool:
        """Whether a connection that its peer has closed is closed without the host."""
        return bool(self._value(self.table.passive_close))

    def retransmission(self) -> Retransmission:
        """How lost segments are repeated."""
        value = self._value(self.table.retransmission)
        return USUAL if value is None else Retransmission(value[0], value[1] / 10)

    def keep_alive(self) -> KeepAlive | None:
        """When a silent connection is probed; None: never."""
        value = self._value(self.table.keep_alive)
        return KeepAlive(*value[1:]) if value and value[0] else None

    def heartbeat(self, id: int) -> Heartbeat | None:
        """What a socket sends by itself."""
        value = self._of_socket(self.table.heartbeat, id)
        return None if value is None else Heartbeat(value[0], message(value[1], value[2]), value[3])

    def _pattern(self, key: str | None, id: int) -> Pattern | None:
        value = self._of_socket(key, id)
        return None if value is None else Pattern(message(value[0], value[1]), bool(value[2]))

    def ignored(self, id: int) -> Pattern | None:
        """Received data that is not told."""
        return self._pattern(self.table.ignore, id)

    def wake_up(self, id: int) -> Pattern | None:
        """Received data that wakes the module; while it sleeps everything else is dropped."""
        return self._pattern(self.table.wake_up, id)

    def patience(self) -> tuple[int, float]:
        """Queries to a DNS server, and the seconds each has for its answer."""
        value = self._value(self.table.dns_retry)
        return resolver.USUAL if value is None else (1 + value[0], value[1] / 1000)

    def dns_servers(self) -> list[str]:
        """The DNS servers the host has set, the operator's where it cannot set any."""
        found: list[str] = []
        for key in self.table.dns_servers:
            value = self._get(key)
            found += [value] if isinstance(value, str) else value
        return found if self.table.dns_servers else [resolver.OPERATOR]

    def caches(self) -> bool:
        """Whether answers of the DNS server are kept."""
        return bool(self._value(self.table.dns_cache) != 0)

    def activations(self) -> int:
        """Attempts to activate a context."""
        return 1 + (self._value(self.table.pdp_retry) or 0)
