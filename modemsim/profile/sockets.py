"""The table of a profile that says which settings the module's sockets listen to."""

from __future__ import annotations

from modemsim.profile.base import Table


class SocketOptionsTable(Table):
    """Which settings change how sockets behave; a missing key: the module has no such setting."""

    keep_alive: str | None = None
    """Probes of a silent TCP connection: on, seconds of silence, seconds between probes, probes."""
    retransmission: str | None = None
    """Repetitions of a TCP segment, and the longest time between two in tenths of a second."""
    accept: str | None = None
    """Whether a listener accepts connections by itself."""
    passive_close: str | None = None
    """Whether a TCP connection that the peer has closed is closed by the module too."""
    heartbeat: str | None = None
    """What a connection sends by itself, by socket: seconds, message, its format, patience."""
    ignore: str | None = None
    """Data that is received and not told, by socket: message, its format, whether a part is enough."""
    wake_up: str | None = None
    """Data that wakes the module in place of any other, by socket; as `ignore`."""
    dns_retry: str | None = None
    """Repetitions of a DNS query, and the milliseconds each has for its answer."""
    dns_cache: str | None = None
    """Whether answers of the DNS server are kept."""
    pdp_retry: str | None = None
    """Repetitions of an attempt to activate a context."""
    dns_servers: tuple[str, ...] = ()
    """Addresses of the DNS servers: one setting for each, or one that lists them."""
