"""States of the SIM800-style TCP/IP task (AT+CIPSTATUS) and of each of its connections, as two tables."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Cip(StrEnum):
    """State of the task; with several connections IP PROCESSING stands for all that follows IP STATUS."""

    INITIAL = "IP INITIAL"
    START = "IP START"
    CONFIG = "IP CONFIG"
    GPRSACT = "IP GPRSACT"
    STATUS = "IP STATUS"
    TCP_CONNECTING = "TCP CONNECTING"
    UDP_CONNECTING = "UDP CONNECTING"
    CONNECT_OK = "CONNECT OK"
    TCP_CLOSING = "TCP CLOSING"
    UDP_CLOSING = "UDP CLOSING"
    TCP_CLOSED = "TCP CLOSED"
    UDP_CLOSED = "UDP CLOSED"
    PROCESSING = "IP PROCESSING"
    DEACT = "PDP DEACT"


class CipEvent(StrEnum):
    """What changes the state of the task."""

    TASK = "task"  # AT+CSTT
    ACTIVATE = "activate"  # AT+CIICR
    ACTIVATED = "activated"
    ADDRESS = "address"  # AT+CIFSR
    OPEN_TCP = "open tcp"
    OPEN_UDP = "open udp"
    OPEN = "open"  # one of several connections
    UP = "up"
    CLOSE_TCP = "close tcp"
    CLOSE_UDP = "close udp"
    TCP_OVER = "tcp over"
    UDP_OVER = "udp over"
    ALL_OVER = "all over"  # the last of several connections
    BEARER_LOST = "bearer lost"
    SHUT = "shut"


ACTIVE = (
    Cip.GPRSACT,
    Cip.STATUS,
    Cip.TCP_CONNECTING,
    Cip.UDP_CONNECTING,
    Cip.CONNECT_OK,
    Cip.TCP_CLOSING,
    Cip.UDP_CLOSING,
    Cip.TCP_CLOSED,
    Cip.UDP_CLOSED,
    Cip.PROCESSING,
)
"""States with an address, in which AT+CIFSR tells it."""
CLOSED = (Cip.TCP_CLOSED, Cip.UDP_CLOSED)
_OPENABLE = (Cip.STATUS, *CLOSED)

TRANSITIONS: Mapping[tuple[Cip, CipEvent], Cip] = {
    (Cip.INITIAL, CipEvent.TASK): Cip.START,
    (Cip.START, CipEvent.ACTIVATE): Cip.CONFIG,
    (Cip.CONFIG, CipEvent.ACTIVATED): Cip.GPRSACT,
    (Cip.GPRSACT, CipEvent.ADDRESS): Cip.STATUS,
    **{(state, CipEvent.OPEN_TCP): Cip.TCP_CONNECTING for state in _OPENABLE},
    **{(state, CipEvent.OPEN_UDP): Cip.UDP_CONNECTING for state in _OPENABLE},
    (Cip.TCP_CONNECTING, CipEvent.UP): Cip.CONNECT_OK,
    (Cip.UDP_CONNECTING, CipEvent.UP): Cip.CONNECT_OK,
    (Cip.TCP_CONNECTING, CipEvent.TCP_OVER): Cip.TCP_CLOSED,
    (Cip.UDP_CONNECTING, CipEvent.UDP_OVER): Cip.UDP_CLOSED,
    (Cip.CONNECT_OK, CipEvent.CLOSE_TCP): Cip.TCP_CLOSING,
    (Cip.CONNECT_OK, CipEvent.CLOSE_UDP): Cip.UDP_CLOSING,
    (Cip.CONNECT_OK, CipEvent.TCP_OVER): Cip.TCP_CLOSED,
    (Cip.CONNECT_OK, CipEvent.UDP_OVER): Cip.UDP_CLOSED,
    (Cip.TCP_CLOSING, CipEvent.TCP_OVER): Cip.TCP_CLOSED,
    (Cip.UDP_CLOSING, CipEvent.UDP_OVER): Cip.UDP_CLOSED,
    (Cip.STATUS, CipEvent.OPEN): Cip.PROCESSING,
    (Cip.PROCESSING, CipEvent.OPEN): Cip.PROCESSING,
    (Cip.PROCESSING, CipEvent.ALL_OVER): Cip.STATUS,
    (Cip.CONFIG, CipEvent.BEARER_LOST): Cip.DEACT,
    **{(state, CipEvent.BEARER_LOST): Cip.DEACT for state in ACTIVE},
    **{(state, CipEvent.SHUT): Cip.INITIAL for state in Cip},
}
"""Every permitted change; an event that is not listed for a state has no effect."""


class Link(StrEnum):
    """State of one connection, as AT+CIPSTATUS shows it where there are several."""

    INITIAL = "INITIAL"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    REMOTE_CLOSING = "REMOTE CLOSING"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"


class LinkEvent(StrEnum):
    """What changes the state of one connection."""

    OPEN = "open"
    UP = "up"
    PEER_CLOSES = "peer closes"  # received data still waits for the host
    CLOSE = "close"
    OVER = "over"


LINK_TRANSITIONS: Mapping[tuple[Link, LinkEvent], Link] = {
    (Link.INITIAL, LinkEvent.OPEN): Link.CONNECTING,
    (Link.CLOSED, LinkEvent.OPEN): Link.CONNECTING,
    (Link.CONNECTING, LinkEvent.UP): Link.CONNECTED,
    (Link.CONNECTED, LinkEvent.PEER_CLOSES): Link.REMOTE_CLOSING,
    (Link.CONNECTED, LinkEvent.CLOSE): Link.CLOSING,
    **{
        (state, LinkEvent.OVER): Link.CLOSED
        for state in (Link.CONNECTING, Link.CONNECTED, Link.REMOTE_CLOSING, Link.CLOSING)
    },
}
"""Every permitted change; an event that is not listed for a state has no effect."""
