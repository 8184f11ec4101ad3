"""Sockets of the EC800E: what it has beyond the sockets of Quectel's NB-IoT modules."""

from __future__ import annotations

from collections.abc import Mapping

from modemsim.at.command import Answer
from modemsim.at.params import Choice, Hex, Int
from modemsim.commands import sockets_quectel
from modemsim.commands.settings import SettingCommand
from modemsim.commands.sockets_quectel import FAILED, SENT, SocketCommand, connected
from modemsim.ue.module import Ue

GUIDE = "EC800E AEP guide, 4.3.3"
STACK = "AT objects of the vendor's newer stack (EC718); EG800K test plan"


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
