"""TCP/IP sockets of Quectel's modules: QIOPEN, QISEND, QIRD, QICLOSE, QISTATE, QICFG."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from modemsim.at.command import Answer, CommandDoc
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import to_bytes, to_text
from modemsim.at.params import Address, Choice, Int, Raw, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.socket_items import Item
from modemsim.commands.sockets_common import SocketCommand, connected, find, progress
from modemsim.ue.module import Ue
from modemsim.ue.socket import Access, Kind, Socket

SIBLING = "BC660K-GL and BC66 TCP/IP manuals as host programs use them"
IMITATION = "module-side source of a BC260Y imitation"
SOURCE = f"{IMITATION}; {SIBLING}"
SEND_FORMAT = "+QICFG.dataformat.send"
RECEIVE_FORMAT = "+QICFG.dataformat.recv"
VIEW = "+QICFG.viewmode"
ECHO = "+QISDE.echo"
SENT, FAILED = "SEND OK", "SEND FAIL"


class Qiopen(SocketCommand):
    """Open a socket; the outcome follows the OK."""

    name, source, provenance = "+QIOPEN", SOURCE, "inferred"
    max_response = 0.3
    errors: ClassVar[tuple[str, ...]] = ("no_bearer", "in_use")
    context = Int(0, 15, doc="packet data context")
    id = Int(0, 11, doc="number of the socket")
    kind = Choice(Kind.TCP.value, Kind.UDP.value, Kind.LISTENER.value, Kind.SERVICE.value, doc="what to open")
    host = Address(150, doc="address or name of the peer; of a listener its own")
    port = Int(0, 65535, doc="port of the peer")
    local_port = Int(0, 65535, default=0, doc="own port; 0: any")
    access = Choice(0, 1, 2, default=1, doc="0 buffer, 1 push, 2 transparent")

    def write(self, ue: Ue, **said: Any) -> Any:
        ue.sockets.open(self.create(ue, **said))

    def create(self, ue: Ue, kind: str, port: int, access: int, **said: Any) -> Socket:
        """The socket to be opened, once nothing speaks against it."""
        if kind in (Kind.TCP, Kind.UDP) and port == 0:
            raise Refusal("bad_value")
        if not ue.quirk("open_without_address"):
            needs.bearer(ue)
        id = said.pop("id")
        if ue.sockets.get(id) is not None:
            raise Refusal("in_use")
        return ue.sockets.create(id, Kind(kind), port=port, access=Access(access), **said)


class Qisend(SocketCommand):
    """Send data, given in the command or after a prompt; with length 0 tell what became of sent data."""

    name, source, provenance = "+QISEND", SOURCE, "inferred"
    errors = ("no_socket", "not_connected", "length_mismatch", "bad_value", "not_sent", "aborted")
    data_mode = DataMode(length="length", max_bytes=1460, timeout="data_input")
    write_reply = "+QISEND: {sent},{acked},{unacked}"
    id = Int(0, 11, doc="number of the socket")
    length = Int(0, 1460, default=None, doc="bytes; without it the data ends with Ctrl-Z; 0 tells the state")
    data = Raw(2920, default=None, doc="the data itself, as text or hex digits (QICFG dataformat)")
    rai = Choice(0, 1, 2, default=0, doc="release assistance: 0 none, 1 no more data, 2 one answer follows")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """No prompt for inline data and for the state; a socket that cannot send is refused before."""
        find(ue, values["id"]) if values["length"] == 0 else connected(ue, values["id"])
        if values["length"] == 0 or values["data"] is not None or self.data_mode is None:
            return None
        counted = self.params["length"]
        assert isinstance(counted, Int)
        return prompting(ue, self.data_mode, counted.ranges[-1][1])

    def write(self, ue: Ue, id: int, length: int | None, data: str | bytes | None, rai: int) -> Any:
        if data is None or length == 0:
            return progress(find(ue, id))
        if isinstance(data, bytes):
            raw = payload(ue, data)
            sent = bool(raw) and ue.sockets.send(connected(ue, id), raw, rai=rai)
            return Answer(final=SENT if sent else FAILED)
        if not ue.sockets.send(connected(ue, id), payload(ue, to_bytes(data), length), rai=rai):
            raise Refusal("not_sent")
        return Answer(then=[SENT])


def prompting(ue: Ue, mode: DataMode, most: int) -> DataMode:
    """The data mode for at most that many bytes, echoed or not, as text or as hex digits."""
    mode = dataclasses.replace(mode, echo=bool(ue.settings.get(ECHO)), max_bytes=most)
    if ue.settings.get(SEND_FORMAT):
        mode = dataclasses.replace(mode, width=2, max_bytes=2 * mode.max_bytes)
    return mode


def payload(ue: Ue, given: bytes, length: int | None = None) -> bytes:
    """The data in what the host gave, which must have that length if one was said."""
    raw = _decoded(given) if ue.settings.get(SEND_FORMAT) else given
    if length is not None and len(raw) != length:
        raise Refusal("length_mismatch")
    return raw


def _decoded(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(to_text(digits))
    except ValueError:
        raise Refusal("bad_value") from None


class Qird(SocketCommand):
    """Read received data out of the buffer of a socket; with length 0 tell how much came and was read."""

    name, source, provenance = "+QIRD", SIBLING, "inferred"
    errors: ClassVar[tuple[str, ...]] = ("no_socket", "not_allowed")
    id = Int(0, 11, doc="number of the socket")
    length = Int(0, 1500, default=1500, doc="most bytes to read; 0 tells total, read and unread")

    def write(self, ue: Ue, id: int, length: int) -> list[str]:
        socket = find(ue, id)
        if socket.access is not Access.BUFFER:
            raise Refusal("not_allowed")
        if length == 0:
            buffer = socket.buffer
            return [f"+QIRD: {buffer.total},{buffer.read},{len(buffer)}"]
        data, (host, port) = ue.sockets.read(socket, length, joined=self.joined(ue, socket))
        if not data:
            return ["+QIRD: 0"]
        shown = data.hex().upper() if ue.settings.get(RECEIVE_FORMAT) else to_text(data)
        head = f"+QIRD: {len(data)}" + (f',"{host}",{port}' if socket.kind is Kind.SERVICE else "")
        return [f"{head},{shown}"] if ue.settings.get(VIEW) else [head, shown]

    def joined(self, ue: Ue, socket: Socket) -> bool:
        """Whether one reading may take several datagrams."""
        return False


class Qiclose(SocketCommand):
    """Close a socket; one that is not open counts as closed."""

    name, source, provenance = "+QICLOSE", "BC660K-GL log; " + SOURCE, "log"
    max_response = 10.0
    id = Int(0, 11, doc="number of the socket")
    timeout = Int(0, 65535, default=10, doc="seconds the connection may take to close")

    def write(self, ue: Ue, id: int, timeout: int) -> Any:
        self.close(ue, id)
        return self.closed(ue, id)

    def close(self, ue: Ue, id: int) -> None:
        """End what there is; the number is free at once."""
        socket = ue.sockets.get(id)
        if socket is not None:
            ue.sockets.close(socket)

    def closed(self, ue: Ue, id: int) -> Answer:
        """OK, and the line that follows it."""
        return Answer(after=lambda: ue.publish("socket.released", id=id))


class Qistate(SocketCommand):
    """Tell the state of all sockets, of those of one context, or of one socket."""

    name, source, provenance = "+QISTATE", "host programs; " + SOURCE, "log"
    testable = False
    read_reply = write_reply = execute_reply = (
        '+QISTATE: {id},"{kind}","{host}",{port},{local_port},{state},{context},{access}'
    )
    which = Choice(0, 1, doc="0 sockets of a context, 1 one socket")
    number = Int(0, 15, doc="context or socket")

    def read(self, ue: Ue) -> Any:
        return [_state(socket) for socket in ue.sockets]

    def execute(self, ue: Ue) -> Any:
        return self.read(ue)

    def write(self, ue: Ue, which: int, number: int) -> Any:
        if which and number > ue.sockets.last:
            raise Refusal("bad_value")
        key = "id" if which else "context"
        return [line for line in self.read(ue) if line[key] == number]


def _state(socket: Socket) -> dict[str, Any]:
    known = {name: getattr(socket, name) for name in ("id", "host", "port", "local_port", "context")}
    server = socket.id if socket.server is None else socket.server
    return {**known, "kind": socket.kind.value, "state": int(socket.state), "access": int(socket.access),
            "server": server}  # fmt: skip


SWITCH = Choice(0, 1)
DATA_FORMAT = Item(
    "dataformat",
    (SWITCH, SWITCH),
    "sent and received data: 0 text, 1 hex digits",
    endings=(".send", ".recv"),
)
VIEW_MODE = Item("viewmode", (SWITCH,), "received data 0 in a line of its own, 1 behind a comma")


class Qicfg(SocketCommand):
    """Tell and set how sockets behave, by the name of the item."""

    name, source, provenance = "+QICFG", "host programs; " + SOURCE, "inferred"
    errors = ("unknown_item", "bad_value", "missing_parameter", "surplus_parameter")
    item = Text(32, doc="name of the item, in any case")
    first = Raw(1024, default=None, doc="new value; without it the value is told")
    second = Raw(1024, default=None, doc="its second part")
    third = Raw(1024, default=None, doc="its third part")
    fourth = Raw(1024, default=None, doc="its fourth part")
    fifth = Raw(1024, default=None, doc="its fifth part")

    ITEMS: tuple[Item, ...] = (
        DATA_FORMAT,
        VIEW_MODE,
        Item("showlength", (SWITCH,), "whether the line with received data tells their length"),
        Item("showRA", (SWITCH,), "whether the line with received data tells the sender"),
    )

    def test(self, ue: Ue) -> list[str]:
        return [item.supported() for item in self._items(ue)]

    def read(self, ue: Ue) -> list[str]:
        return [item.told(ue.settings, ()) for item in self._items(ue) if item.by_socket is None]

    def write(self, ue: Ue, item: str, **given: str | None) -> Any:
        known = next((one for one in self._items(ue) if one.name.lower() == item.lower()), None)
        if known is None:
            raise Refusal("unknown_item")
        values = list(given.values())
        while values and values[-1] is None:
            values.pop()
        if known.asks(values):
            return known.told(ue.settings, values)
        known.change(ue.settings, values)
        return None

    def describe(self) -> CommandDoc:
        """The manual page, with every item."""
        items = tuple((item.supported(), item.doc) for item in self.ITEMS)
        return dataclasses.replace(super().describe(), items=items)

    def _items(self, ue: Ue) -> list[Item]:
        """The items this module has: those whose settings its profile lists."""
        return [item for item in self.ITEMS if item.keys[0] in ue.settings]
