"""CoAP with messages that the host builds itself, on the SIM7020 series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modemsim.at.command import Command
from modemsim.at.dialect import Dialect
from modemsim.at.params import Address, Hex, Int, Token
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.simcom_needs import release_assistance
from modemsim.net.resolver import PATIENCE
from modemsim.ue.module import Ue

NOTE = "SIM7020 CoAP note 1.02; AT manual 1.05, 12"


class Ccoapnew(Command):
    """Make a CoAP client for one server."""

    name, source = "+CCOAPNEW", NOTE
    testable = False
    max_response = PATIENCE
    needs, errors = (needs.bearer,), ("no_bearer", "bad_value", "not_allowed")
    write_reply = "+CCOAPNEW: {id}"
    server = Address(doc="address of the server")
    port = Int(1, 65535, doc="UDP port")
    cid = Int(0, 10, default=1, doc="bearer; there is one here")

    async def write(self, ue: Ue, server: str, port: int, cid: int) -> Any:
        address = await ue.resolve(server)
        if address is None:
            raise Refusal("bad_value")
        number = ue.raw_coap.open((address, port))
        if number is None:
            raise Refusal("not_allowed")
        return {"id": number}


class Ccoapsend(Command):
    """Send a whole CoAP message as it stands; what comes back is told by +CCOAPNMI."""

    name, source = "+CCOAPSEND", NOTE
    testable = False
    needs, errors = (needs.bearer,), ("no_bearer", "not_allowed", "bad_value")
    id = Int(1, 2, doc="client")
    length = Int(4, 512, doc="bytes, not hex digits")
    message = Hex(max_bytes=512, quoted=True, doc="the message as hex digits")

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """Also refuse a length that is not the one of the message."""
        values = super().bind(tokens, dialect)
        if values["length"] != len(values["message"]):
            raise Refusal("bad_value")
        return values

    def write(self, ue: Ue, id: int, length: int, message: bytes) -> None:
        if not ue.raw_coap.send(id, message, release_assistance(ue)):
            raise Refusal("not_allowed")


class Ccoapcsend(Command):
    """Send a CoAP message given by its parts; the module adds version and message id."""

    name, source = "+CCOAPCSEND", NOTE
    testable = False
    needs, errors = (needs.bearer,), ("no_bearer", "not_allowed", "bad_value")
    id = Int(1, 2, doc="client")
    version = Int(1, doc="version of CoAP")
    kind = Int(0, 3, doc="0 CON, 1 NON, 2 ACK, 3 RST")
    code_class = Int(0, 7, doc="class of the code, 0 for requests")
    code_detail = Int(0, 31, doc="detail of the code, 1 GET, 2 POST, 3 PUT, 4 DELETE")
    token = Hex(max_bytes=8, default=b"", quoted=True, doc="token as hex digits")
    options = Hex(max_bytes=256, default=b"", quoted=True, doc="options of the message as hex digits")
    length = Int(0, 512, default=0, doc="bytes of the data, not hex digits")
    data = Hex(max_bytes=512, default=b"", quoted=True, doc="data as hex digits")

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """Also refuse a length that is not the one of the data."""
        values = super().bind(tokens, dialect)
        if values["length"] != len(values["data"]):
            raise Refusal("bad_value")
        return values

    def write(self, ue: Ue, id: int, **said: Any) -> None:
        code = said["code_class"] << 5 | said["code_detail"]
        message = ue.raw_coap.compose(said["kind"], code, said["token"], said["options"], said["data"])
        if message is None:
            raise Refusal("bad_value")
        if not ue.raw_coap.send(id, message, release_assistance(ue)):
            raise Refusal("not_allowed")


class Ccoapdel(Command):
    """Remove a CoAP client."""

    name, source = "+CCOAPDEL", NOTE
    testable = False
    errors = ("not_allowed",)
    id = Int(1, 2, doc="client")

    def write(self, ue: Ue, id: int) -> None:
        if not ue.raw_coap.close(id):
            raise Refusal("not_allowed")
