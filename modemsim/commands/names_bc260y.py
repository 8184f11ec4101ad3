"""What the BC260Y tells about its DNS servers."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.ue.module import Ue
from modemsim.ue.pdp import SERVERS


class Qidnscfg(Command):
    """Tell the DNS servers the network has given, for IPv4 and for IPv6."""

    name, source, provenance = "+QIDNSCFG", "module-side source of a BC260Y imitation", "inferred"
    testable = False
    group = "sockets"
    read_reply = '+QIDNSCFG: "{first}","{second}","{first6}","{second6}"'

    def read(self, ue: Ue) -> Any:
        first, second = ue.settings.get(SERVERS)
        return {"first": first, "second": second, "first6": "", "second6": ""}
