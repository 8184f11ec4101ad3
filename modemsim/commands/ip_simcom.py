"""Names, DNS servers, ping and network time of the SIM7020 series: CDNSGIP, CDNSCFG, CIPPING, CSNTPSTART."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Address, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.net.ping import ping
from modemsim.net.resolver import NameFailed
from modemsim.ue.module import Ue

MANUAL = "SIM7020 AT manual 1.05, "
NOTE = "SIM7020 TCP/IP note 1.02"


class Cdnsgip(Command):
    """Look a host name up; the result follows the OK."""

    name, source = "+CDNSGIP", NOTE
    max_response = 30.0
    test_reply = ""
    host = Text(254, min_length=1, doc="name")

    def write(self, ue: Ue, host: str) -> None:
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
    needs, errors = (needs.bearer,), ("no_bearer", "running")
    group = "sockets"
    test_reply = "+CIPPING: (1-100),(0-5120),(1-600)"
    read_reply = "+CIPPING: 4,32,100"
    host = Address(doc="address")
    count = Int(1, 100, default=4, doc="echoes")
    size = Int(0, 5120, default=32, doc="bytes of each echo")
    timeout = Int(1, 600, default=100, doc="tenths of a second for each echo")

    def read(self, ue: Ue) -> Any:
        return {}

    def write(self, ue: Ue, host: str, count: int, size: int, timeout: int) -> None:
        if "ping" in ue.sockets.jobs:
            raise Refusal("running")
        ue.sockets.jobs.add("ping")
        ue.spawn(self._ping(ue, host, count, timeout))

    async def _ping(self, ue: Ue, host: str, count: int, timeout: int) -> None:
        for number in range(1, count + 1):
            try:
                echo = await ping(ue.radio, ue.routes, host, timeout / 10)
            except ConnectionError:
                echo = None
            tenths = timeout if echo is None else max(1, round(echo.rtt / 100))
            ttl = 0 if echo is None else echo.ttl
            ue.publish("echo.answered", number=number, host=host, tenths=tenths, ttl=ttl)
        ue.sockets.jobs.discard("ping")
