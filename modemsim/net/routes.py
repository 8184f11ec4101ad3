"""Where packets for one `host:port` really go: built-in platforms, declared routes, or where they say."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Known:
    """A platform address of the vendor documents: names and IP as a module knows them, and which platform.

    A name that starts with "*." stands for every name below it. `platform` is the key under which the
    simulation announces the built-in platform; a key nobody announces leads nowhere.
    """

    names: tuple[str, ...]
    ip: str
    port: int
    platform: str
    source: str


_LWM2M_PORT, _SECURE_PORT = 5683, 5684

_DOCUMENTED: tuple[Known, ...] = (
    Known((), "180.101.147.115", 5683, "ct-iot", "BC260Y CT guide 1.1, 4.1.2; SIM7020 CM2MCLI note"),
    Known((), "117.60.157.137", 5683, "ct-iot", "BC95 field log on China Telecom, 2018"),
    Known((), "117.78.47.187", 5683, "ct-iot", "BC95 OceanConnect set-up log"),
    Known(
        ("lwm2m.ctwing.cn", "*.nb.ctwing.cn"),
        "221.229.214.202",
        5683,
        "aep",
        "BC260Y CT guide 1.1, 4.2.2; SIM7020 CTM2M note; EC800E AEP guide, 3 and 4.1.3",
    ),
    Known((), "240e:980:8120:28:84f4:c0c2:4a95:85f9", 5683, "aep", "EC800E AEP guide, 7"),
    Known(("dmp-coap.cuiot.cn",), "153.35.119.75", 5683, "aep", "EC800E AEP guide, 3"),
    Known(
        ("mqtt.ctwing.cn", "*.non-nb.ctwing.cn"),
        "180.106.148.146",
        1883,
        "aep-mqtt",
        "EC800E AEP guide, 3 and 4.2",
    ),
    Known(
        ("mqtt.ctwing.cn", "*.non-nb.ctwing.cn"),
        "180.106.148.146",
        8883,
        "aep-mqtt/tls",
        "EC800E AEP guide, 3",
    ),
    Known(("dmp-tcp.cuiot.cn",), "180.106.148.146", 8843, "aep-tcp", "EC800E AEP guide, 3"),
    Known(("tcp.ctwing.cn",), "180.106.148.146", 8996, "aep-tcp", "EC800E AEP guide, 4.3; address inferred"),
    Known(("echo.modemsim.test",), "192.0.2.7", 7, "echo", "RFC 862; address block of RFC 5737"),
    Known(("echo.modemsim.test",), "192.0.2.7", 443, "echo/tls", "RFC 862; address block of RFC 5737"),
    Known(("ntp.modemsim.test",), "192.0.2.123", 123, "ntp", "RFC 4330; address block of RFC 5737"),
)

SECURED = "{}/coaps"
"""The key of a platform's port for DTLS, made from the platform's own."""
TLS = "{}/tls"
"""The key of a platform's or service's port for TLS."""

KNOWN: tuple[Known, ...] = (
    *_DOCUMENTED,
    *(
        replace(known, port=_SECURE_PORT, platform=SECURED.format(known.platform))
        for known in _DOCUMENTED
        if known.port == _LWM2M_PORT
    ),
)
"""Every documented address; LwM2M platforms take DTLS one port above (EC800E AEP guide, 3)."""

_PORTS: dict[str, dict[int, str]] = {}
"""The platform at each port of a documented address; asked for every datagram."""
for _known in KNOWN:
    _PORTS.setdefault(_known.ip, {})[_known.port] = _known.platform

# Addresses handed out for routed names that no document gives an address (benchmarking block, RFC 2544).
_NAMED_POOL = ipaddress.IPv4Address("198.18.0.1")


class Routes:
    """The way out of the access network.

    `builtin` gives the real address of each built-in platform by key and is read at every use, so platforms
    may start later or move; empty means no built-in platform. `extra` are declared routes (they win), and
    `offline` sends everything nowhere that is not routed and would leave this machine. A built-in platform's
    host leads nowhere at ports the platform does not serve.
    """

    def __init__(
        self,
        builtin: Mapping[str, Address],
        extra: Iterable[tuple[Address, Address]] = (),
        offline: bool = False,
    ) -> None:
        self.builtin = builtin
        self.offline = offline
        self._names: dict[str, str] = {}
        self._extra: dict[Address, Address] = {}
        for (host, port), target in extra:
            self._extra[self._own_ip(host), port] = target

    def resolve(self, host: str) -> list[str]:
        """IP addresses a module gets for `host`: itself for an IP, else names known or routed; else none."""
        ip = ip_literal(host)
        if ip is not None:
            return [ip]
        name = host.lower().rstrip(".")
        if name in self._names:
            return [self._names[name]]
        return [known.ip for known in KNOWN if any(_matches(name, pattern) for pattern in known.names)][:1]

    def real(self, to: Address) -> Address | None:
        """The real address behind `to`; None when it leads nowhere (offline, or no such platform)."""
        host, port = to
        ip = ip_literal(host) or next(iter(self.resolve(host)), host)
        routed = self._extra.get((ip, port))
        if routed is not None:
            return routed
        keys = _PORTS.get(ip) if self.builtin else None
        if keys:
            platform = self.builtin.get(keys.get(port, ""))
            return None if platform is None else _from_here(platform)
        return None if self.offline and not _on_this_machine(ip) else (ip, port)

    def answers(self, ip: str) -> bool:
        """Whether a host is known to stand at this address: a platform in the box, or a declared route."""
        known = any(place.ip == ip and place.platform in self.builtin for place in KNOWN)
        return known or any(host == ip for host, _ in self._extra)

    def declared(self, to: Address) -> bool:
        """Whether somebody has declared a route for this address."""
        return to in self._extra

    @property
    def local_host(self) -> str:
        """Where sockets of the module are bound: every interface, unless nothing can leave this machine."""
        return "127.0.0.1" if self.local_only else "0.0.0.0"

    @property
    def local_only(self) -> bool:
        """Whether no datagram can leave this machine."""
        targets = [*map(_from_here, self.builtin.values()), *self._extra.values()]
        return self.offline and all(ipaddress.ip_address(host).is_loopback for host, _ in targets)

    def inside(self, real: Address) -> bool:
        """Whether this real address is a built-in platform, so that its answers need no wall-clock time."""
        return real in map(_from_here, self.builtin.values())

    def _own_ip(self, host: str) -> str:
        found = self.resolve(host)
        if not found:
            found = [str(_NAMED_POOL + len(self._names))]
            self._names[host.lower().rstrip(".")] = found[0]
        return found[0]


def parse_route(text: str) -> tuple[Address, Address]:
    """`--route FROM=TO`, both `host:port`; TO may be a name and is looked up here, once.

    Raises ValueError with one sentence.
    """
    before, equals, after = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not a route; write FROM:PORT=TO:PORT")
    start, (host, port) = _endpoint(before), _endpoint(after)
    if ip_literal(host) is None:
        try:
            host = str(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0])
        except OSError:
            raise ValueError(f"the route's target {host!r} has no IPv4 address") from None
    elif ":" in host:
        raise ValueError(f"the route's target {host!r} must be an IPv4 address or a name")
    return start, (host, port)


def _endpoint(text: str) -> Address:
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text.strip()!r} is not host:port with a port from 1 to 65535")
    return ip_literal(host) or host, int(port)


def ip_literal(host: str) -> str | None:
    """An IP address in its usual spelling; None for anything else, such as a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _from_here(address: Address) -> Address:
    """A platform bound to every interface answers from the loopback address."""
    host, port = address
    return ("127.0.0.1" if host == "0.0.0.0" else host), port


def _on_this_machine(ip: str) -> bool:
    address = ip_literal(ip)
    return address is not None and ipaddress.ip_address(address).is_loopback


def _matches(name: str, pattern: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def secured_names() -> tuple[str, ...]:
    """Every name and address that leads to a port for TLS in the box."""
    places = [known for known in KNOWN if known.platform.endswith(TLS.format(""))]
    names = [name for known in places for name in (*known.names, known.ip)]
    return tuple(dict.fromkeys(names))
