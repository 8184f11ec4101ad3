"""SIM800-style TCP/IP commands of the SIM7020 series: bearer, connections, data; settings stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from modemsim.at.command import Answer
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import Verbatim, to_text
from modemsim.at.params import Address, Choice, Int, Text
from modemsim.at.result import Final, Refusal
from modemsim.commands.cip_settings_simcom import (
    CONNECTIONS,
    MANUAL,
    SIBLINGS,
    CipCommand,
    Numbered,
    extended,
    initial,
    keep_alive,
    number,
    number_range,
    several,
    stored,
    transparent,
)
from modemsim.commands.simcom_needs import release_assistance
from modemsim.ue.cip import Connection, Target
from modemsim.ue.cip_states import CLOSED, Cip, Link
from modemsim.ue.module import Ue
from modemsim.ue.socket import Access, Kind

LARGEST = 1460
"""Bytes sent at a time, and read at a time (AT+CIPSEND?, AT+CIPRXGET=? of the siblings)."""
LARGEST_HEX = LARGEST // 2
PUSHED_BY_HAND = "+CIPRXGET.mode"

# ---------------------------------------------------------------- bearer


class Cstt(CipCommand):
    """Begin the task; the access point is kept, the default bearer carries the data whatever its name is."""

    name, source, provenance = "+CSTT", MANUAL, "manual"
    needs, errors = (initial,), ("not_allowed",)
    test_reply = '+CSTT: "APN","USER","PWD"'
    apn = Text(50, default="CMNET", doc="access point name")
    user = Text(50, default="", doc="user name")
    password = Text(50, default="", doc="password")

    def read(self, ue: Ue) -> Any:
        return {name: ue.settings.get(f"+CSTT.{name}") for name in self.params}

    def write(self, ue: Ue, **values: str) -> None:
        for name, value in values.items():
            ue.settings.set(f"+CSTT.{name}", value)
        ue.ip.cip.start()

    def execute(self, ue: Ue) -> None:
        ue.ip.cip.start()


class Ciicr(CipCommand):
    """Bring up the bearer; in the state IP START only."""

    name, source, provenance = "+CIICR", MANUAL, "manual"
    max_response = 85.0
    errors, test_reply = ("not_allowed",), ""

    async def execute(self, ue: Ue) -> None:
        if not await ue.ip.cip.activate():
            raise Refusal("not_allowed")


class Cifsr(CipCommand):
    """Tell the module's address, with no OK behind it; in states that have one."""

    name, source = "+CIFSR", MANUAL + " (name); the missing OK: hosts of the SIM800"
    errors, test_reply = ("not_allowed",), ""

    def execute(self, ue: Ue) -> Answer:
        address = ue.ip.cip.address()
        if address is None:
            raise Refusal("not_allowed")
        return Answer(address, final=None)


class Cipshut(CipCommand):
    """Close every connection and return to IP INITIAL."""

    name, source, provenance = "+CIPSHUT", MANUAL, "manual"
    max_response = 65.0
    test_reply = ""

    async def execute(self, ue: Ue) -> Answer:
        await ue.ip.cip.shut()
        return Answer(final="SHUT OK")


# ---------------------------------------------------------------- connections


def find(ue: Ue, n: int | None) -> Connection:
    """The connection that is meant; refuses when there has been none."""
    connection = ue.ip.cip.connections.get(number(ue, n))
    if connection is None:
        raise Refusal("no_socket")
    return connection


def _may_open(ue: Ue) -> bool:
    state = ue.ip.cip.state
    if several(ue):
        return state in (Cip.STATUS, Cip.PROCESSING)
    again = state in CLOSED and not ue.quirk("cip_shut_before_start")
    return again or state in (Cip.INITIAL, Cip.STATUS)


def _online(ue: Ue, connection: Connection, *, opening: str = "") -> None:
    """From now on host and peer hear each other only."""
    session = ue.ip.cip.online(connection)
    ue.terminal.go_online(session, opening=opening, ending="")


class Cipstart(Numbered):
    """Open a connection; the outcome follows the OK. The one connection brings up the bearer by itself."""

    name, source, provenance = "+CIPSTART", MANUAL, "manual"
    max_response = 75.0
    errors = ("not_allowed",)
    kind = Choice("TCP", "UDP", doc="protocol")
    host = Address(100, doc="address or name of the peer")
    port = Int(1, 65535, doc="port of the peer")

    def test(self, ue: Ue) -> list[str]:
        part = "(0-255)"
        places = f"{part}.{part}.{part}.{part}", "DOMAIN NAME"
        return [f'+CIPSTART: {number_range(ue)}("TCP","UDP"),("{place}"),(1-65535)' for place in places]

    def write(self, ue: Ue, n: int | None, kind: str, host: str, port: int) -> None:
        cip, id = ue.ip.cip, number(ue, n)
        connection = cip.connections.get(id)
        if connection is not None and connection.live:
            if connection.state is Link.CONNECTED:
                ue.publish("cip.exists", id=id)
            raise Refusal("not_allowed")
        if not _may_open(ue):
            raise Refusal("not_allowed")
        local = stored(ue, "+CLPORT.ports", n, (0, 0))[kind == "UDP"]
        anybody = kind == "UDP" and extended(ue, n)
        target = Target(Kind(kind), host, port, local, anybody, keep_alive(ue))
        if transparent(ue):
            cip.open_soon(id, target, Access.TRANSPARENT, partial(_online, ue, opening=Final.CONNECT.text))
        else:
            cip.open_soon(id, target, Access.BUFFER if ue.settings.get(PUSHED_BY_HAND) else Access.PUSH)


class Cipclose(CipCommand):
    """Close a connection that is open or on the way to it."""

    name, source = "+CIPCLOSE", SIBLINGS
    max_response = 65.0
    errors, test_reply = ("not_allowed", "no_socket"), ""
    first = Int(0, CONNECTIONS - 1, doc="connection; of the one connection how: 0 slowly, 1 quickly")
    second = Choice(0, 1, default=None, doc="of several connections how: 0 slowly, 1 quickly")

    async def write(self, ue: Ue, first: int, second: int | None) -> Answer:
        if several(ue):
            await self._close(ue, first, quick=bool(second))
            return Answer(final=f"{first},CLOSE OK")
        if first > 1 or second is not None:
            raise Refusal("bad_value")
        return await self._single(ue, quick=bool(first))

    async def execute(self, ue: Ue) -> Answer:
        return await self._single(ue, quick=False)

    async def _single(self, ue: Ue, *, quick: bool) -> Answer:
        await self._close(ue, None, quick=quick)
        return Answer(final="CLOSE OK")

    async def _close(self, ue: Ue, n: int | None, *, quick: bool) -> None:
        if not await ue.ip.cip.close(find(ue, n), quick=quick):
            raise Refusal("not_allowed")


class Cipstatus(CipCommand):
    """Tell the state of the task and of each of several connections, or of one of them."""

    name, source = "+CIPSTATUS", SIBLINGS
    errors, test_reply = ("not_allowed",), ""
    n = Int(0, CONNECTIONS - 1, doc="connection, only with AT+CIPMUX=1")

    def execute(self, ue: Ue) -> Answer:
        lines = [f"STATE: {ue.ip.cip.state}"]
        if several(ue):
            lines += [f"C: {self._client(ue, id)}" for id in range(CONNECTIONS)]
        return Answer(then=lines)

    def write(self, ue: Ue, n: int) -> str:
        return f"+CIPSTATUS: {self._client(ue, number(ue, n))}"

    def _client(self, ue: Ue, id: int) -> str:
        connection = ue.ip.cip.connections.get(id)
        if connection is None:
            return f'{id},,"","","","{Link.INITIAL}"'
        host, port = connection.remote
        return f'{id},0,"{connection.target.kind}","{host}","{port}","{connection.state}"'


# ---------------------------------------------------------------- data


class Cipsend(CipCommand):
    """Send data given behind a prompt: counted, or up to Ctrl-Z."""

    name, source, provenance = "+CIPSEND", MANUAL, "manual"
    max_response = 645.0
    errors = ("not_allowed", "no_socket", "not_connected", "bad_value", "aborted")
    data_mode = DataMode(max_bytes=LARGEST, timeout="data_input")
    first = Int(0, LARGEST, doc="bytes of the one connection; of several the connection")
    second = Int(1, LARGEST, default=None, doc="bytes on one of several connections")

    def test(self, ue: Ue) -> str:
        return f"+CIPSEND: (0-{CONNECTIONS - 1}),<length>" if several(ue) else "+CIPSEND: <length>"

    def read(self, ue: Ue) -> list[str]:
        if not several(ue):
            self._connected(ue, None)
            return [f"+CIPSEND: {LARGEST}"]
        open_ones = [one.id for one in ue.ip.cip.connections.values() if one.state is Link.CONNECTED]
        return [f"+CIPSEND: {id},{LARGEST}" for id in sorted(open_ones)]

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """A connection that cannot send is refused before the prompt."""
        first, second = values.get("first"), values.get("second")
        self._connected(ue, first if several(ue) else None)
        if not several(ue) and (first == 0 or second is not None):
            raise Refusal("bad_value")
        counted = second is not None if several(ue) else first is not None
        name = ("second" if several(ue) else "first") if counted else None
        seconds = ue.settings.get("+CIPATS.time") if ue.settings.get("+CIPATS.mode") and not counted else None
        prompt = None if ue.settings.get("+CIPSPRT.mode") == 1 else ""
        assert self.data_mode is not None
        return replace(self.data_mode, length=name, prompt=prompt, after=seconds)

    async def write(self, ue: Ue, first: int, second: int | None, data: bytes) -> Answer:
        return await self._send(ue, first if several(ue) else None, data)

    async def execute(self, ue: Ue, data: bytes) -> Answer:
        return await self._send(ue, None, data)

    async def _send(self, ue: Ue, n: int | None, data: bytes) -> Answer:
        quick = bool(ue.settings.get("+CIPQSEND.n"))
        head = "" if n is None else f"{n},"
        rai = release_assistance(ue)
        if not await ue.ip.cip.send(find(ue, n), data, rai, wait=not quick):
            return Answer(final=f"{head}SEND FAIL")
        if ue.settings.get("+CIPSPRT.mode") == 2:
            return Answer(final=None)
        return Answer(final=f"DATA ACCEPT:{head}{len(data)}" if quick else f"{head}SEND OK")

    def _connected(self, ue: Ue, n: int | None) -> None:
        if transparent(ue):
            raise Refusal("not_allowed")
        if find(ue, n).state is not Link.CONNECTED:
            raise Refusal("not_connected")


class Ciprxget(CipCommand):
    """Read received data by hand: choose so before connecting, read text or hex digits, ask what waits."""

    name, source = "+CIPRXGET", SIBLINGS
    errors = ("not_allowed", "no_socket", "bad_value", "missing_parameter")
    read_reply = "+CIPRXGET: {mode}"
    mode = Int(0, 4, doc="0 pushed, 1 announced, 2 read as text, 3 read as hex digits, 4 bytes that wait")
    first = Int(0, LARGEST, default=None, doc="most bytes of the one connection; of several the connection")
    second = Int(1, LARGEST, default=None, doc="most bytes of one of several connections")

    def test(self, ue: Ue) -> str:
        return f"+CIPRXGET: (0-4),{number_range(ue)}(1-{LARGEST})"

    def read(self, ue: Ue) -> Any:
        return {"mode": ue.settings.get(PUSHED_BY_HAND)}

    def write(self, ue: Ue, mode: int, first: int | None, second: int | None) -> Any:
        if mode < 2:
            if any(one.live for one in ue.ip.cip.connections.values()):
                raise Refusal("not_allowed")
            ue.settings.set(PUSHED_BY_HAND, mode)
            return None
        if not ue.settings.get(PUSHED_BY_HAND):
            raise Refusal("not_allowed")
        if several(ue) and first is None:
            raise Refusal("missing_parameter")
        if not several(ue) and second is not None:
            raise Refusal("bad_value")
        n, length = (first, second) if several(ue) else (None, first)
        return self._get(ue, mode, n, LARGEST if length is None else length)

    def _get(self, ue: Ue, mode: int, n: int | None, most: int) -> list[str]:
        connection = find(ue, n)
        socket, head = connection.socket, f"+CIPRXGET: {mode}" + ("" if n is None else f",{n}")
        if socket is None:
            raise Refusal("no_socket")
        if mode == 4:
            return [f"{head},{len(socket.buffer)}"]
        if most == 0:
            raise Refusal("bad_value")
        data, (host, port) = ue.ip.cip.sockets.read(socket, most if mode == 2 else min(most, LARGEST_HEX))
        sender = f",{host}:{port}" if data and ue.settings.get("+CIPSRIP.mode") else ""
        head = f"{head},{most},{len(data)}{sender}"
        return [head, Verbatim(to_text(data)) if mode == 2 else data.hex().upper()] if data else [head]


class Cipchan(CipCommand):
    """Return to transparent mode behind the escape."""

    name, source = "+CIPCHAN", MANUAL + " (name); what it does: judgement"
    errors, test_reply = ("not_allowed",), ""

    def execute(self, ue: Ue) -> Answer:
        connection = _escaped(ue)
        if connection is None:
            raise Refusal("not_allowed")
        return Answer(final=Final.CONNECT.text, after=partial(_online, ue, connection))


class BackOnline(CipCommand):
    """Return to transparent mode behind the escape; NO CARRIER when its connection is gone."""

    name, source = "O", "ITU-T V.250 (07/2003), 6.3.7; AT manuals of the SIM800 and SIM7000"
    value = Int(0, 0, default=0, doc="nothing to choose")

    def execute(self, ue: Ue, value: int) -> Answer:
        connection = _escaped(ue)
        if connection is None:
            return Answer(final=Final.NO_CARRIER.text)
        return Answer(final=Final.CONNECT.text, after=partial(_online, ue, connection))


def _escaped(ue: Ue) -> Connection | None:
    """The connection of transparent mode that the host left by the escape, if anything can come of it."""
    connection = ue.ip.cip.connections.get(0)
    if connection is None or connection.session is None or connection.session.over:
        return None
    return connection
