"""The items of the EC800E's AT+QICFG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands.socket_items import Item
from modemsim.commands.sockets_quectel import DATA_FORMAT, SWITCH, VIEW_MODE
from modemsim.ue.socket_options import message

FORMAT = Choice(0, 1, 2, default=0)
SOCKET = Int(0, 11)


def _message(values: Sequence[Any]) -> None:
    """Refuse a message to be sent that is not in its format."""
    _digits(values[1], values[2])


def _pattern(values: Sequence[Any]) -> None:
    """Refuse received data to look for that is not in its format."""
    _digits(values[0], values[1])


def _digits(text: str, format: int) -> None:
    try:
        data = message(text, format)
    except ValueError:
        raise Refusal("bad_value") from None
    if not data:
        raise Refusal("bad_value")


ITEMS = (
    Item("transpktsize", (Int(1, 1460),), "bytes of a packet that transparent mode sends at most"),
    Item("transwaittm", (Int(0, 20),), "tenths of a second transparent mode waits for a packet to fill"),
    DATA_FORMAT,
    VIEW_MODE,
    Item("udp/readmode", (SWITCH,), "AT+QIRD reads 0 one datagram, 1 as many as fit"),
    Item("udp/sendmode", (SWITCH,), "data of one AT+QISEND goes in 0 one datagram, 1 pieces of 1460 bytes"),
    Item("tcp/accept", (SWITCH,), "connections to a listener are accepted 0 by AT+QIACCEPT, 1 at once"),
    Item("passiveclosed", (SWITCH,), "what the peer has closed is closed 0 by the host, 1 by the module"),
    Item("recvind", (SWITCH,), "the line about waiting data tells their length"),
    Item("close/mode", (SWITCH,), "AT+QICLOSE answers 0 when the peer has the end, 1 at once"),
    Item("sendinfo", (SWITCH,), "sent data is answered by 0 SEND OK, 1 +QISEND with the room that is left"),
    Item(
        "tcp/keepalive",
        (SWITCH, Int(1, 1800, default=None), Int(25, 100, default=None), Int(3, 10, default=None)),
        "probes of a silent connection: on, seconds of silence, seconds between probes, probes",
        off=0,
    ),
    Item(
        "tcp/retranscfg",
        (Int(3, 12), Int(5, 1000)),
        "repetitions of a lost segment, tenths of a second between two at most",
    ),
    Item(
        "send/auto",
        (Int("0,20-86400"), Text(800, supported="<message>"), FORMAT, Int(0, 10, default=0)),
        "what a connection sends by itself: seconds, message, its format, patience",
        off=0,
        by_socket=SOCKET,
        check=_message,
    ),
    Item(
        "recv/ignore",
        (Text(512, supported="<message>"), FORMAT, Choice(0, 1, default=0)),
        "received data that is not told: message, its format, whether a part is enough",
        off="",
        by_socket=SOCKET,
        check=_pattern,
    ),
    Item(
        "wakeup/data",
        (Text(512, supported="<message>"), FORMAT, Choice(0, 1, default=0)),
        "received data that wakes the module: message, its format, whether a part is enough",
        off="",
        by_socket=SOCKET,
        check=_pattern,
    ),
    Item("qisend/timeout", (Int(0, 120),), "seconds for the data behind a prompt; 0: no limit"),
    Item("send/buffersize", (Int(1460, 10240),), "bytes of one AT+QISEND at most"),
    Item("dns/retry", (Int(1, 4), Int(100, 2000)), "repetitions of a query, milliseconds for each answer"),
    Item("dns/cache", (SWITCH,), "whether answers of the DNS server are kept"),
    Item(
        "TCP/SendMode", (Choice(0, 1, 4),), "SEND OK comes 0 at once, 1 with the acknowledgement, 4 as a URC"
    ),
    Item("pdp/retry", (Int(2, 4),), "repetitions of an attempt to activate a context"),
)
"""In the order of the reply to `=?`."""
