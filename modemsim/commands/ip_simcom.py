"""Names, DNS servers, ping and network time of the SIM7020 series: CDNSGIP, CDNSCFG, CIPPING, CSNTPSTART."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Address, Int, Param, Text, Token
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.sockets_common import PING, begin
from modemsim.net import ntp
from modemsim.net.ping import Echo, ping
from modemsim.net.resolver import NameFailed
from modemsim.net.routes import ip_literal
from modemsim.ue.module import Ue

MANUAL = "SIM7020 AT manual 1.05, "
NOTE = "SIM7020 TCP/IP note 1.02"
ANSWER_TIME, TRIES = 15.0, 4
"""Seconds for an answer of a time server (retry time of lwIP's client), and requests (judgement)."""


class Cdnsgip(Command):
    """Look a host name up; the result follows the OK."""

    name, source = "+CDNSGIP", NOTE
    max_response = 30.0
    test_reply = ""
    errors = ("bad_value",)
    host = Text(254, min_length=1, doc="name; an address is refused")

    def write(self, ue: Ue, host: str) -> None:
        if ip_literal(host):
            raise Refusal("bad_value")
        ue.spawn(self._look_up(ue, host))

    async def _look_up(self, ue: Ue, host: str) -> None:
        try:
            found = await ue.resolver.resolve(host)
        except NameFailed:
            ue.publish("name.failed", host=host, error=3 if ue.radio.ip is None else 8)
            return
        second = found[1] if len(found) > 1 else None
        ue.publish("name.found", host=host, address=found[0], second=second)


class Cdnscfg(Command):
    """Tell and set the DNS servers."""

    name, source = "+CDNSCFG", MANUAL + "7.2.13"
    test_reply = '+CDNSCFG: ("Primary DNS"),("Secondary DNS")'
    read_reply = ("PrimaryDns: {first}", "SecondaryDns: {second}")
    first = Address(40, names=False, doc="first server")
    second = Address(40, names=False, default=None, doc="second server")

    def read(self, ue: Ue) -> Any:
        return {key: ue.settings.get(f"+CDNSCFG.{key}") for key in ("first", "second")}

    def write(self, ue: Ue, first: str, second: str | None) -> None:
        ue.settings.set("+CDNSCFG.first", first)
        if second is not None:
            ue.settings.set("+CDNSCFG.second", second)


class Cipping(Command):
    """Ping a host: a line for each echo, its time in tenths of a second."""

    name, source = "+CIPPING", MANUAL + "9.2.1"
    errors, group = ("running",), "sockets"
    test_reply = "+CIPPING: (1-100),(0-5120),(1-600)"
    read_reply = "+CIPPING: 4,32,100"
    host = Address(names=False, doc="IPv4 address")
    count = Int(1, 100, default=4, doc="echoes")
    size = Int(0, 5120, default=32, doc="bytes of each echo")
    timeout = Int(1, 600, default=100, doc="tenths of a second for each echo")

    def read(self, ue: Ue) -> Any:
        return {}

    def write(self, ue: Ue, host: str, count: int, size: int, timeout: int) -> None:
        begin(ue, PING)
        ue.spawn(self._ping(ue, host, count, timeout))

    async def _ping(self, ue: Ue, host: str, count: int, timeout: int) -> None:
        for number in range(1, count + 1):
            echo = await self._echo(ue, host, timeout / 10)
            tenths = timeout if echo is None else max(1, round(echo.rtt / 100))
            ttl = 0 if echo is None else echo.ttl
            ue.publish("echo.answered", number=number, host=host, tenths=tenths, ttl=ttl)
        ue.sockets.jobs.discard(PING)

    async def _echo(self, ue: Ue, host: str, seconds: float) -> Echo | None:
        """One echo; a request that cannot be sent is waited for as an answer is."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            return await ping(ue.radio, ue.routes, host, seconds)
        except ConnectionError:
            await asyncio.sleep(began + seconds - loop.time())
            return None


class Zone(Param):
    """A time zone in quarters of an hour, as "+32"."""

    textual = True

    def parse(self, token: Token) -> int:
        """The quarters, between -48 and 56."""
        if re.fullmatch(r"[+-]?[0-9]{1,2}", token.text) is None or not -48 <= int(token.text) <= 56:
            raise Refusal(self.bad)
        return int(token.text)


class Csntpstart(Command):
    """Ask a time server and set the calendar; the time follows the OK, in the zone given, else in UTC."""

    name, source = "+CSNTPSTART", MANUAL + "13"
    group, max_response = "sockets", 75.0
    needs, errors = (needs.bearer,), ("no_bearer", "running")
    testable = False
    server = Address(doc="address or name of the server")
    zone = Zone(default=None, doc="zone in quarters of an hour, in quotes with its sign")

    def write(self, ue: Ue, server: str, zone: int | None) -> None:
        if ue.ip.time_query is not None and not ue.ip.time_query.done():
            raise Refusal("running")
        ue.ip.time_query = ue.spawn(self._ask(ue, server, zone))

    async def _ask(self, ue: Ue, server: str, zone: int | None) -> None:
        try:
            address = (await ue.resolver.resolve(server))[0]
        except NameFailed:
            return
        told = await ntp.ask(ue.bearer, (address, ntp.PORT), ANSWER_TIME, TRIES)
        if told is None:
            return
        ue.calendar.set(told, ue.calendar.zone_quarters if zone is None else zone)
        local = told + timedelta(minutes=15 * (zone or 0))
        ue.publish("time.told", now=told, local=local, milliseconds=told.microsecond // 1000, zone=zone)


class Csntpstop(Command):
    """Ask the time server no more."""

    name, source = "+CSNTPSTOP", MANUAL + "13"
    group, testable = "sockets", False

    def execute(self, ue: Ue) -> None:
        if ue.ip.time_query is not None:
            ue.ip.time_query.cancel()
            ue.ip.time_query = None
