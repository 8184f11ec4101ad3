"""Datagrams to messages and back: aiocoap's codec behind the format checks that RFC 7252 asks for."""

from __future__ import annotations

from collections.abc import Callable

from aiocoap import Message, error
from aiocoap.numbers.codes import EMPTY
from aiocoap.numbers.types import ACK, CON, RST, Type

from modemsim.coap.datagram import Address
from modemsim.trace import host_port

_HEADER = 4
_LONGEST_TOKEN = 8
_PAYLOAD_MARKER = 0xFF
_CLASSES = (0, 2, 4, 5)
_LARGEST_BLOCK = 6
_LARGEST_DETAIL = 31


class Malformed(Exception):
    """A datagram that is not a CoAP message; `reset` is the message id to answer with RST, if any."""

    def __init__(self, reason: str, reset: int | None = None) -> None:
        super().__init__(reason)
        self.reset = reset


class Peer:
    """The other side of an endpoint, in the shape that aiocoap expects of a remote address."""

    __slots__ = ("address", "local", "maximum_block_size_exp")

    is_multicast = False
    is_multicast_locally = False
    scheme = "coap"
    authenticated_claims = ()

    def __init__(self, address: Address, local: Callable[[], Address]) -> None:
        self.address = address
        self.local = local
        self.maximum_block_size_exp = _LARGEST_BLOCK

    def __hash__(self) -> int:
        return hash(self.address)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Peer) and other.address == self.address

    def __repr__(self) -> str:
        return f"<Peer {self.hostinfo}>"

    @property
    def hostinfo(self) -> str:
        """`ip:port` of the other side."""
        return host_port(self.address)

    @property
    def hostinfo_local(self) -> str:
        """`ip:port` of this side."""
        ip, port = self.local()
        return f"{ip}:{port}"

    @property
    def uri_base(self) -> str:
        """The base URI of the other side."""
        return f"{self.scheme}://{self.hostinfo}"

    @property
    def uri_base_local(self) -> str:
        """The base URI of this side."""
        return f"{self.scheme}://{self.hostinfo_local}"

    @property
    def maximum_payload_size(self) -> int:
        """Octets of payload that go out in one message; more is cut into blocks."""
        return 1 << (self.maximum_block_size_exp + 4)

    @property
    def blockwise_key(self) -> Address:
        """What tells the block transfers of one peer from those of another."""
        return self.address

    def as_response_address(self) -> Peer:
        """The address an answer goes to: the same one."""
        return self


def _check_options(data: bytes, start: int) -> str | None:
    """Walk the options; the reason why they are not well formed, or None (RFC 7252 3.1)."""
    at = start
    while at < len(data):
        if data[at] == _PAYLOAD_MARKER:
            return "payload marker without payload" if at + 1 == len(data) else None
        delta, length = data[at] >> 4, data[at] & 15
        if 15 in (delta, length):
            return "reserved option length or delta"
        at += 1
        skipped = {13: 1, 14: 2}.get(delta, 0)
        extended = {13: 1, 14: 2}.get(length, 0)
        value = data[at + skipped : at + skipped + extended]
        if at + skipped + extended > len(data):
            return "option header cut short"
        at += skipped + extended
        at += int.from_bytes(value, "big") + {1: 13, 2: 269}[extended] if extended else length
        if at > len(data):
            return "option cut short"
    return None


def _check(data: bytes) -> str | None:
    """The reason why a version 1 datagram is not a message, or None (RFC 7252 3 and 4)."""
    mtype, token, code = Type(data[0] >> 4 & 3), data[0] & 15, data[1]
    if token > _LONGEST_TOKEN or len(data) < _HEADER + token:
        return "token length"
    if code == EMPTY:
        return "empty message with content" if len(data) > _HEADER else None
    if code >> 5 not in _CLASSES:
        return "reserved code class"
    if mtype is RST or (mtype is ACK and code >> 5 == 0):
        return f"{mtype.name} cannot carry this code"
    return _check_options(data, _HEADER + token)


def decode(data: bytes, peer: Peer) -> Message:
    """A message from one datagram of `peer`; raises Malformed with the reason and what RFC 7252 answers."""
    if len(data) < _HEADER:
        raise Malformed("shorter than a header")
    if data[0] >> 6 != 1:
        raise Malformed("unknown version")
    reset = int.from_bytes(data[2:4], "big") if data[0] >> 4 & 3 == CON else None
    reason = _check(data)
    if reason is not None:
        raise Malformed(reason, reset)
    try:
        return Message.decode(data, peer)
    except (error.UnparsableMessage, ValueError) as problem:
        raise Malformed(f"option value: {problem}", reset) from None


def error_code(text: str) -> int:
    """The number of an error code as it is written, such as 5.03 (RFC 7252 12.1.2); raises ValueError."""
    kind, _, detail = text.partition(".")
    digits = detail.isascii() and detail.isdecimal() and len(detail) == 2
    if kind not in ("4", "5") or not digits or int(detail) > _LARGEST_DETAIL:
        raise ValueError("write a CoAP error code such as 5.03")
    return int(kind) << 5 | int(detail)


def describe(message: Message) -> dict[str, object]:
    """The fields of a message that a trace shows; codes are `POST`, `2.04`, `EMPTY`."""
    code = message.code
    named = code == EMPTY or (code.is_request() and code.name != "(unknown)")
    fields: dict[str, object] = {
        "peer": message.remote.hostinfo,
        "type": message.mtype.name,
        "code": code.name if named else code.dotted,
        "mid": message.mid,
        "token": message.token.hex(),
        "path": "/" + "/".join(message.opt.uri_path),
    }
    if message.opt.uri_query:
        fields["query"] = "&".join(message.opt.uri_query)
    if message.opt.observe is not None:
        fields["observe"] = message.opt.observe
    return fields
