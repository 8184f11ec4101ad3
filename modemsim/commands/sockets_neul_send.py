"""Sending on sockets of the Neul family (Hi2115 modules): with the data in the line, or behind a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from modemsim.at.command import Need
from modemsim.at.data_mode import DataMode
from modemsim.at.params import Address, Hex, Int, Param, Token
from modemsim.at.result import Refusal
from modemsim.commands import neul_needs
from modemsim.commands.sockets_neul import IMITATION, LARGEST, LOG, STREAM_LOG, NeulSocket, find
from modemsim.net.bearer import WAITING_LIMIT
from modemsim.ue.module import Ue
from modemsim.ue.socket import Kind, Socket, State
from modemsim.ue.socket_reports import SendReports

_FLAG = re.compile(r"0[xX]([0-9A-Fa-f]{1,4})|([0-9]{1,4})")
_RELEASE = {0x000: 0, 0x100: 0, 0x200: 1, 0x400: 2}


class Flag(Param):
    """A flag of a message as hexadecimal or decimal number: 0x100 priority, 0x200 and 0x400 release."""

    def parse(self, token: Token) -> int:
        """The flag; raises `Refusal` for one there is none of."""
        match = _FLAG.fullmatch(token.text)
        value = None if match is None else int(match[1], 16) if match[1] else int(match[2])
        if value not in _RELEASE:
            raise Refusal(self.bad)
        return value


class SendCommand(NeulSocket):
    """Base of the commands that send; a sequence number asks for a line that tells what became of it.

    Those with a data mode take the data from the line or, without it, behind a prompt: as many bytes as the
    length says, without a length all up to Ctrl-Z; ESC gives up.
    """

    kind: ClassVar[Kind] = Kind.UDP
    needs: ClassVar[tuple[Need, ...]] = (*NeulSocket.needs, neul_needs.no_back_off)
    errors: ClassVar[tuple[str, ...]] = (
        *NeulSocket.errors, "back_off", "no_socket", "foreign_socket", "wrong_kind", "bad_message",
        "no_family", "full", "sequence_pending",
    )  # fmt: skip
    id = Int(0, 6, doc="number of the socket")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """The prompt, unless the data stands in the line; what cannot be sent is refused before it."""
        if values["data"] is not None or self.data_mode is None:
            return None
        self._checked(ue, values)
        return self.data_mode

    def write(self, ue: Ue, **said: Any) -> str:
        socket, data, sequence = self._checked(ue, said), said["data"], said["sequence"]
        if not data:
            raise Refusal("bad_message")
        reports = SendReports.of(ue, socket)
        if socket.state is State.OPENING:
            if not reports.wait(data, sequence, ue.profile.sockets.send_buffer):
                raise Refusal("full")
        elif self._send(ue, socket, data, said):
            reports.sent(sequence)
        else:
            raise Refusal("full")
        return f"{socket.id},{len(data)}"

    def _send(self, ue: Ue, socket: Socket, data: bytes, said: Mapping[str, Any]) -> bool:
        """Hand data to the stack; False when it has no room."""
        if self.kind is Kind.TCP:
            return ue.sockets.send(socket, data)
        room = ue.uplinks_waiting < WAITING_LIMIT
        return room and ue.sockets.send(
            socket, data, (said["host"], said["port"]), _RELEASE[said.get("flag", 0)]
        )

    def _checked(self, ue: Ue, said: Mapping[str, Any]) -> Socket:
        """The socket of a message that can be taken; refuses by the first thing that is wrong."""
        socket = find(ue, said["id"], self.kind)
        if self.kind is Kind.TCP and socket.state not in (State.OPENING, State.CONNECTED):
            raise Refusal("not_connected")
        if said["data"] is not None and said["length"] not in (None, len(said["data"])):
            raise Refusal("bad_message")
        if ":" in said.get("host", ""):
            raise Refusal("no_family")
        if said["sequence"] and said["sequence"] in SendReports.of(ue, socket).pending:
            raise Refusal("sequence_pending")
        return socket


class SendDatagram(SendCommand):
    """Base of the commands that send a datagram."""

    host = Address(40, names=False, doc="address of the peer")
    port = Int(1, 65535, doc="its port")


class Nsost(SendDatagram):
    """Send a datagram; with a sequence number a line tells when it is on the air."""

    name, source, provenance = "+NSOST", LOG, "log"
    length = Int(1, LARGEST, bad="bad_message", doc="bytes, not hex digits")
    data = Hex(LARGEST, min_bytes=1, bad="bad_message", doc="the data as hex digits")
    sequence = Int(1, 255, default=None, doc="number under which the sending is reported")


class Nsostf(SendDatagram):
    """Send a datagram with a flag: priority, or release of the connection behind it or behind its answer."""

    name, source, provenance = "+NSOSTF", "host programs", "log"
    flag = Flag(doc="0x0 none, 0x100 priority, 0x200 release behind it, 0x400 release behind the answer")
    length = Int(1, LARGEST, bad="bad_message", doc="bytes, not hex digits")
    data = Hex(LARGEST, min_bytes=1, bad="bad_message", doc="the data as hex digits")
    sequence = Int(1, 255, default=None, doc="number under which the sending is reported")


class Nsosd(SendCommand):
    """Send data on a stream; before the connection stands it waits for it."""

    name, source, provenance, kind = "+NSOSD", STREAM_LOG, "log", Kind.TCP
    errors = (*SendCommand.errors, "not_connected")
    length = Int(1, LARGEST, bad="bad_message", doc="bytes, not hex digits")
    data = Hex(LARGEST, min_bytes=1, bad="bad_message", doc="the data as hex digits")
    flag = Flag(default=0, doc="as for AT+NSOSTF; kept from the air, where TCP answers every segment")
    sequence = Int(1, 255, default=None, doc="number under which the sending is reported")


class Nsosdex(SendCommand):
    """Send data on a stream, from the line or behind a prompt."""

    name, source, provenance, kind = "+NSOSDEX", IMITATION, "inferred", Kind.TCP
    errors = (*SendCommand.errors, "not_connected")
    data_mode = DataMode(length="length", max_bytes=LARGEST)
    flag = Flag(doc="as for AT+NSOSD")
    sequence = Int(0, 255, doc="number under which the sending is reported; 0: no report")
    length = Int(1, LARGEST, default=None, bad="bad_message", doc="bytes; without it Ctrl-Z ends the data")
    data = Hex(LARGEST, min_bytes=1, default=None, bad="bad_message", doc="hex digits; without it a prompt")


class Nsostex(SendDatagram):
    """Send a datagram, from the line or behind a prompt."""

    name, source, provenance = "+NSOSTEX", IMITATION, "inferred"
    data_mode = DataMode(length="length", max_bytes=LARGEST)
    sequence = Int(0, 255, doc="number under which the sending is reported; 0: no report")
    length = Int(1, LARGEST, default=None, bad="bad_message", doc="bytes; without it Ctrl-Z ends the data")
    data = Hex(LARGEST, min_bytes=1, default=None, bad="bad_message", doc="hex digits; without it a prompt")


class Nsostfex(SendDatagram):
    """Send a datagram with a flag, from the line or behind a prompt."""

    name, source, provenance = "+NSOSTFEX", IMITATION, "inferred"
    data_mode = DataMode(length="length", max_bytes=LARGEST)
    flag = Flag(doc="as for AT+NSOSTF")
    sequence = Int(0, 255, doc="number under which the sending is reported; 0: no report")
    length = Int(1, LARGEST, default=None, bad="bad_message", doc="bytes; without it Ctrl-Z ends the data")
    data = Hex(LARGEST, min_bytes=1, default=None, bad="bad_message", doc="hex digits; without it a prompt")
