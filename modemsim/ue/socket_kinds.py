"""What a socket of the module is, how far it is, and how its data reaches the host."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What a socket is, in the words of AT+QIOPEN and AT+QISTATE."""

    TCP = "TCP"
    UDP = "UDP"
    LISTENER = "TCP LISTENER"
    SERVICE = "UDP SERVICE"
    INCOMING = "TCP INCOMING"


class State(IntEnum):
    """How far a socket is; the numbers are those of AT+QISTATE."""

    INITIAL = 0
    OPENING = 1
    CONNECTED = 2
    LISTENING = 3
    CLOSING = 4


class Access(IntEnum):
    """How received data reaches the host."""

    BUFFER = 0
    PUSH = 1
    TRANSPARENT = 2
