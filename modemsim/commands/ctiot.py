"""China Telecom IoT cloud in the simplified command set of the BC260Y-CN R02 (NCDPOPEN family).

Order of the checks: parameters first, then USIM, bearer, network, login, observation. The numbers each
situation answers with are profile data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modemsim.at.command import Command
from modemsim.at.dialect import Dialect
from modemsim.at.params import Address, Choice, Hex, Int, Token
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.ue.downlinks import Delivery
from modemsim.ue.module import Ue
from modemsim.ue.security import Protection

GUIDE = "BC260Y CT guide 1.1, "
_LINK = (needs.usim, needs.bearer, needs.uncongested, needs.coverage)
_LINK_ERRORS = ("no_sim", "no_bearer", "congested", "poor_coverage")


class Ncdpopen(Command):
    """Connect to the platform: register, then wait for it to observe object 19/0/0."""

    name, source, group = "+NCDPOPEN", GUIDE + "2.3.1", "cloud"
    max_response = 5.0
    needs = (*_LINK, needs.no_login_running)
    errors = (*_LINK_ERRORS, "not_initialised", "bad_psk", "login_in_progress", "not_permitted")
    test_reply = ""

    ip_addr = Address(max_length=40, doc="address of the platform")
    port = Int(0, 65535, default=5683, doc="UDP port; 0 stands for 5683")
    psk = Hex(max_bytes=256, default=None, odd="bad_psk", bad="bad_psk", long="bad_psk",
              doc="pre-shared key of an encrypted device")  # fmt: skip

    async def write(self, ue: Ue, ip_addr: str, port: int, psk: bytes | None) -> None:
        if ue.cloud.live or ue.cloud.closing:
            raise Refusal("not_permitted")
        address = await ue.resolve(ip_addr)
        if address is None:
            raise Refusal("bad_value")
        protection = None if psk is None else Protection(ue.identity.imei, psk)
        ue.open_cloud((address, port or 5683), protection=protection)


class Ncdpclose(Command):
    """Disconnect from the platform: deregister; the state changes when the platform has answered.

    While a firmware update is on its way it is answered OK and nothing happens (source of an imitation).
    """

    name, source, group = "+NCDPCLOSE", GUIDE + "2.3.2", "cloud"
    max_response = 5.0
    testable = False
    needs = (needs.bearer, needs.no_login_running, needs.logged_in)
    errors = ("no_bearer", "login_in_progress", "not_logged_in", "no_session")

    def execute(self, ue: Ue) -> None:
        if not ue.firmware.busy:
            ue.cloud.close()


class Nmgs(Command):
    """Send application data to the platform as a notification of object 19/0/0."""

    name, source, group = "+NMGS", GUIDE + "2.3.3", "cloud"
    max_response = 5.0
    testable = False
    needs = (*_LINK, needs.no_login_running, needs.logged_in, needs.observed, needs.no_update_running)
    errors = (*_LINK_ERRORS, "updating", "too_long", "odd_hex", "empty", "length_mismatch",
              "login_in_progress", "not_logged_in", "no_session", "not_observed",
              "not_permitted")  # fmt: skip

    length = Int(1, 1024, high="too_long", doc="bytes, not hex digits")
    data = Hex(max_bytes=1024, min_bytes=1, odd="odd_hex", odd_first=True, long="too_long", empty="empty",
               doc="the bytes as hex digits")  # fmt: skip
    type = Choice(0, 1, 2, 100, 101, 102, default=0, doc="NON (0-2) or CON (100-102); last digit is the RAI")

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """Also refuse a length that is not the one of the data."""
        values = super().bind(tokens, dialect)
        if values["length"] != len(values["data"]):
            raise Refusal("length_mismatch")
        return values

    def write(self, ue: Ue, length: int, data: bytes, type: int) -> None:
        confirmable = type >= 100
        if (confirmable and ue.cloud.report_pending) or ue.uplinks_waiting >= ue.limit("uplink_queue"):
            raise Refusal("not_permitted")
        ue.cloud.send(data, confirmable=confirmable, rai=type % 100)


class Nmgr(Command):
    """Read the oldest buffered downlink message and remove it; a bare OK when there is none."""

    name, source, group = "+NMGR", GUIDE + "2.3.4", "cloud"
    max_response = 5.0
    testable = False
    execute_reply = "+NMGR: {length},{data}"

    def execute(self, ue: Ue) -> Any:
        message = ue.downlinks.take()
        return message and {"length": len(message), "data": message.hex().upper()}


class Nnmi(SettingCommand):
    """How downlink data reaches the host: only buffered, handed over at once, or buffered and announced."""

    name, source, group = "+NNMI", GUIDE + "2.3.5", "cloud"
    max_response = 5.0
    testable = False
    status = Choice(*Delivery, doc="0 buffer silently, 1 hand over at once, 2 buffer and announce")


class Ncfg(Command):
    """Configure the platform service: the lifetime of the registration."""

    name, source, group = "+NCFG", GUIDE + "2.3.6", "cloud"
    max_response = 5.0
    write_reply = "+NCFG: {value}"
    mode = Choice(0, doc="0: lifetime of the device at the platform")
    value = Int(0, 2592000, default=None, doc="seconds; 1 to 900 are stored as 900; 0: none is sent")

    def write(self, ue: Ue, mode: int, value: int | None) -> Any:
        if value is None:
            return {"value": ue.settings.pending("+NCFG.value")}
        ue.settings.set("+NCFG.value", max(value, 900) if value else 0)
        return None


class Nmstatus(Command):
    """Tell the state of the registration at the platform, in the profile's words."""

    name, source, group = "+NMSTATUS", GUIDE + "2.3.7", "cloud"
    max_response = 5.0
    testable = False
    read_reply = "+NMSTATUS: {status}"

    def read(self, ue: Ue) -> Any:
        return {"status": ue.profile.words["nmstatus"][ue.cloud.state]}


class Qlwuldatastatus(Command):
    """Tell the fate of the last confirmable uplink."""

    name, source, group = "+QLWULDATASTATUS", GUIDE + "2.3.8", "cloud"
    max_response = 5.0
    testable = False
    read_reply = "+QLWULDATASTATUS: {status}"

    def read(self, ue: Ue) -> Any:
        return {"status": int(ue.cloud.uplink_status)}


class Nqmgr(Command):
    """Count downlink messages: waiting, received and dropped since start."""

    name, source, group = "+NQMGR", GUIDE + "2.3.9", "cloud"
    max_response = 5.0
    testable = False
    execute_reply = "BUFFERED={buffered},RECEIVED={received},DROPPED={dropped}"

    def execute(self, ue: Ue) -> Any:
        inbox = ue.downlinks
        return {"buffered": inbox.buffered, "received": inbox.received, "dropped": inbox.dropped}
