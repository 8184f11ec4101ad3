"""Sockets of the EC800E: what it has beyond the sockets of Quectel's NB-IoT modules."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from modemsim.at.command import Answer
from modemsim.at.params import Choice, Ignored, Int
from modemsim.at.result import Final, Refusal
from modemsim.commands import qicfg_ec800e, sockets_quectel
from modemsim.commands.settings import SettingCommand
from modemsim.commands.sockets_common import SocketCommand, connected, find
from modemsim.ue.module import Ue
from modemsim.ue.socket import Access, Kind, Socket, State
from modemsim.ue.socket_session import SocketSession
from modemsim.ue.sockets import Sockets

GUIDE = "EC800E AEP guide, 4.3.3"
STACK = "AT objects of the vendor's newer stack (EC718); EG800K test plan"
PACKET_SIZE, PACKET_TIME = "+QICFG.transpktsize", "+QICFG.transwaittm"
CLOSE_MODE = "+QICFG.close/mode"
READ_MODE = "+QICFG.udp/readmode"
CLIENTS = (Kind.TCP, Kind.UDP)
"""Kinds that can be in transparent mode."""


class Qiopen(sockets_quectel.Qiopen):
    """Open a socket; the outcome follows the OK, in transparent mode CONNECT comes in its place."""

    name, source = "+QIOPEN", GUIDE + "; " + STACK
    errors = (*sockets_quectel.Qiopen.errors, "not_allowed", "dns", "create", "bind", "connect", "timeout")
    access = Choice(0, 1, 2, default=0, doc="0 buffer, 1 push, 2 transparent")
    other = Ignored(doc="a field that host programs fill with 11; its meaning is not known")
    patience = Int(10, 150, default=None, doc="seconds for the connection")

    def write(self, ue: Ue, **said: Any) -> Any:
        if said["access"] == Access.TRANSPARENT:
            if said["kind"] not in CLIENTS:
                raise Refusal("not_allowed")
            return connect(ue, ue.sockets, self.create(ue, **said))
        return super().write(ue, **said)


async def connect(ue: Ue, table: Sockets, socket: Socket) -> Answer:
    """Open a socket for transparent mode and enter it; refuses when it cannot be opened."""
    situation = await table.establish(socket)
    if situation != "ok":
        table.drop(socket)
        raise Refusal(situation)
    return _online(ue, table, socket)


def _online(ue: Ue, table: Sockets, socket: Socket) -> Answer:
    """CONNECT, and from there on host and peer hear each other only."""
    session = socket.extra.get("session")
    if session is None:
        session = socket.extra["session"] = SocketSession(table, socket, lambda: _packet(ue))
    ue.sockets.online = ue.ip.ssl_sockets.online = None
    table.online = socket
    return Answer(final=Final.CONNECT.text, after=lambda: ue.terminal.go_online(session))


def _packet(ue: Ue) -> tuple[int, float]:
    """Bytes of a packet in transparent mode, and seconds it may take to fill."""
    return ue.settings.get(PACKET_SIZE), ue.settings.get(PACKET_TIME) / 10


class Qird(sockets_quectel.Qird):
    """Read received data out of the buffer of a socket; with length 0 tell how much came and was read."""

    name, source = "+QIRD", STACK
    errors: ClassVar[tuple[str, ...]] = (*sockets_quectel.Qird.errors, "read")

    def write(self, ue: Ue, id: int, length: int) -> list[str]:
        socket = find(ue, id)
        if length and socket.failed and not socket.buffer and socket.access is Access.BUFFER:
            raise Refusal("read")
        lines = super().write(ue, id, length)
        ue.sockets.let_go(socket)
        return lines

    def joined(self, ue: Ue, socket: Socket) -> bool:
        """Whether one reading may take several datagrams."""
        return bool(ue.settings.get(READ_MODE))


class Qiclose(sockets_quectel.Qiclose):
    """Close a socket, in good order where the peer has to know; one that is not open counts as closed."""

    name, source = "+QICLOSE", GUIDE + "; " + STACK

    async def write(self, ue: Ue, id: int, timeout: int) -> Answer:
        socket = ue.sockets.get(id)
        self.close(ue, id)
        if socket is not None and socket.tcp is not None and timeout and not ue.settings.get(CLOSE_MODE):
            try:
                async with asyncio.timeout(timeout):
                    await socket.tcp.finish()
            except TimeoutError:
                socket.tcp.abort()
        return self.closed(ue, id)


class Qiaccept(SocketCommand):
    """Accept or turn away the connection that waits first at a listener (QICFG tcp/accept 0)."""

    name, source, provenance = (
        "+QIACCEPT",
        "newer stack; FC41D manual",
        "inferred",
    )
    errors = ("no_socket", "not_allowed", "accept")
    id = Int(0, 11, doc="number of the listener")
    accepted = Choice(0, 1, doc="0 turn it away, 1 accept it")

    def write(self, ue: Ue, id: int, accepted: int) -> None:
        listener = find(ue, id)
        if listener.kind is not Kind.LISTENER:
            raise Refusal("not_allowed")
        if not listener.waiting.answer(bool(accepted), lambda tcp: ue.sockets.take_in(listener, tcp)):
            raise Refusal("accept")


class Qiswtmd(SocketCommand):
    """Change how received data of a socket reaches the host."""

    name, source, provenance = "+QISWTMD", STACK, "inferred"
    errors = ("no_socket", "not_connected", "not_allowed", "pdp_broken")
    id = Int(0, 11, doc="number of the socket")
    access = Choice(0, 1, 2, doc="0 buffer, 1 push, 2 transparent")

    def write(self, ue: Ue, id: int, access: int) -> Answer | None:
        socket = sendable(ue, id)
        if access == Access.TRANSPARENT and not (socket.stream or socket.kind is Kind.UDP):
            raise Refusal("not_allowed")
        socket.access = Access(access)
        if socket.access is Access.TRANSPARENT:
            return _online(ue, ue.sockets, socket)
        socket.on_received = None
        socket.extra.pop("session", None)
        return Answer(after=ue.sockets.pump)


class BackOnline(SocketCommand):
    """Return to transparent mode behind the escape; NO CARRIER when its connection is gone."""

    name, source, provenance = "O", "ITU-T V.250 (07/2003), 6.3.7", "manual"
    value = Int(0, 0, default=0, doc="nothing to choose")

    def execute(self, ue: Ue, value: int) -> Answer:
        table = ue.ip.ssl_sockets if ue.sockets.online is None else ue.sockets
        socket = table.online
        if socket is None or socket.state is not State.CONNECTED:
            return Answer(final=Final.NO_CARRIER.text)
        return _online(ue, table, socket)


class Qicfg(sockets_quectel.Qicfg):
    """Tell and set how sockets behave, by the name of the item."""

    name, source = "+QICFG", STACK
    ITEMS = qicfg_ec800e.ITEMS


class Qisde(SettingCommand):
    """Whether data behind the prompt is echoed."""

    name, source, provenance, group = "+QISDE", STACK, "inferred", "sockets"
    echo = Choice(0, 1, doc="0 no echo, 1 echo")


def sendable(ue: Ue, id: int) -> Socket:
    """The socket of that number if data can be sent on it; tells a lost context from a closed connection."""
    if find(ue, id).broken:
        raise Refusal("pdp_broken")
    return connected(ue, id)
