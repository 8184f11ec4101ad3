"""Sending on sockets of the EC800E: AT+QISEND in all its forms, AT+QISENDEX, and how either is answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modemsim.at.command import Answer
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import to_bytes
from modemsim.at.params import Either, Hex, Int, Raw
from modemsim.at.result import Refusal
from modemsim.commands.sockets_common import SocketCommand, find, progress
from modemsim.commands.sockets_ec800e import GUIDE, STACK, sendable
from modemsim.commands.sockets_quectel import FAILED, SENT, payload, prompting
from modemsim.net.routes import ip_literal
from modemsim.ue.module import Ue
from modemsim.ue.socket import Access, Kind, Socket

SEND_INFO = "+QICFG.sendinfo"
SEND_MODE = "+QICFG.TCP/SendMode"
SEND_SIZE = "+QICFG.send/buffersize"
SPLIT = "+QICFG.udp/sendmode"
INPUT_TIME = "+QICFG.qisend/timeout"
PIECE = 1460
"""Bytes of a datagram where data is sent as a stream."""
ACKNOWLEDGED, LATER = 1, 4
"""Values of TCP/SendMode: the answer waits until the peer has the data; it comes at once, a URC follows."""


class Qisend(SocketCommand):
    """Send data, given in the command or after a prompt, on a UDP service to an address."""

    name, source, provenance = "+QISEND", GUIDE, "log"
    max_response = 120.0
    errors = ("no_socket", "not_connected", "pdp_broken", "unsupported", "length_mismatch", "bad_value",
              "missing_parameter", "surplus_parameter", "aborted")  # fmt: skip
    data_mode = DataMode(length="length", max_bytes=PIECE, timeout="data_input")
    write_reply = "+QISEND: {sent},{acked},{unacked}"
    id = Int(0, 11, doc="number of the socket")
    length = Either(
        Int(0, 10240),
        Raw(2920),
        default=None,
        doc="bytes; without it the data ends with Ctrl-Z; 0 tells the state; in quotes the data itself",
    )
    text = Raw(2920, default=None, doc="the data itself, as text or hex digits; of a UDP service the address")
    port = Int(1, 65535, default=None, doc="port of the peer of a UDP service")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """No prompt for inline data and for the state; a socket that cannot send is refused before."""
        length, text, most = values["length"], values["text"], ue.settings.get(SEND_SIZE)
        if length == 0:
            find(ue, values["id"])
            return None
        socket = _addressable(ue, values["id"])
        if isinstance(length, int) and length > most:
            raise Refusal("bad_value")
        if socket.kind is Kind.SERVICE:
            _check_address(length, text, values["port"])
        elif values["port"] is not None or (isinstance(length, str) and text is not None):
            raise Refusal("surplus_parameter")
        elif isinstance(length, str) or text is not None:
            return None
        assert self.data_mode is not None
        mode = prompting(ue, self.data_mode, most)
        return dataclasses.replace(mode, timeout=ue.settings.get(INPUT_TIME) or None)

    def cancelled(self, ue: Ue) -> None:
        """ESC behind the prompt is answered OK, and remembered."""
        ue.sockets.failed("cancelled")

    async def write(
        self,
        ue: Ue,
        id: int,
        length: int | str | None,
        text: str | None,
        port: int | None,
        data: bytes | None,
    ) -> Any:
        if data is not None:
            to = None if port is None else (text or "", port)
            return await _send(ue, sendable(ue, id), payload(ue, data), to=to)
        if isinstance(length, str):
            return await _send(ue, sendable(ue, id), payload(ue, to_bytes(length)), inline=True)
        if text is None:
            return progress(find(ue, id))
        return await _send(ue, sendable(ue, id), payload(ue, to_bytes(text), length), inline=True)


def _addressable(ue: Ue, id: int) -> Socket:
    """The socket of that number if commands can send on it; one in transparent mode has its own way."""
    socket = sendable(ue, id)
    if socket.access is Access.TRANSPARENT:
        raise Refusal("unsupported")
    return socket


def _check_address(length: int | str | None, address: str | None, port: int | None) -> None:
    """Refuse what does not say where a UDP service should send to."""
    if address is None or port is None or length is None:
        raise Refusal("missing_parameter")
    if ip_literal(address) is None or isinstance(length, str):
        raise Refusal("bad_value")


class Qisendex(SocketCommand):
    """Send data given as hex digits."""

    name, source, provenance = "+QISENDEX", GUIDE + "; " + STACK, "inferred"
    max_response = 120.0
    errors = ("no_socket", "not_connected", "pdp_broken", "unsupported", "bad_value")
    id = Int(0, 11, doc="number of the socket")
    data = Hex(512, min_bytes=1, doc="the data as hex digits")

    async def write(self, ue: Ue, id: int, data: bytes) -> Answer:
        socket = _addressable(ue, id)
        if socket.kind is Kind.SERVICE:
            raise Refusal("unsupported")
        return await _send(ue, socket, data)


async def _send(
    ue: Ue, socket: Socket, data: bytes, *, to: tuple[str, int] | None = None, inline: bool = False
) -> Answer:
    """Send, and answer as the host has chosen; inline data has its OK first."""
    sent = bool(data) and all(ue.sockets.send(socket, piece, to) for piece in _pieces(ue, socket, data))
    if not sent:
        ue.sockets.failed("memory" if data else "bad_value")
    mode = ue.settings.get(SEND_MODE) if sent and socket.tcp is not None else 0
    if mode == LATER:
        ue.spawn(_tell(ue, socket))
        return Answer()
    if mode == ACKNOWLEDGED:
        sent = await _delivered(ue, socket)
    line = _outcome(ue, socket, sent)
    return Answer(then=[line]) if inline and sent else Answer(final=line)


def _pieces(ue: Ue, socket: Socket, data: bytes) -> list[bytes]:
    """The datagrams, or the one portion of a stream, that the data is sent as."""
    if socket.stream or not ue.settings.get(SPLIT):
        return [data]
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


async def _delivered(ue: Ue, socket: Socket) -> bool:
    """Whether the peer gets it; waits until that is known."""
    assert socket.tcp is not None
    delivered = await socket.tcp.delivered()
    if not delivered:
        ue.sockets.failed("write")
    return delivered


async def _tell(ue: Ue, socket: Socket) -> None:
    ue.publish("socket.delivered", id=socket.id, outcome=SENT if await _delivered(ue, socket) else FAILED)


def _outcome(ue: Ue, socket: Socket, sent: bool) -> str:
    """SEND OK or SEND FAIL, or how much room the send buffer has."""
    if not ue.settings.get(SEND_INFO):
        return SENT if sent else FAILED
    room = ue.profile.sockets.send_buffer - (socket.sent - socket.acked)
    return f"+QISEND: {socket.id},{int(not sent)},{room}"
