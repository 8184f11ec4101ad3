"""Time, name look-ups and ping of Quectel's modules: QDNS, QIDNSGIP, QPING, QNTP."""

from __future__ import annotations

from typing import Any

from modemsim.at.params import Address, Choice, Int
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.sockets_common import PING, SocketCommand, begin
from modemsim.net import ntp
from modemsim.net.ping import Echo, ping
from modemsim.net.resolver import NameFailed, NameProblem
from modemsim.ue.module import Ue

LOG = "log of a Quectel NB-IoT module"
IMITATION = "module-side source of a BC260Y imitation"
LOOKUP, TIME = "look-up", "time"
ANSWER_TIME, TRIES = 10.0, 4
"""Seconds for an answer of a time server, and requests: 40 s in all (an imitation)."""


def _number(ue: Ue, situation: str) -> int:
    """The number of a failure that a line tells, remembered for the command that tells the last one."""
    return ue.sockets.number(ue.sockets.failed(situation))


async def _addresses(ue: Ue, host: str, context: int = 0, *, cached: bool = True) -> tuple[str, list[str]]:
    """The situation ("ok" or why not) and the addresses."""
    if not ue.pdp.carries(context):
        return "no_bearer", []
    try:
        return "ok", await ue.resolver.resolve(host, cached=cached)
    except NameFailed as failed:
        return ("no_bearer" if failed.problem is NameProblem.NO_BEARER else "dns"), []


class Qdns(SocketCommand):
    """Look a host name up; the addresses follow the OK."""

    name, source, provenance = "+QDNS", "EC616S source; " + IMITATION, "inferred"
    max_response = 30.0
    needs, errors = (needs.bearer,), ("no_bearer", "running", "missing_parameter")
    test_reply = '+QDNS: (0-2),("URL")'
    mode = Choice(0, 1, 2, doc="0 look up, 1 forget what is known, 2 look up again")
    host = Address(150, default=None, doc="name")

    def write(self, ue: Ue, mode: int, host: str | None) -> None:
        if mode == 1:
            ue.resolver.clear()
            return
        if host is None:
            raise Refusal("missing_parameter")
        begin(ue, LOOKUP)
        ue.spawn(self._look_up(ue, host, cached=mode == 0))

    async def _look_up(self, ue: Ue, host: str, *, cached: bool) -> None:
        _, found = await _addresses(ue, host, cached=cached)
        ue.sockets.jobs.discard(LOOKUP)
        for address in found:
            ue.publish("name.address", address=address)
        if found:
            ue.publish("name.found", addresses=",".join(found))
        else:
            ue.publish("name.failed", error=ue.sockets.number("dns"))


class Qidnsgip(SocketCommand):
    """Look a host name up; a summary and the addresses follow the OK."""

    name, source, provenance = "+QIDNSGIP", IMITATION, "inferred"
    max_response = 60.0
    errors = ("no_bearer", "dns_busy")
    context = Int(0, 15, doc="packet data context")
    host = Address(150, doc="name")

    def write(self, ue: Ue, context: int, host: str) -> None:
        if not ue.quirk("open_without_address"):
            needs.bearer(ue)
        begin(ue, LOOKUP, "dns_busy")
        ue.spawn(self._look_up(ue, host, context))

    async def _look_up(self, ue: Ue, host: str, context: int) -> None:
        situation, found = await _addresses(ue, host, context)
        ue.sockets.jobs.discard(LOOKUP)
        if not found:
            ue.publish("host.failed", error=_number(ue, situation))
            return
        ue.publish("host.found", count=len(found))
        for address in found:
            ue.publish("host.address", address=address)


class Qping(SocketCommand):
    """Ping a host: a line for each echo, then a summary."""

    name, source, provenance = "+QPING", LOG, "log"
    errors = ("no_bearer", "running")
    context = Int(0, 15, doc="packet data context")
    host = Address(150, doc="address or name")
    timeout = Int(1, 255, default=4, doc="seconds for each echo")
    count = Int(1, 10, default=4, doc="echoes")
    size = Int(32, 1500, default=32, doc="bytes of each echo")

    def write(self, ue: Ue, context: int, host: str, timeout: int, count: int, size: int) -> None:
        if not ue.quirk("open_without_address"):
            needs.bearer(ue)
        begin(ue, PING)
        ue.spawn(self._run(ue, host, context, timeout, count, size))

    async def _run(self, ue: Ue, host: str, context: int, timeout: int, count: int, size: int) -> None:
        situation, found = await _addresses(ue, host, context)
        if not ue.pdp.carries(context):
            ue.publish("echo.failed", error=_number(ue, "no_bearer"))
        elif found:
            await self._ping(ue, found[0], timeout, count, size)
        else:
            ue.publish("echo.failed", error=_number(ue, situation))
        ue.sockets.jobs.discard(PING)

    async def _ping(self, ue: Ue, ip: str, timeout: int, count: int, size: int) -> None:
        answers: list[Echo] = []
        for _ in range(count):
            try:
                echo = await ping(ue.radio, ue.routes, ip, timeout)
            except ConnectionError:
                echo = None
            if echo is None:
                ue.publish("echo.lost", error=_number(ue, "timeout"), host=ip)
            else:
                answers.append(echo)
                ue.publish("echo.answered", host=ip, size=size, rtt=echo.rtt, ttl=echo.ttl)
        times: list[Any] = [echo.rtt for echo in answers] or [0]
        ue.publish("echo.finished", sent=count, received=len(answers), lost=count - len(answers),
                   shortest=min(times), longest=max(times), average=sum(times) // len(times))  # fmt: skip


class Qntp(SocketCommand):
    """Ask a time server and set the calendar; the time follows the OK, in UTC with the zone beside it."""

    name, source, provenance = "+QNTP", "EG800K test plan; " + IMITATION, "inferred"
    max_response = 125.0
    errors = ("running",)
    context = Int(0, 15, doc="packet data context")
    host = Address(150, doc="address or name of the server")
    port = Int(1, 65535, default=ntp.PORT, doc="its UDP port")
    set = Choice(0, 1, default=1, doc="0 only tell the time, 1 set the calendar too")

    def write(self, ue: Ue, context: int, host: str, port: int, set: int) -> None:
        begin(ue, TIME)
        ue.ip.time_server = (host, port)
        ue.spawn(self._run(ue, context, bool(set)))

    def read(self, ue: Ue) -> str | None:
        return None if TIME not in ue.sockets.jobs else '+QNTP: "{}",{}'.format(*ue.ip.time_server)

    async def _run(self, ue: Ue, context: int, sets: bool) -> None:
        host, port = ue.ip.time_server
        situation, found = await _addresses(ue, host, context)
        if not ue.pdp.carries(context):
            situation = "no_bearer"
        told = await ntp.ask(ue.bearer, (found[0], port), ANSWER_TIME, TRIES) if situation == "ok" else None
        ue.sockets.jobs.discard(TIME)
        if told is None:
            error = _number(ue, "timeout" if situation == "ok" else situation)
            ue.publish("time.failed", error=error)
            return
        zone = ue.calendar.zone_quarters
        if sets:
            ue.calendar.set(told, zone)
        ue.publish("time.told", now=told, zone=zone)
