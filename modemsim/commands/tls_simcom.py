"""MQTT over TLS of the SIM7020 series: certificates by CSETCA, the client by CMQTTSNEW."""

from __future__ import annotations

import re
import textwrap

from modemsim.at.command import Command
from modemsim.at.dialect import to_bytes
from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands.mqtt_simcom import Cmqnew
from modemsim.net.tls_settings import TlsSettings
from modemsim.ue.module import Ue

MANUAL = "SIM7020 AT manual 1.05, 11.2.10 and 14.2.6 as host programs use them"
CERTIFICATES = "+CSETCA.certificates"
SHOWN = ("Root CA", "Client CA", "Client Private Key")
LIMIT = "tls_negotiation"
"""Name of the timing after which a negotiation is given up."""
CHECKS_TIME = "tls_checks_time"
"""The quirk under which a certificate must be valid at the date of the module's clock."""
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


def pem(text: str) -> bytes | None:
    """PEM as its standard has it, of one whose line ends are written as \\n or left out; None for no text."""
    plain = text.replace("\\r", "").replace("\\n", "\n")
    blocks = [
        "\n".join(
            [f"-----BEGIN {name}-----", *textwrap.wrap("".join(body.split()), 64), f"-----END {name}-----"]
        )
        for name, body in _PEM.findall(plain)
    ]
    return to_bytes("\n".join([*blocks, ""]) if blocks else plain) if plain.strip() else None


class Csetca(Command):
    """Store a part of a certificate or key; what would make it longer than announced clears it instead."""

    name, source, provenance, group = "+CSETCA", MANUAL, "inferred", "sockets"
    errors = ("bad_value",)
    kind = Choice(0, 1, 2, doc="0 certificate authority, 1 certificate of the client, 2 its key")
    total = Int(1, 10240, doc="characters of all parts together")
    more = Choice(0, 1, doc="1: more parts follow")
    encoding = Choice(0, 1, doc="0 text with \\n for the end of a line, 1 hex digits")
    data = Text(2000, min_length=1, doc="the part")

    def read(self, ue: Ue) -> list[str]:
        kept = ue.settings.get(CERTIFICATES)
        return [f"{shown}: {len(text)}" for shown, text in zip(SHOWN, kept, strict=True)]

    def write(self, ue: Ue, kind: int, total: int, more: int, encoding: int, data: str) -> None:
        kept = list(ue.settings.get(CERTIFICATES))
        try:
            part = bytes.fromhex(data).decode("latin-1") if encoding else data
        except ValueError:
            raise Refusal("bad_value") from None
        fits = len(kept[kind]) + len(part) <= total
        kept[kind] = kept[kind] + part if fits else ""
        ue.settings.set(CERTIFICATES, kept)
        if not fits:
            raise Refusal("bad_value")


class Cmqttsnew(Cmqnew):
    """Make a client and open its connection over TLS."""

    name, source, provenance = "+CMQTTSNEW", MANUAL, "inferred"
    max_response = 135.0
    test_reply = "+CMQTTSNEW: <server>,<port>,(0-60000),(20-1132),(0-10)"
    write_reply = "+CMQTTSNEW: {id}"

    def security(self, ue: Ue) -> TlsSettings:
        """The server is checked where an authority is stored, the client shows what is stored for it."""
        authority, certificate, key = map(pem, ue.settings.get(CERTIFICATES))
        return TlsSettings(
            verify=authority is not None,
            ca=authority,
            certificate=certificate,
            key=key,
            shows_certificate=certificate is not None or key is not None,
            now=ue.calendar.now_utc if ue.quirk(CHECKS_TIME) else None,
            limit=ue.timing.draw(LIMIT),
        )
