"""China Telecom IoT platform on the SIM7020 series: the CM2MCLI family; every refusal is a plain ERROR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modemsim.at.command import Command
from modemsim.at.dialect import Dialect
from modemsim.at.params import Hex, Int, Text, Token
from modemsim.at.result import MISSING_PARAMETER, Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.commands.simcom_needs import no_session, release_assistance
from modemsim.net.resolver import PATIENCE
from modemsim.ue.cloud_states import Cloud
from modemsim.ue.module import Ue
from modemsim.ue.security import Protection
from modemsim.ue.service import Service

NOTE = "SIM7020 China Telecom cloud note 1.04, "
MANUAL = "SIM7020 AT manual 1.05, "

IOT = Service(name="iot", ends_on_reset=False)
"""A CM2MCLI session outlives a failed update and a lost observation (MT2625 reference client)."""

RETRIES = "+CCTUPNUM.times"


def registered(ue: Ue) -> None:
    """A session of this family that the platform has accepted."""
    if ue.cloud.service.name != IOT.name or not ue.cloud.live:
        raise Refusal("not_logged_in")


class Cm2mclinew(Command):
    """Register with the platform; the result is told by +CM2MCLI: 1 or 7, its observation by 4."""

    name, source, group = "+CM2MCLINEW", NOTE + "3 and 5", "iot"
    testable = False
    max_response = PATIENCE
    needs = (needs.usim, needs.bearer, no_session)
    errors = ("no_sim", "no_bearer", "session_exists")

    server = Text(64, min_length=1, doc="address of the platform")
    port = Int(1, 65535, doc="UDP port, usually written as a string")
    endpoint = Text(64, min_length=1, doc="endpoint name: the IMEI under which the platform knows the device")
    lifetime = Int(20, 2**31 - 1, default=None, doc="seconds between updates; without it none is sent")
    pskid = Text(32, default=None, doc="PSK identity, for the encrypted port")
    psk = Hex(max_bytes=64, default=None, doc="PSK as hex digits, for the encrypted port")

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """Also refuse half a pair of PSK identity and key."""
        values = super().bind(tokens, dialect)
        if (values["pskid"] is None) != (values["psk"] is None):
            raise Refusal(MISSING_PARAMETER)
        return values

    async def write(
        self,
        ue: Ue,
        server: str,
        port: int,
        endpoint: str,
        lifetime: int | None,
        pskid: str | None,
        psk: bytes | None,
    ) -> None:
        address = await ue.resolve(server)
        if address is None:
            raise Refusal("bad_value")
        protection = None if pskid is None or psk is None else Protection(pskid, psk)
        ue.open_cloud(
            (address, port),
            name=endpoint,
            lifetime=lifetime or 0,
            service=IOT,
            retries=lambda: int(ue.settings.get(RETRIES)),
            protection=protection,
        )


class Cm2mclisend(Command):
    """Send data to the platform as an unconfirmed notification of object 19/0/0."""

    name, source, group = "+CM2MCLISEND", NOTE + "3 and 5", "iot"
    testable = False
    needs = (registered, needs.observed, needs.no_update_running)
    errors = ("not_logged_in", "not_observed", "updating", "odd_hex", "too_long")

    data = Hex(max_bytes=512, min_bytes=1, odd="odd_hex", odd_first=True, long="too_long", quoted=True,
               doc="the bytes as hex digits")  # fmt: skip

    def write(self, ue: Ue, data: bytes) -> None:
        ue.cloud.send(data, confirmable=False, rai=release_assistance(ue))


class Cm2mclifota(Command):
    """Agree to the firmware update that the platform wants, or refuse it, as silence does."""

    name, source, group = "+CM2MCLIFOTA", NOTE + "6.2", "iot"
    testable = False
    errors = ("no_update",)

    agree = Int(0, 1, doc="1 download and update, 0 do not")

    def write(self, ue: Ue, agree: int) -> None:
        if ue.firmware.offer is None:
            raise Refusal("no_update")
        if agree:
            ue.firmware.agree()
        else:
            ue.firmware.decline()


class Cm2mclidel(Command):
    """Leave the platform; a registration that is still on its way ends in silence."""

    name, source, group = "+CM2MCLIDEL", NOTE + "3 and 5", "iot"
    testable = False
    errors = ("not_logged_in",)

    def execute(self, ue: Ue) -> None:
        if ue.cloud.service.name == IOT.name and ue.cloud.state is Cloud.REGISTERING:
            ue.cloud.abandon()
            return
        registered(ue)
        ue.cloud.close()


class Cm2mcliget(Command):
    """Show the newest six downlink messages, oldest first."""

    name, source = "+CM2MCLIGET", MANUAL + "17"
    testable = False
    read_reply = "+CM2MCLIRECV: {data}"

    def read(self, ue: Ue) -> Any:
        return [{"data": message} for message in ue.downlinks.recent] or "No Data!"


class Cctupnum(SettingCommand):
    """How often an automatic update that failed is tried again at once."""

    name, source = "+CCTUPNUM", MANUAL + "17"
    times = Int(0, 100, doc="0 to 100 times")


class Cctlaststat(Command):
    """Tell the newest +CM2MCLI code; 0 before the first."""

    name, source = "+CCTLASTSTAT", MANUAL + "17"
    testable = False
    read_reply = "+CCTLASTSTAT: {code}"

    def read(self, ue: Ue) -> Any:
        codes = ue.profile.words["cm2mcli"]
        told = [codes[event] for event in ue.cloud.events if event in codes]
        return {"code": told[-1] if told and ue.cloud.service.name == IOT.name else 0}
