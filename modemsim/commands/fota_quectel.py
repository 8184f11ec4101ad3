"""Firmware updates at the host's word on Quectel modules: AT+QFOTADL."""

from __future__ import annotations

from urllib.parse import urlsplit

from modemsim.at.command import Command
from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Refusal
from modemsim.ue.firmware_http import PORTS
from modemsim.ue.module import Ue


class Qfotadl(Command):
    """Download a package by HTTP or HTTPS and install it; all that follows is told by +QIND lines."""

    name, source = "+QFOTADL", "Quectel LTE DFOTA guide 1.5"
    test_reply = ""
    errors = ("bad_value", "not_allowed")

    url = Text(700, min_length=1, doc='where the package is: "http://host[:port]/path" or "https://..."')
    restart = Choice(0, 1, default=0, doc="0 install with the next restart, 1 restart at once")
    every = Int(5, 100, default=None, doc="percent between two reports of progress; without it none")

    def write(self, ue: Ue, url: str, restart: int, every: int | None) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Refusal("bad_value") from None
        if parts.scheme not in PORTS or not parts.hostname or port == 0:
            raise Refusal("bad_value")
        if not ue.firmware.supported or not ue.http_firmware.possible:
            raise Refusal("not_allowed")
        ue.http_firmware.start(url, restart=bool(restart), every=every)
