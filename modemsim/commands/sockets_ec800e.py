"""Sockets of the EC800E: what it has beyond the sockets of Quectel's NB-IoT modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modemsim.at.command import Answer
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import to_bytes
from modemsim.at.params import Choice, Hex, Int, Raw
from modemsim.at.result import Final, Refusal
from modemsim.commands import sockets_quectel
from modemsim.commands.settings import SettingCommand
from modemsim.commands.sockets_common import connected, find
from modemsim.commands.sockets_quectel import (
    FAILED,
    SENT,
    SocketCommand,
    payload,
    progress,
    prompting,
)
from modemsim.ue.module import Ue
from modemsim.ue.socket_session import SocketSession
from modemsim.ue.sockets import Access, Kind, Socket, Sockets, State

GUIDE = "EC800E AEP guide, 4.3.3"
STACK = "AT objects of the vendor's newer stack (EC718); EG800K test plan"


class Qiopen(sockets_quectel.Qiopen):
    """Open a socket; the outcome follows the OK, in transparent mode CONNECT comes in its place."""

    name, source = "+QIOPEN", GUIDE + "; " + STACK
    errors = (*sockets_quectel.Qiopen.errors, "not_allowed", "connect_failed")

    def write(self, ue: Ue, **said: Any) -> Any:
        if said["access"] == Access.TRANSPARENT:
            if said["kind"] != Kind.TCP:
                raise Refusal("not_allowed")
            return self._connect(ue, self.create(ue, **said))
        return super().write(ue, **said)

    async def _connect(self, ue: Ue, socket: Socket) -> Answer:
        return await connect(ue, ue.sockets, socket)


async def connect(ue: Ue, table: Sockets, socket: Socket) -> Answer:
    """Open a socket for transparent mode and enter it; refuses when it cannot be opened."""
    if await table.establish(socket) != "ok":
        table.drop(socket)
        raise Refusal("connect_failed")
    return _online(ue, table, socket)


def _online(ue: Ue, table: Sockets, socket: Socket) -> Answer:
    """CONNECT, and from there on host and peer hear each other only."""
    session = socket.extra.get("session")
    if session is None:
        session = socket.extra["session"] = SocketSession(table, socket)
    ue.sockets.online = ue.ip.ssl_sockets.online = None
    table.online = socket
    return Answer(final=Final.CONNECT.text, after=lambda: ue.terminal.go_online(session))


class Qisend(SocketCommand):
    """Send data, given in the command or after a prompt, on a UDP service to an address."""

    name, source, provenance = "+QISEND", GUIDE, "log"
    errors = ("no_socket", "not_connected", "length_mismatch", "bad_value", "missing_parameter", "aborted")
    data_mode = DataMode(length="length", max_bytes=1460, timeout="data_input")
    write_reply = "+QISEND: {sent},{acked},{unacked}"
    id = Int(0, 11, doc="number of the socket")
    length = Int(0, 1460, default=None, doc="bytes; without it the data ends with Ctrl-Z; 0 tells the state")
    text = Raw(2920, default=None, doc="the data itself, as text or hex digits; of a UDP service the address")
    port = Int(1, 65535, default=None, doc="port of the peer of a UDP service")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """No prompt for inline data and for the state; a socket that cannot send is refused before."""
        socket = find(ue, values["id"]) if values["length"] == 0 else connected(ue, values["id"])
        if values["length"] == 0 or self.data_mode is None:
            return None
        if socket.kind is Kind.SERVICE:
            if values["text"] is None or values["port"] is None:
                raise Refusal("missing_parameter")
        elif values["text"] is not None:
            return None
        return prompting(ue, self.data_mode)

    def write(
        self, ue: Ue, id: int, length: int | None, text: str | None, port: int | None, data: bytes | None
    ) -> Any:
        socket = find(ue, id)
        if data is None and text is None:
            return progress(socket)
        if data is None:
            raw = payload(ue, to_bytes(text or ""), length)
            return Answer(then=[SENT]) if ue.sockets.send(connected(ue, id), raw) else Answer(final=FAILED)
        to = None if port is None else (text or "", port)
        sent = ue.sockets.send(connected(ue, id), payload(ue, data), to)
        return Answer(final=SENT if sent else FAILED)


class Qiswtmd(SocketCommand):
    """Change how received data of a socket reaches the host."""

    name, source, provenance = "+QISWTMD", STACK, "inferred"
    errors = ("no_socket", "not_connected")
    id = Int(0, 11, doc="number of the socket")
    access = Choice(0, 1, 2, doc="0 buffer, 1 push, 2 transparent")

    def write(self, ue: Ue, id: int, access: int) -> Answer | None:
        socket = connected(ue, id)
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


class Qisendex(SocketCommand):
    """Send data given as hex digits."""

    name, source, provenance = "+QISENDEX", GUIDE, "inferred"
    errors = ("no_socket", "not_connected", "bad_value")
    id = Int(0, 11, doc="number of the socket")
    data = Hex(1460, min_bytes=1, doc="the data as hex digits")

    def write(self, ue: Ue, id: int, data: bytes) -> Answer:
        socket = connected(ue, id)
        return Answer(final=SENT if ue.sockets.send(socket, data) else FAILED)


class Qicfg(sockets_quectel.Qicfg):
    """Tell and set how sockets behave, by the name of the item."""

    name, source = "+QICFG", STACK

    ITEMS: Mapping[str, Mapping[str, tuple[int, int]]] = {
        "dataformat": {".send": (0, 1), ".recv": (0, 1)},
        "viewmode": {"": (0, 1)},
        "recvind": {"": (0, 1)},
    }


class Qisde(SettingCommand):
    """Whether data behind the prompt is echoed."""

    name, source, provenance, group = "+QISDE", STACK, "inferred", "sockets"
    echo = Choice(0, 1, doc="0 no echo, 1 echo")
