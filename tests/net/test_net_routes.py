"""Routes: documents' platform addresses, declared routes, offline, and their command-line form."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.net import KNOWN, Address, Routes, parse_route

CT: Address = ("127.0.0.1", 40001)
AEP: Address = ("127.0.0.1", 40002)
BUILTIN = {"ct-iot": CT, "aep": AEP}


@pytest.mark.parametrize(
    ("host", "real"),
    [
        ("180.101.147.115", CT),
        ("117.60.157.137", CT),
        ("117.78.47.187", CT),
        ("221.229.214.202", AEP),
        ("153.35.119.75", AEP),
        ("240E:980:8120:28:84F4:C0C2:4A95:85F9", AEP),
        ("lwm2m.ctwing.cn", AEP),
        ("LWM2M.CTWing.cn.", AEP),
        ("2000033383.nb.ctwing.cn", AEP),
        ("dmp-coap.cuiot.cn", AEP),
    ],
)
def test_documented_addresses_lead_to_the_built_in_platforms(host: str, real: Address) -> None:
    assert Routes(BUILTIN).real((host, 5683)) == real


def test_known_names_resolve_to_what_a_module_would_see() -> None:
    routes = Routes(BUILTIN)
    assert routes.resolve("lwm2m.ctwing.cn") == ["221.229.214.202"]
    assert routes.resolve("2000033383.nb.ctwing.cn") == ["221.229.214.202"]
    assert routes.resolve("2000033383.non-nb.ctwing.cn") == ["180.106.148.146"]
    assert routes.resolve("tcp.ctwing.cn") == ["180.106.148.146"]
    assert routes.resolve("10.1.2.3") == ["10.1.2.3"]
    assert routes.resolve("nb.ctwing.cn") == []
    assert routes.resolve("example.com") == []


def test_a_platform_host_leads_nowhere_at_other_ports() -> None:
    routes = Routes(BUILTIN)
    assert routes.real(("180.101.147.115", 5684)) is None
    assert routes.real(("180.106.148.146", 1883)) is None
    assert Routes({"ct-iot": CT}).real(("221.229.214.202", 5683)) is None


def test_without_platforms_addresses_mean_themselves() -> None:
    routes = Routes({})
    assert routes.real(("180.101.147.115", 5683)) == ("180.101.147.115", 5683)
    assert routes.real(("8.8.8.8", 53)) == ("8.8.8.8", 53)
    assert Routes({}, offline=True).real(("8.8.8.8", 53)) is None


def test_offline_keeps_platforms_and_declared_routes() -> None:
    routes = Routes(BUILTIN, [(("8.8.8.8", 53), ("127.0.0.1", 5353))], offline=True)
    assert routes.real(("180.101.147.115", 5683)) == CT
    assert routes.real(("8.8.8.8", 53)) == ("127.0.0.1", 5353)
    assert routes.real(("8.8.8.8", 54)) is None
    assert routes.real(("127.0.0.1", 9)) == ("127.0.0.1", 9)
    assert routes.local_only
    assert not Routes(BUILTIN).local_only
    assert not Routes({}, [(("8.8.8.8", 53), ("9.9.9.9", 53))], offline=True).local_only


def test_declared_routes_win_and_may_name_names() -> None:
    other = ("127.0.0.1", 7001)
    routes = Routes(BUILTIN, [(("lwm2m.ctwing.cn", 5683), other), (("my.server", 5683), other)])
    assert routes.real(("221.229.214.202", 5683)) == other
    assert routes.real(("lwm2m.ctwing.cn", 5683)) == other
    assert routes.resolve("my.server") == ["198.18.0.1"]
    assert routes.real(("198.18.0.1", 5683)) == other
    assert routes.real(("my.server", 5683)) == other


def test_a_platform_may_move() -> None:
    builtin: dict[str, Address] = {"ct-iot": ("127.0.0.1", 1)}
    routes = Routes(builtin)
    builtin["ct-iot"] = ("127.0.0.1", 2)
    assert routes.real(("180.101.147.115", 5683)) == ("127.0.0.1", 2)
    assert routes.inside(("127.0.0.1", 2))
    assert not routes.inside(("127.0.0.1", 1))
    builtin["ct-iot"] = ("0.0.0.0", 3)
    assert routes.real(("180.101.147.115", 5683)) == ("127.0.0.1", 3)
    assert routes.inside(("127.0.0.1", 3))


def test_every_known_address_has_a_source_and_one_platform() -> None:
    assert all(known.source for known in KNOWN)
    assert len({(known.ip, known.port) for known in KNOWN}) == len(KNOWN)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        (
            "180.101.147.115:5683=127.0.0.1:5683",
            (("180.101.147.115", 5683), ("127.0.0.1", 5683)),
        ),
        ("lwm2m.ctwing.cn:5683 = 127.0.0.1:1", (("lwm2m.ctwing.cn", 5683), ("127.0.0.1", 1))),
        ("[240E::1]:5683=10.0.0.1:65535", (("240e::1", 5683), ("10.0.0.1", 65535))),
        ("1.2.3.4:1=localhost:2", (("1.2.3.4", 1), ("127.0.0.1", 2))),
    ],
)
def test_parse_route(text: str, route: tuple[Address, Address]) -> None:
    assert parse_route(text) == route


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("180.101.147.115:5683", "'180.101.147.115:5683' is not a route; write FROM:PORT=TO:PORT"),
        ("a=1.2.3.4:1", "'a' is not host:port with a port from 1 to 65535"),
        ("a:0=1.2.3.4:1", "'a:0' is not host:port with a port from 1 to 65535"),
        ("a:1=1.2.3.4:65536", "'1.2.3.4:65536' is not host:port with a port from 1 to 65535"),
        ("a:1=1.2.3.4:²", "'1.2.3.4:²' is not host:port with a port from 1 to 65535"),
        ("a:1=[::1]:2", "the route's target '::1' must be an IPv4 address or a name"),
        ("a:1=:2", "':2' is not host:port with a port from 1 to 65535"),
    ],
)
def test_parse_route_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_route(text)


def test_a_target_without_address_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ValueError, match="the route's target 'nowhere' has no IPv4 address"):
        parse_route("a:1=nowhere:2")


@given(st.ip_addresses(v=4), st.integers(1, 65535), st.ip_addresses(v=4), st.integers(1, 65535))
def test_parse_route_round_trip(source: object, port: int, target: object, number: int) -> None:
    route = ((str(source), port), (str(target), number))
    assert parse_route(f"{source}:{port}={target}:{number}") == route
    assert Routes({}, [route], offline=True).real((str(source), port)) == (str(target), number)
