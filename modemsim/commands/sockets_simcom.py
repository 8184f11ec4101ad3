"""Sockets of the SIM7020 series: the CSO commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from modemsim.at.command import Answer, Command
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import Verbatim, to_bytes, to_text
from modemsim.at.params import Address, Choice, Int, Raw
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.commands.simcom_needs import release_assistance
from modemsim.commands.sockets_common import connected, find, progress
from modemsim.net.tcp import KeepAlive
from modemsim.ue.module import Ue
from modemsim.ue.socket import Access, Kind, Socket, State

MANUAL = "SIM7020 AT manual 1.05, "
LARGEST = 512
MANUAL_READING = "+CSORXGET.mode"
_STATES = {State.CONNECTED: 2}


class SimcomSocket(Command):
    """Base of the socket commands; refusals are a plain ERROR."""

    group = "sockets"


def _access(ue: Ue) -> Access:
    return Access.BUFFER if ue.settings.get(MANUAL_READING) else Access.PUSH


def _refuse(ue: Ue, id: int, situation: str) -> NoReturn:
    """ERROR, and behind it +CSOERR with the number of the situation."""
    ue.publish("socket.refused", id=id, error=ue.sockets.number(situation))
    raise Refusal("failed")


def _send(ue: Ue, id: int, data: bytes) -> Answer:
    """Hand data to the stack; over TCP a line tells so where AT+CSOSENDFLAG asks for it."""
    socket = connected(ue, id)
    if not socket.stream and ue.bearer.full:
        _refuse(ue, id, "would_block")
    if not ue.sockets.send(socket, data, rai=release_assistance(ue)):
        _refuse(ue, id, "send_buffer")
    if socket.stream and ue.settings.get("+CSOSENDFLAG.flag"):
        return Answer(after=lambda: ue.publish("socket.sent", id=id, length=len(data)))
    return Answer()


class Csoc(SimcomSocket):
    """Make a socket."""

    name, source = "+CSOC", MANUAL + "6.2.1"
    needs, errors = (needs.bearer,), ("no_bearer", "not_simulated", "table_full")
    test_reply = "+CSOC: (1-2),(1-3),(1-2)"
    write_reply = "+CSOC: {id}"
    domain = Choice(1, 2, doc="1 IPv4, 2 IPv6 (refused: the bearer has no such address)")
    kind = Choice(1, 2, 3, doc="1 TCP, 2 UDP, 3 raw (refused: nothing is behind it here)")
    protocol = Choice(1, 2, doc="1 IP, 2 ICMP (refused)")
    cid = Int(0, 10, default=1, doc="bearer; there is one here")

    def read(self, ue: Ue) -> list[str]:
        return [f"+CSOC: {one.id},1,{2 if one.kind is Kind.UDP else 1},1" for one in ue.sockets]

    def write(self, ue: Ue, domain: int, kind: int, protocol: int, cid: int) -> Any:
        if domain == 2 or kind == 3 or protocol == 2:
            raise Refusal("not_simulated")
        id = ue.sockets.free()
        if id is None:
            raise Refusal("table_full")
        ue.sockets.create(id, Kind.TCP if kind == 1 else Kind.UDP, access=_access(ue))
        return {"id": id}


class Csob(SimcomSocket):
    """Give a socket its local port, before it is connected or listens."""

    name, source, provenance = "+CSOB", MANUAL + "6.2 (name and parameters); refusals: judgement", "inferred"
    errors = ("no_socket", "failed")
    testable = False
    id = Int(0, 4, doc="socket")
    port = Int(1, 65535, doc="local port")
    address = Address(names=False, default=None, doc="local address: the module's own")

    def write(self, ue: Ue, id: int, port: int, address: str | None) -> None:
        socket = find(ue, id)
        if address not in (None, "0.0.0.0", ue.radio.ip):
            _refuse(ue, id, "parameter")
        if socket.state is not State.INITIAL or socket.local_port:
            _refuse(ue, id, "value")
        if any(one.holds_port(socket.kind, port) for one in _open_ones(ue)):
            _refuse(ue, id, "bind")
        socket.local_port = port
        if not socket.stream:
            ue.sockets.bind(socket)
            socket.state = State.INITIAL


def _open_ones(ue: Ue) -> Iterator[Socket]:
    """The sockets of the module, those of the CIP commands among them."""
    yield from ue.sockets
    yield from ue.ip.cip.sockets


class Csolis(SimcomSocket):
    """Listen on a bound TCP socket; each connection gets the next free number."""

    name, source, provenance = "+CSOLIS", MANUAL + "6.2 (name); the rest: judgement", "inferred"
    errors = ("no_socket", "failed")
    testable = False
    id = Int(0, 4, doc="socket")

    async def write(self, ue: Ue, id: int) -> None:
        socket = find(ue, id)
        if socket.state is not State.INITIAL:
            _refuse(ue, id, "value")
        if not socket.stream:
            _refuse(ue, id, "parameter")
        if not socket.local_port:
            _refuse(ue, id, "value")
        socket.kind = Kind.LISTENER
        situation = await ue.sockets.establish(socket)
        if situation != "ok":
            socket.kind = Kind.TCP
            _refuse(ue, id, situation)


class Csocon(SimcomSocket):
    """Connect a socket to its peer, an address or a name; the OK comes with the connection."""

    name, source = "+CSOCON", MANUAL + "6.2.4"
    max_response = 75.0
    errors = ("no_socket", "failed")
    test_reply = "+CSOCON: (0-4),<port>,<remote_address>"
    id = Int(0, 4, doc="socket")
    port = Int(1, 65535, doc="port of the peer")
    host = Address(doc="address of the peer")

    async def write(self, ue: Ue, id: int, port: int, host: str) -> None:
        socket = find(ue, id)
        if socket.state is State.CLOSING:
            _refuse(ue, id, "no_bearer" if ue.radio.ip is None else "aborted")
        if socket.state is State.LISTENING or ":" in host:
            _refuse(ue, id, "value")
        if socket.state is not State.INITIAL:
            _refuse(ue, id, "connected")
        socket.host, socket.port = host, port
        situation = await ue.sockets.establish(socket)
        if situation != "ok":
            _refuse(ue, id, situation)
        _keep_alive(socket)


class Csosend(SimcomSocket):
    """Send data given as a string, or as hex digits with their number."""

    name, source = "+CSOSEND", MANUAL + "6.2.6"
    errors = ("no_socket", "not_connected", "bad_value")
    test_reply = "+CSOSEND: (0-4),(0-1024),<data>"
    id = Int(0, 4, doc="socket")
    length = Int(0, 2 * LARGEST, doc="number of hex digits; 0: the data is a string")
    data = Raw(2 * LARGEST, doc="hex digits or a string")

    def write(self, ue: Ue, id: int, length: int, data: str) -> Answer:
        raw = _digits(data, length) if length else to_bytes(data)
        if not 0 < len(raw) <= LARGEST:
            raise Refusal("bad_value")
        return _send(ue, id, raw)


def _digits(text: str, length: int) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise Refusal("bad_value") from None
    if len(text) != length:
        raise Refusal("bad_value")
    return raw


class Csodsend(SimcomSocket):
    """Send data given behind a prompt: counted, or up to Ctrl-Z."""

    name, source = "+CSODSEND", MANUAL + "6.2.7"
    errors = ("no_socket", "not_connected", "aborted", "bad_value")
    data_mode = DataMode(length="length", max_bytes=LARGEST, timeout="data_input")
    test_reply = "+CSODSEND: (0-4),(1-512)"
    id = Int(0, 4, doc="socket")
    length = Int(1, LARGEST, default=None, doc="bytes; without it the data ends with Ctrl-Z")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """A socket that cannot send is refused before the prompt."""
        connected(ue, values["id"])
        return self.data_mode

    def write(self, ue: Ue, id: int, length: int | None, data: bytes) -> Answer:
        if not data:
            raise Refusal("bad_value")
        answer = _send(ue, id, data)
        return Answer(final=f"DATA ACCEPT: {len(data)}", after=answer.after)


class Csocl(SimcomSocket):
    """Close a socket."""

    name, source = "+CSOCL", MANUAL + "6.2.8"
    errors = ("no_socket",)
    test_reply = "+CSOCL: (0-4)"
    id = Int(0, 4, doc="socket")

    def write(self, ue: Ue, id: int) -> None:
        ue.sockets.close(find(ue, id))


class Csosendflag(SettingCommand):
    """Whether sending over TCP is reported."""

    name, source = "+CSOSENDFLAG", MANUAL + "6.2.10"
    flag = Choice(0, 1, doc="0 no report, 1 a line with the bytes sent")


class Csorcvflag(SettingCommand):
    """How received data is shown."""

    name, source = "+CSORCVFLAG", MANUAL + "6.2.9"
    flag = Choice(0, 1, doc="0 hex digits, 1 string")


class Csostatus(SimcomSocket):
    """Tell the state of a socket."""

    name, source = "+CSOSTATUS", MANUAL + "6.2.11"
    test_reply = "+CSOSTATUS: (0-4)"
    write_reply = "+CSOSTATUS: {id},{state}"
    id = Int(0, 4, doc="socket")

    def write(self, ue: Ue, id: int) -> Any:
        socket = ue.sockets.get(id)
        return {"id": id, "state": 0 if socket is None else _STATES.get(socket.state, 1)}


class Csoack(SimcomSocket):
    """Tell how many bytes a socket sent, and how many the peer has."""

    name, source = "+CSOACK", MANUAL + "6.2.15"
    errors = ("no_socket",)
    testable = False
    write_reply = execute_reply = "+CSOACK: {id},{sent},{acked},{unacked}"
    id = Int(0, 4, doc="socket")

    def execute(self, ue: Ue) -> Any:
        return [self.write(ue, socket.id) for socket in ue.sockets]

    def write(self, ue: Ue, id: int) -> Any:
        return {"id": id, **progress(find(ue, id))}


def _keep_alive(socket: Socket) -> None:
    if socket.tcp is not None:
        socket.tcp.keep_alive(socket.extra.get("keep_alive"))


class Csoalive(SimcomSocket):
    """Choose whether a silent TCP connection is probed; the choice is made before it stands or later."""

    name, source, provenance = "+CSOALIVE", MANUAL + "6.2; AT+CIPTKA of the SIM800 (modes)", "inferred"
    errors = ("no_socket", "not_allowed")
    testable = False
    id = Int(0, 4, doc="socket")
    mode = Choice(0, 1, doc="0 no probes, 1 probes")
    idle = Int(30, 7200, default=7200, doc="seconds of silence before the first probe")
    interval = Int(30, 600, default=75, doc="seconds between probes without answer")
    count = Int(1, 9, default=9, doc="probes without answer after which the connection is given up")

    def write(self, ue: Ue, id: int, mode: int, idle: int, interval: int, count: int) -> None:
        socket = find(ue, id)
        if not socket.stream:
            raise Refusal("not_allowed")
        socket.extra["keep_alive"] = KeepAlive(idle, interval, count) if mode else None
        _keep_alive(socket)


class Csorxget(SimcomSocket):
    """Read received data by hand: choose so, read as text or hex digits, or ask how much waits."""

    name, source = "+CSORXGET", MANUAL + "6.2.17"
    errors = ("no_socket", "not_allowed", "missing_parameter")
    test_reply = "+CSORXGET: (0-4),(0-4),(1-1460)"
    read_reply = "+CSORXGET: {mode}"
    mode = Int(0, 4, doc="0 pushed, 1 announced, 2 read as text, 3 read as hex digits, 4 bytes that wait")
    id = Int(0, 4, default=None, doc="socket, for modes 2 to 4")
    length = Int(1, 1460, default=1460, doc="most bytes to read")

    def read(self, ue: Ue) -> Any:
        return {"mode": ue.settings.get(MANUAL_READING)}

    def write(self, ue: Ue, mode: int, id: int | None, length: int) -> Any:
        if mode < 2:
            ue.settings.set(MANUAL_READING, mode)
            ue.sockets.show_by(_access(ue))
            return Answer(after=ue.sockets.pump)
        if id is None:
            raise Refusal("missing_parameter")
        socket = find(ue, id)
        if not ue.settings.get(MANUAL_READING):
            raise Refusal("not_allowed")
        if mode == 4:
            return f"+CSORXGET: 4,{id},{len(socket.buffer)}"
        data, _ = ue.sockets.read(socket, length if mode == 2 else min(length, 730))
        head = f"+CSORXGET: {mode},{id},{length},{len(data)}"
        return [head, Verbatim(to_text(data)) if mode == 2 else data.hex().upper()] if data else [head]
