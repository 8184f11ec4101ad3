"""Sockets and DNS servers of the Neul family (Hi2115 modules): the NSO commands, QIDNSCFG."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from modemsim.at.command import Answer, Command, Need
from modemsim.at.params import Address, Choice, Hex, Int, Param, Token
from modemsim.at.result import Refusal
from modemsim.commands import needs, neul_needs
from modemsim.commands.settings import SettingCommand
from modemsim.ue.enrolment import Switch
from modemsim.ue.module import Ue
from modemsim.ue.sockets import Access, Kind, Socket, State

LOG = "BC68 log of UDP with PSM"
STREAM_LOG = "BC28-CNV log of TCP"
IMITATION = "module-side source of two imitations"
MODE = "+NSONMI.mode"
LARGEST = 1358
PENDING = "pending"
"""Where a socket keeps the sequence numbers that were not reported yet, in the order of sending."""
_RELEASE = {0x000: 0, 0x100: 0, 0x200: 1, 0x400: 2}


class Flag(Param):
    """A flag of a message as hexadecimal or decimal number: 0x100 priority, 0x200 and 0x400 release."""

    def parse(self, token: Token) -> int:
        """The flag; raises `Refusal` for one there is none of."""
        try:
            value = int(token.text, 0)
        except ValueError:
            raise Refusal(self.bad) from None
        if value not in _RELEASE:
            raise Refusal(self.bad)
        return value


def _access(ue: Ue) -> Access:
    return Access.PUSH if ue.settings.get(MODE) in (2, 3) else Access.BUFFER


def _find(ue: Ue, id: int, kind: Kind | None = None) -> Socket:
    socket = ue.sockets.get(id)
    if socket is None or (kind is not None and socket.kind is not kind):
        raise Refusal("no_socket")
    return socket


def _checked(length: int, data: bytes) -> bytes:
    if length != len(data):
        raise Refusal("bad_message")
    return data


class NeulSocket(Command):
    """Base of the socket commands."""

    group = "nsocket"
    needs: ClassVar[tuple[Need, ...]] = (neul_needs.radio_on, needs.bearer)
    errors: ClassVar[tuple[str, ...]] = ("radio_off", "no_bearer")
    testable = False


class Nsocr(NeulSocket):
    """Make a socket; its number is told bare."""

    name, source, provenance = "+NSOCR", LOG, "log"
    errors = (*NeulSocket.errors, "bad_message", "table_full")
    kind = Choice("DGRAM", "STREAM", quoted=False, doc="datagrams or a stream")
    protocol = Choice(6, 17, doc="6 TCP with STREAM, 17 UDP with DGRAM")
    local_port = Int(0, 65535, doc="own port; 0: any")
    receive = Choice(0, 1, default=1, doc="0 what arrives is dropped, 1 it is received")
    family = Choice("AF_INET", "AF_INET6", quoted=False, default="AF_INET", doc="kind of address")

    def write(self, ue: Ue, kind: str, protocol: int, local_port: int, receive: int, family: str) -> str:
        if (kind == "STREAM") != (protocol == 6):
            raise Refusal("bad_message")
        id = ue.sockets.free(start=int(ue.enrolment.switch is not Switch.OFF))
        if id is None:
            raise Refusal("table_full")
        chosen = Kind.TCP if protocol == 6 else Kind.UDP
        socket = ue.sockets.create(id, chosen, access=_access(ue), local_port=local_port)
        if chosen is Kind.UDP:
            ue.sockets.bind(socket)
        if not receive:
            socket.on_received = partial(_drop, socket)
        return str(id)


def _drop(socket: Socket) -> bool:
    """What arrives on a socket that does not receive."""
    socket.buffer.clear()
    return True


class Nsost(NeulSocket):
    """Send a datagram; with a sequence number a line tells when it is on the air."""

    name, source, provenance = "+NSOST", LOG, "log"
    errors = (*NeulSocket.errors, "no_socket", "bad_message")
    id = Int(0, 6, doc="number of the socket")
    host = Address(40, names=False, doc="address of the peer")
    port = Int(1, 65535, doc="its port")
    length = Int(1, LARGEST, bad="bad_message", doc="bytes, not hex digits")
    data = Hex(LARGEST, min_bytes=1, bad="bad_message", doc="the data as hex digits")
    sequence = Int(1, 255, default=None, doc="number under which the sending is reported")

    def write(self, ue: Ue, id: int, **values: Any) -> str:
        return _send(ue, id, flag=0, **values)


def _send(ue: Ue, id: int, **said: Any) -> str:
    """Send a datagram; the reply tells socket and length."""
    socket = _find(ue, id, Kind.UDP)
    data = _checked(said["length"], said["data"])
    ue.sockets.send(socket, data, (said["host"], said["port"]), _RELEASE[said["flag"]])
    _report(ue, id, said["sequence"])
    return f"{id},{len(data)}"


class Nsostf(NeulSocket):
    """Send a datagram with a flag: priority, or release of the connection behind it or behind its answer."""

    name, source, provenance = "+NSOSTF", "host programs", "log"
    errors = Nsost.errors
    id = Int(0, 6, doc="number of the socket")
    host = Address(40, names=False, doc="address of the peer")
    port = Int(1, 65535, doc="its port")
    flag = Flag(doc="0x0 none, 0x100 priority, 0x200 release behind it, 0x400 release behind the answer")
    length = Int(1, LARGEST, bad="bad_message", doc="bytes, not hex digits")
    data = Hex(LARGEST, min_bytes=1, bad="bad_message", doc="the data as hex digits")
    sequence = Int(1, 255, default=None, doc="number under which the sending is reported")

    def write(self, ue: Ue, id: int, **values: Any) -> str:
        return _send(ue, id, **values)


class Nsorf(NeulSocket):
    """Read received data; nothing but OK when there is none."""

    name, source, provenance = "+NSORF", LOG, "log"
    needs = ()
    errors = ("no_socket", "bad_message")
    id = Int(0, 6, doc="number of the socket")
    length = Int(1, LARGEST, bad="bad_message", doc="most bytes to read")

    def write(self, ue: Ue, id: int, length: int) -> Any:
        socket = _find(ue, id)
        data, (host, port) = ue.sockets.read(socket, length)
        if not data:
            return None
        reply = f"{id},{host},{port},{len(data)},{data.hex().upper()},{socket.buffer.next_size}"
        more = not socket.stream and len(socket.buffer) > 0
        return Answer(reply, after=(lambda: ue.sockets.announce(socket)) if more else None)


class Nsoco(NeulSocket):
    """Connect a stream; the OK comes when the attempt begins, or with the connection."""

    name, source, provenance = "+NSOCO", STREAM_LOG, "log"
    max_response = 60.0
    errors = (*NeulSocket.errors, "no_socket", "connect_failed")
    id = Int(0, 6, doc="number of the socket")
    host = Address(40, names=False, doc="address of the peer")
    port = Int(1, 65535, doc="its port")

    async def write(self, ue: Ue, id: int, host: str, port: int) -> None:
        socket = _find(ue, id, Kind.TCP)
        if socket.state is not State.INITIAL:
            raise Refusal("no_socket")
        socket.host, socket.port = host, port
        work = self._connect(ue, socket)
        if ue.quirk("connects_in_background"):
            ue.spawn(work)
        elif not await work:
            raise Refusal("connect_failed")

    async def _connect(self, ue: Ue, socket: Socket) -> bool:
        connected = await ue.sockets.establish(socket) == "ok"
        for data in socket.extra.pop("waiting", []) if connected else []:
            ue.sockets.send(socket, data)
        if ue.quirk("connects_in_background"):
            ue.publish("socket.connected" if connected else "socket.failed", id=socket.id)
        return connected


class Nsosd(NeulSocket):
    """Send data on a stream; before the connection stands it waits for it."""

    name, source, provenance = "+NSOSD", STREAM_LOG, "log"
    errors = (*NeulSocket.errors, "no_socket", "bad_message", "full")
    id = Int(0, 6, doc="number of the socket")
    length = Int(1, LARGEST, bad="bad_message", doc="bytes, not hex digits")
    data = Hex(LARGEST, min_bytes=1, bad="bad_message", doc="the data as hex digits")
    flag = Flag(default=0, doc="as for AT+NSOSTF")
    sequence = Int(1, 255, default=None, doc="number under which the sending is reported")

    def write(self, ue: Ue, id: int, length: int, data: bytes, flag: int, sequence: int | None) -> str:
        socket = _find(ue, id, Kind.TCP)
        _checked(length, data)
        if socket.state is State.OPENING:
            socket.extra.setdefault("waiting", []).append(data)
        elif not ue.sockets.send(socket, data):
            raise Refusal("full" if socket.state is State.CONNECTED else "no_socket")
        _report(ue, id, sequence)
        return f"{id},{length}"


def _report(ue: Ue, id: int, sequence: int | None) -> None:
    """Tell when a message with a sequence number is on the air, or that it will not be."""

    async def report() -> None:
        try:
            await ue.radio.connect()
        except ConnectionError:
            status = 0
        else:
            status = 1
        pending.remove(sequence)
        ue.publish("socket.sent", id=id, sequence=sequence, status=status)

    if sequence is not None:
        pending = _find(ue, id).extra.setdefault(PENDING, [])
        pending.append(sequence)
        ue.spawn(report())


class Nqsos(NeulSocket):
    """Tell the sequence numbers of messages that are not on the air yet, of one socket or several."""

    name, source, provenance = "+NQSOS", IMITATION, "inferred"
    needs = ()
    errors = ("no_socket", "bad_message")
    write_reply = "+NQSOS:{id},{sequence}"
    first = Int(0, 6, doc="number of a socket")
    second = Int(0, 6, default=None, doc="another one")
    third = Int(0, 6, default=None, doc="another one")
    fourth = Int(0, 6, default=None, doc="another one")
    fifth = Int(0, 6, default=None, doc="another one")
    sixth = Int(0, 6, default=None, doc="another one")
    seventh = Int(0, 6, default=None, doc="another one")

    def write(self, ue: Ue, **said: int | None) -> list[dict[str, int]]:
        ids = [id for id in said.values() if id is not None]
        if len(set(ids)) < len(ids):
            raise Refusal("bad_message")
        sockets = [_find(ue, id) for id in ids]
        return [
            {"id": one.id, "sequence": number} for one in sockets for number in one.extra.get(PENDING, ())
        ]


class Nsocl(NeulSocket):
    """Close a socket."""

    name, source, provenance = "+NSOCL", LOG, "log"
    needs = ()
    errors = ("no_socket",)
    id = Int(0, 6, doc="number of the socket")

    def write(self, ue: Ue, id: int) -> None:
        ue.sockets.close(_find(ue, id))


class Nsonmi(SettingCommand):
    """How received data is reported: not at all, by its length, or whole."""

    name, source, provenance, group = "+NSONMI", IMITATION, "inferred", "nsocket"
    mode = Int(0, 3, doc="0 nothing, 1 number and length, 2 address and data, 3 data")

    def write(self, ue: Ue, **values: Any) -> None:
        super().write(ue, **values)
        for socket in ue.sockets:
            socket.access = _access(ue)


class Qidnscfg(Command):
    """Tell and set the DNS servers."""

    name, source, provenance = "+QIDNSCFG", "host programs", "log"
    testable = False
    read_reply = ("PrimaryDns: {first}", "SecondaryDns: {second}")
    first = Address(40, names=False, doc="first server")
    second = Address(40, names=False, default=None, doc="second server")

    def read(self, ue: Ue) -> Any:
        return {key: ue.settings.get(f"+QIDNSCFG.{key}") for key in ("first", "second")}

    def write(self, ue: Ue, first: str, second: str | None) -> None:
        ue.settings.set("+QIDNSCFG.first", first)
        ue.settings.set("+QIDNSCFG.second", second or "0.0.0.0")
