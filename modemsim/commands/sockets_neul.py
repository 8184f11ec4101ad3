"""Sockets and DNS servers of the Neul family (Hi2115 modules), sending apart: NSO commands, QIDNSCFG."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Any, ClassVar

from modemsim.at.command import Answer, Command, Form, Need
from modemsim.at.params import Address, Choice, Int
from modemsim.at.result import Refusal
from modemsim.commands import neul_needs
from modemsim.commands.settings import SettingCommand
from modemsim.ue.enrolment import Switch
from modemsim.ue.module import Ue
from modemsim.ue.socket import Access, Kind, Socket, State
from modemsim.ue.socket_reports import SendReports

LOG = "BC68 log of UDP with PSM"
STREAM_LOG = "BC28-CNV log of TCP"
IMITATION = "module-side source of two imitations"
MODE = "+NSONMI.mode"
LARGEST = 1358


def _access(ue: Ue) -> Access:
    return Access.PUSH if ue.settings.get(MODE) in (2, 3) else Access.BUFFER


def _platform_has_it(ue: Ue, id: int) -> bool:
    """Whether the platform service holds this number: the first one, while it is on."""
    return id == 0 and ue.enrolment.switch is not Switch.OFF


def find(ue: Ue, id: int, kind: Kind | None = None) -> Socket:
    """The socket of that number; refuses when there is none, when it is the platform's or of another kind."""
    socket = ue.sockets.get(id)
    if socket is None:
        raise Refusal("foreign_socket" if _platform_has_it(ue, id) else "no_socket")
    if kind is not None and socket.kind is not kind:
        raise Refusal("wrong_kind")
    return socket


class NeulSocket(Command):
    """Base of the socket commands."""

    group = "nsocket"
    needs: ClassVar[tuple[Need, ...]] = (neul_needs.radio_on, neul_needs.network)
    errors: ClassVar[tuple[str, ...]] = ("radio_off", "no_bearer")
    testable = False


class Nsocr(NeulSocket):
    """Make a socket; its number is told bare."""

    name, source, provenance = "+NSOCR", LOG, "log"
    errors = (*NeulSocket.errors, "bad_message", "no_family", "port_taken", "table_full")
    kind = Choice("DGRAM", "STREAM", quoted=False, doc="datagrams or a stream")
    protocol = Choice(6, 17, doc="6 TCP with STREAM, 17 UDP with DGRAM")
    local_port = Int(0, 65535, doc="own port; 0: any")
    receive = Int(0, 6, default=1, doc="0 what arrives is dropped, else it is received")
    family = Choice("AF_INET", "AF_INET6", quoted=False, default="AF_INET", doc="kind of address")
    local_address = Address(47, names=False, default=None, doc="own address")

    def write(self, ue: Ue, protocol: int, local_port: int, receive: int, **said: Any) -> str:
        if (said["kind"] == "STREAM") != (protocol == 6):
            raise Refusal("bad_message")
        if said["family"] == "AF_INET6" or said["local_address"] not in (None, ue.radio.ip):
            raise Refusal("no_family")
        kind = Kind.TCP if protocol == 6 else Kind.UDP
        if any(one.holds_port(kind, local_port) for one in ue.sockets):
            raise Refusal("port_taken")
        id = ue.sockets.free(start=int(_platform_has_it(ue, 0)))
        if id is None:
            raise Refusal("table_full")
        socket = ue.sockets.create(id, kind, access=_access(ue), local_port=local_port)
        if kind is Kind.UDP:
            ue.sockets.bind(socket)
        if not receive:
            socket.on_received = partial(_drop, socket)
        return str(id)


def _drop(socket: Socket) -> bool:
    """What arrives on a socket that does not receive."""
    socket.buffer.clear()
    return True


class Nsorf(NeulSocket):
    """Read received data; nothing but OK when there is none."""

    name, source, provenance = "+NSORF", LOG, "log"
    needs = ()
    errors = ("no_socket", "foreign_socket", "bad_message")
    id = Int(0, 6, doc="number of the socket")
    length = Int(1, LARGEST, bad="bad_message", doc="most bytes to read")

    def write(self, ue: Ue, id: int, length: int) -> Any:
        socket = find(ue, id)
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
    needs = (neul_needs.radio_on,)
    errors = ("radio_off", "no_socket", "foreign_socket", "wrong_kind", "bad_state", "connect_failed")
    id = Int(0, 6, doc="number of the socket")
    host = Address(40, names=False, doc="address of the peer")
    port = Int(1, 65535, doc="its port")

    async def write(self, ue: Ue, id: int, host: str, port: int) -> None:
        socket = find(ue, id, Kind.TCP)
        if ue.radio.ip is None or not ue.radio.attached:
            raise Refusal("connect_failed")
        if socket.state is not State.INITIAL:
            raise Refusal("bad_state")
        socket.host, socket.port = host, port
        work = self._connect(ue, socket)
        if ue.quirk("connects_in_background"):
            socket.task = ue.spawn(work)
        elif not await work:
            raise Refusal("connect_failed")

    async def _connect(self, ue: Ue, socket: Socket) -> bool:
        connected = await ue.sockets.establish(socket) == "ok"
        if ue.quirk("connects_in_background"):
            ue.publish("socket.connected" if connected else "socket.failed", id=socket.id)
        reports = SendReports.of(ue, socket)
        if connected:
            reports.connected()
        else:
            reports.failed()
        return connected


class Nqsos(NeulSocket):
    """Tell the sequence numbers of messages that are not on the air yet, of one socket or several."""

    name, source, provenance = "+NQSOS", IMITATION, "inferred"
    needs = ()
    errors = ("no_socket", "foreign_socket", "bad_message")
    write_reply = "+NQSOS:{id},{sequence}"
    first = Int(0, 6, doc="number of a socket")
    second = Int(0, 6, default=None, doc="another one")
    third = Int(0, 6, default=None, doc="another one")
    fourth = Int(0, 6, default=None, doc="another one")
    fifth = Int(0, 6, default=None, doc="another one")
    sixth = Int(0, 6, default=None, doc="another one")
    seventh = Int(0, 6, default=None, doc="another one")

    def read(self, ue: Ue) -> list[str]:
        return self.lines(Form.WRITE, self._pending(ue, list(ue.sockets)))

    def write(self, ue: Ue, **said: int | None) -> list[dict[str, int]]:
        ids = [id for id in said.values() if id is not None]
        if len(set(ids)) < len(ids):
            raise Refusal("bad_message")
        return self._pending(ue, [find(ue, id) for id in ids])

    def _pending(self, ue: Ue, sockets: list[Socket]) -> list[dict[str, int]]:
        return [{"id": one.id, "sequence": number} for one in sockets
                for number in SendReports.of(ue, one).pending]  # fmt: skip


class Nsostatus(NeulSocket):
    """Tell of one number, or of all, whether a socket has it."""

    name, source, provenance = "+NSOSTATUS", IMITATION, "inferred"
    needs, errors, testable = (), (), True
    write_reply = execute_reply = "+NSOSTATUS: {id},{free}"
    id = Int(0, 6, doc="number of the socket")

    def write(self, ue: Ue, id: int) -> dict[str, int]:
        taken = ue.sockets.get(id) is not None or _platform_has_it(ue, id)
        return {"id": id, "free": int(not taken)}

    def execute(self, ue: Ue) -> list[dict[str, int]]:
        return [self.write(ue, id) for id in range(ue.profile.sockets.ids)]


class Nsocl(NeulSocket):
    """Close a socket; the OK waits until what was sent on a stream is through, or a limit has passed."""

    name, source, provenance = "+NSOCL", LOG, "log"
    max_response = 20.0
    needs = ()
    errors = ("no_socket", "foreign_socket")
    id = Int(0, 6, doc="number of the socket")

    async def write(self, ue: Ue, id: int) -> None:
        socket = find(ue, id)
        ue.sockets.close(socket)
        if socket.tcp is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ue.timing.draw("socket_close")):
                    await socket.tcp.finish()


class Nsonmi(SettingCommand):
    """How received data is reported: not at all, by its length, or whole."""

    name, source, provenance, group = "+NSONMI", IMITATION, "inferred", "nsocket"
    mode = Int(0, 3, doc="0 nothing, 1 number and length, 2 address and data, 3 data")

    def write(self, ue: Ue, **values: Any) -> Answer:
        super().write(ue, **values)
        ue.sockets.show_by(_access(ue))
        return Answer(after=ue.sockets.pump)


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
