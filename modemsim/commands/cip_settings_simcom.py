"""Settings of the SIM800-style TCP/IP commands of the SIM7020: modes, prompts, heads, local ports, UDP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modemsim.at.command import Command
from modemsim.at.dialect import Dialect
from modemsim.at.params import Address, Choice, Int, Token
from modemsim.at.result import Refusal
from modemsim.commands.settings import SettingCommand
from modemsim.net.tcp import KeepAlive
from modemsim.ue.cip_states import Cip
from modemsim.ue.module import Ue

MANUAL = "SIM7020 AT manual 1.05, 7.2"
SIBLINGS = MANUAL + " (name); AT manuals of the SIM800 and SIM7000, 8.2"
CONNECTIONS = 6
SINGLE = "single"
"""Key of what is set for the only connection, beside the numbers of several."""


class CipCommand(Command):
    """Base of the TCP/IP commands; refusals are a plain ERROR."""

    group, provenance = "sockets", "inferred"


class CipSetting(SettingCommand):
    """Base of those that only keep values."""

    group, provenance = "sockets", "inferred"


def several(ue: Ue) -> bool:
    """Whether the host asked for several connections (AT+CIPMUX=1)."""
    return bool(ue.settings.get("+CIPMUX.n"))


def number_range(ue: Ue) -> str:
    """What =? shows for the number of a connection, where there are several."""
    return f"(0-{CONNECTIONS - 1})," if several(ue) else ""


def transparent(ue: Ue) -> bool:
    """Whether a connection is to be opened in transparent mode (AT+CIPMODE=1)."""
    return bool(ue.settings.get("+CIPMODE.mode"))


def number(ue: Ue, n: int | None) -> int:
    """The connection that is meant: 0 where there is only one; refuses a number too many or missing."""
    if (n is not None) is not several(ue):
        raise Refusal("not_allowed")
    return n or 0


def initial(ue: Ue) -> None:
    """The state IP INITIAL."""
    if ue.ip.cip.state is not Cip.INITIAL:
        raise Refusal("not_allowed")


def numbers(ue: Ue) -> Sequence[int | None]:
    """The connections of this mode: each by its number, or the only one."""
    return range(CONNECTIONS) if several(ue) else [None]


def stored(ue: Ue, key: str, n: int | None, default: Sequence[Any]) -> list[Any]:
    """What a setting holds for one connection."""
    values: Mapping[str, Sequence[Any]] = ue.settings.get(key)
    return list(values.get(SINGLE if n is None else str(n), default))


def store(ue: Ue, key: str, n: int | None, value: Sequence[Any]) -> None:
    """Keep a value for one connection."""
    ue.settings.set(key, {**ue.settings.get(key), SINGLE if n is None else str(n): list(value)})


class Cipmux(CipSetting):
    """Choose between one connection and several; in the state IP INITIAL only, not in transparent mode."""

    name, source, provenance = "+CIPMUX", MANUAL, "manual"
    needs, errors = (initial,), ("not_allowed",)
    n = Choice(0, 1, doc="0 one connection, 1 several")

    def write(self, ue: Ue, **values: int) -> None:
        if values["n"] and transparent(ue):
            raise Refusal("not_allowed")
        super().write(ue, **values)


class Cipmode(CipSetting):
    """Choose transparent mode for the one connection; in the state IP INITIAL only."""

    name, source = "+CIPMODE", SIBLINGS
    needs, errors = (initial,), ("not_allowed",)
    test_reply = "+CIPMODE: (0-NORMAL MODE,1-TRANSPARENT MODE)"
    mode = Choice(0, 1, doc="0 commands and data, 1 transparent")

    def write(self, ue: Ue, **values: int) -> None:
        if values["mode"] and several(ue):
            raise Refusal("not_allowed")
        super().write(ue, **values)


class Cipqsend(CipSetting):
    """Choose when sending is done: when the peer has the data, or when the module has it."""

    name, source, provenance = "+CIPQSEND", MANUAL, "manual"
    n = Choice(0, 1, doc="0 SEND OK once the peer has it, 1 DATA ACCEPT at once")


class Ciphead(CipSetting):
    """Whether a head with the length stands before data of the one connection."""

    name, source, provenance = "+CIPHEAD", MANUAL, "manual"
    mode = Choice(0, 1, doc="0 no head, 1 +IPD,<length>:")


class Cipsrip(CipSetting):
    """Whether the sender stands before received data."""

    name, source = "+CIPSRIP", SIBLINGS
    mode = Choice(0, 1, doc="0 no, 1 RECV FROM:<address>:<port>")


class Cipshowtp(CipSetting):
    """Whether the head of the one connection tells the protocol."""

    name, source = "+CIPSHOWTP", SIBLINGS
    mode = Choice(0, 1, doc="0 no, 1 +IPD,<length>,<TCP or UDP>:")


class Cipsprt(CipSetting):
    """What the module shows when data is sent."""

    name, source = "+CIPSPRT", SIBLINGS
    mode = Choice(0, 1, 2, doc="0 SEND OK without prompt, 1 prompt and SEND OK, 2 neither")


class Cipats(CipSetting):
    """Send data behind the prompt by itself some time after the prompt, whatever came until then."""

    name, source = "+CIPATS", SIBLINGS
    errors = ("missing_parameter",)
    mode = Choice(0, 1, doc="0 only at Ctrl-Z, 1 by the timer too")
    time = Int(1, 100, default=0, doc="seconds")

    def write(self, ue: Ue, **values: int) -> None:
        if values["mode"] and not values["time"]:
            raise Refusal("missing_parameter")
        super().write(ue, **values)


class Ciptka(CipSetting):
    """Choose whether silent TCP connections are probed: those that stand, and those to come."""

    name, source, provenance = "+CIPTKA", MANUAL + " (ranges); modes as on the SIM800", "manual"
    mode = Choice(0, 1, doc="0 no probes, 1 probes")
    idle = Int(30, 7200, default=7200, doc="seconds of silence before the first probe")
    interval = Int(30, 600, default=75, doc="seconds between probes without answer")
    count = Int(1, 9, default=9, doc="probes without answer after which the connection is given up")

    def write(self, ue: Ue, **values: int) -> None:
        super().write(ue, **values)
        ue.ip.cip.keep_alive(keep_alive(ue))


def keep_alive(ue: Ue) -> KeepAlive | None:
    """How TCP connections are probed; None: not at all."""
    mode, idle, interval, count = (ue.settings.get(f"+CIPTKA.{name}") for name in Ciptka.declared)
    return KeepAlive(idle, interval, count) if mode else None


class Numbered(CipCommand):
    """Base of commands that begin with the number of the connection only where there are several."""

    n = Int(0, CONNECTIONS - 1, default=None, doc="connection, only with AT+CIPMUX=1")

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """A line for the one connection counts as one whose number is left out."""
        return super().bind(tokens if self.numbered(tokens) else [Token(""), *tokens], dialect)

    def numbered(self, tokens: Sequence[Token]) -> bool:
        """Whether the line has the number: it begins with digits, not with a word."""
        return bool(tokens) and tokens[0].text.isdigit()


class Clport(Numbered):
    """Choose the local port of the connections to come; 0: any."""

    name, source = "+CLPORT", SIBLINGS
    errors = ("not_allowed",)
    kind = Choice("TCP", "UDP", doc="protocol")
    port = Int(0, 65535, doc="local port, 0 any")

    def test(self, ue: Ue) -> str:
        return f'+CLPORT: {number_range(ue)}("TCP","UDP"),(0-65535)'

    def read(self, ue: Ue) -> list[str]:
        lines = []
        for n in numbers(ue):
            tcp, udp = stored(ue, "+CLPORT.ports", n, (0, 0))
            lines.append(f"+CLPORT: {'' if n is None else f'{n},'}{tcp},{udp}")
        return lines

    def write(self, ue: Ue, n: int | None, kind: str, port: int) -> None:
        number(ue, n)
        ports = stored(ue, "+CLPORT.ports", n, (0, 0))
        ports[kind == "UDP"] = port
        store(ue, "+CLPORT.ports", n, ports)


class Cipudpmode(Numbered):
    """Let a UDP connection hear anybody, and choose whom it sends to."""

    name, source = "+CIPUDPMODE", SIBLINGS
    errors = ("not_allowed", "missing_parameter", "surplus_parameter")
    mode = Choice(0, 1, 2, doc="0 its one peer, 1 extended, 2 set where an extended one sends")
    address = Address(names=False, default=None, doc="address to send to, with mode 2")
    port = Int(1, 65535, default=None, doc="port to send to, with mode 2")

    def numbered(self, tokens: Sequence[Token]) -> bool:
        """The parameters come as one or three, behind a number as two or four."""
        return len(tokens) % 2 == 0

    def test(self, ue: Ue) -> str:
        part = "(0-255)"
        return f'+CIPUDPMODE: {number_range(ue)}(0-2),("{part}.{part}.{part}.{part}"),(1-65535)'

    def read(self, ue: Ue) -> list[str]:
        lines = []
        for n in numbers(ue):
            mode, *to = stored(ue, "+CIPUDPMODE.modes", n, (0,))
            shown = f',"{to[0]}",{to[1]}' if to else ""
            lines.append(f"+CIPUDPMODE: {'' if n is None else f'{n},'}{mode}{shown}")
        return lines

    def write(self, ue: Ue, n: int | None, mode: int, address: str | None, port: int | None) -> None:
        id = number(ue, n)
        if mode < 2:
            if address is not None or port is not None:
                raise Refusal("surplus_parameter")
            store(ue, "+CIPUDPMODE.modes", n, [mode])
            return
        if address is None or port is None:
            raise Refusal("missing_parameter")
        if not extended(ue, n):
            raise Refusal("not_allowed")
        store(ue, "+CIPUDPMODE.modes", n, [1, address, port])
        connection = ue.ip.cip.connections.get(id)
        if connection is not None and connection.to is not None:
            connection.to = address, port


def extended(ue: Ue, n: int | None) -> bool:
    """Whether a UDP connection hears anybody."""
    return bool(stored(ue, "+CIPUDPMODE.modes", n, (0,))[0])
