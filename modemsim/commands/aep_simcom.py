"""AEP (CTWing) service of the SIM7020 series: the CTM2M family.

Order of the checks and what ends a session are those of the chip vendor's reference client (MediaTek MT2625);
spelling and numbers are those of SIMCom's AEP note, which wins where they disagree. Every refusal is
"+CTM2M ERROR: <n>"; which situation has which number is profile data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modemsim.at.command import Command
from modemsim.at.dialect import Dialect
from modemsim.at.params import Choice, Hex, Int, Text, Token
from modemsim.at.result import MISSING_PARAMETER, SURPLUS_PARAMETER, Refusal
from modemsim.coap.dtls.engine import Suite
from modemsim.commands import needs
from modemsim.commands.simcom_needs import no_session, release_assistance
from modemsim.lwm2m.endpoint_name import EndpointForm, endpoint_name
from modemsim.net.resolver import PATIENCE
from modemsim.ue.cloud_states import Cloud
from modemsim.ue.module import Ue
from modemsim.ue.security import Protection
from modemsim.ue.service import Service

NOTE = "SIM7020 AEP note 1.01, "

AEP = Service(
    name="aep",
    follows_address=False,
    ends_on_update=frozenset({"4.01", "4.03", "4.04"}),
    ends_on_refresh=frozenset({"4.00", "4.01", "4.03", "4.04", "timeout", "rst"}),
    ends_unanswered=False,
    ids_per_report=2,
)
"""What ends a CTM2M session, by the MT2625 reference client: an update on 13 and 14, a refresh on every
failure but "not sent", a report on RST; DEREG that nobody answers leaves it disconnecting."""

PARAMETERS = "+CTM2MINIT.parameters"
DONE = "+CTM2MINIT.done"

SUITES: Mapping[int, Suite] = {1: Suite.CCM_8, 2: Suite.CBC}
"""Cipher suite by security mode (AEP note 1.01, 3.1)."""

NONE, CONNECTING, CONNECTED, OBSERVED, DISCONNECTING = range(5)
_STATES: Mapping[Cloud, int] = {
    Cloud.REGISTERING: CONNECTING,
    Cloud.REGISTERED: CONNECTED,
    Cloud.OBSERVED: OBSERVED,
    Cloud.DEREGISTERING: DISCONNECTING,
}


def state_of(ue: Ue) -> int:
    """The state AT+CTM2MREG? tells; a session that ended takes a few seconds to go."""
    if ue.cloud.service.name != AEP.name:
        return NONE
    return DISCONNECTING if ue.cloud.ending else _STATES.get(ue.cloud.state, NONE)


def initialised(ue: Ue) -> None:
    """Parameters of AT+CTM2MINIT; with the quirk `init_lost_at_boot` given since the last start."""
    forgotten = ue.quirk("init_lost_at_boot") and not ue.settings.get(DONE)
    if not ue.settings.get(PARAMETERS) or forgotten:
        raise Refusal("not_initialised")


def enabled(ue: Ue) -> None:
    """A platform that has not sent the module away (object 1, Disable)."""
    if ue.cloud.disabled:
        raise Refusal("disabled")


def outside_session(ue: Ue) -> None:
    """No session whose parameters are in use, not even one that is being taken down."""
    if not ue.cloud.free:
        raise Refusal("in_session")


def connected(ue: Ue) -> None:
    """A session that the platform has accepted."""
    if state_of(ue) not in (CONNECTED, OBSERVED):
        raise Refusal("not_registered")


def ready(ue: Ue) -> None:
    """A session whose object 19/0/0 the platform observes."""
    if state_of(ue) == CONNECTED:
        raise Refusal("not_observed")
    connected(ue)


class Ctm2minit(Command):
    """Set address, lifetime and security of the AEP service; kept in non-volatile memory."""

    name, source, group = "+CTM2MINIT", NOTE + "3.1", "aep"
    testable = False
    needs, read_needs = (outside_session,), (initialised,)
    errors = ("in_session", "not_initialised", "bad_psk")
    read_reply = "+CTM2MINIT: {server},{port},{lifetime},{tau},{security}[,{pskid},{psk}]"

    server = Text(64, min_length=1, doc="address of the platform")
    port = Int(0, 65535, doc="UDP port")
    lifetime = Int(300, 2**31 - 1, doc="lifetime of the registration in seconds")
    tau = Int(0, 2, doc="on leaving PSM: 0 nothing, 1 update in silence, 2 tell the host")
    security = Int(0, 2, doc="0 none, 1 PSK with AES-128-CCM-8, 2 PSK with AES-128-CBC-SHA256")
    pskid = Text(32, default=None, doc="PSK identity, with security 1 and 2")
    psk = Hex(max_bytes=64, default=None, bad="bad_psk", odd="bad_psk", long="bad_value",
              doc="PSK as hex digits, with security 1 and 2")  # fmt: skip

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """Also refuse keys without security, and security without keys."""
        values = super().bind(tokens, dialect)
        if values["security"] and (values["pskid"] is None or values["psk"] is None):
            raise Refusal(MISSING_PARAMETER)
        if not values["security"] and len(tokens) > 5:
            raise Refusal(SURPLUS_PARAMETER)
        return values

    def read(self, ue: Ue) -> Any:
        return ue.settings.get(PARAMETERS)

    def write(self, ue: Ue, **values: Any) -> None:
        psk = values["psk"]
        ue.settings.set(PARAMETERS, {**values, "psk": psk and psk.hex().upper()})
        ue.settings.set(DONE, 1)


def _protection(parameters: Mapping[str, Any]) -> Protection | None:
    """The secured connection that AT+CTM2MINIT asks for, by the suite of its security mode."""
    suite = SUITES.get(parameters["security"])
    if suite is None:
        return None
    return Protection(parameters["pskid"], bytes.fromhex(parameters["psk"]), (suite,))


class Ctm2mreg(Command):
    """Register with the AEP platform under the name urn:imei-imsi:<imei>-<imsi>; tell the state."""

    name, source, group = "+CTM2MREG", NOTE + "3.2", "aep"
    testable = False
    max_response = PATIENCE
    needs = (enabled, initialised, no_session)
    errors = ("disabled", "not_initialised", "session_exists", "no_sim", "no_bearer")
    read_reply = "+CTM2MREG: {state}"

    lifetime = Int(300, 2**31 - 1, default=None, doc="seconds; without it that of AT+CTM2MINIT")

    def read(self, ue: Ue) -> Any:
        return {"state": state_of(ue)}

    async def write(self, ue: Ue, lifetime: int | None) -> None:
        parameters = dict(ue.settings.get(PARAMETERS))
        if lifetime is not None:
            parameters["lifetime"] = lifetime
            ue.settings.set(PARAMETERS, parameters)
        needs.usim(ue)
        needs.bearer(ue)
        address = await ue.resolve(parameters["server"])
        if address is None:
            raise Refusal("no_bearer")
        ue.open_cloud(
            (address, parameters["port"]),
            name=endpoint_name(EndpointForm.URN_IMEI_IMSI, ue.identity.imei, ue.usim.imsi),
            lifetime=parameters["lifetime"],
            service=replace(AEP, at_update=parameters["tau"]),
            protection=_protection(parameters),
        )

    async def execute(self, ue: Ue) -> None:
        await self.write(ue, None)


class Ctm2mupdate(Command):
    """Update the registration with a binding mode: U, or UQ, with which commands wait for an uplink."""

    name, source, group = "+CTM2MUPDATE", NOTE + "3.3", "aep"
    testable = False
    needs, errors = (enabled, connected), ("disabled", "not_registered")
    write_reply = "+CTM2MUPDATE: {id}"

    mode = Int(0, 1, doc="0 binding U, 1 binding UQ")

    def write(self, ue: Ue, mode: int) -> Any:
        return {"id": ue.cloud.update(("U", "UQ")[mode])}


class Ctm2msend(Command):
    """Send data to the AEP platform as a notification of object 19/0/0."""

    name, source, group = "+CTM2MSEND", NOTE + "3.4", "aep"
    testable = False
    needs = (enabled, ready, needs.no_update_running)
    errors = ("disabled", "not_registered", "not_observed", "updating", "too_long", "odd_hex", "not_hex")
    write_reply = "+CTM2MSEND: {id}"

    data = Hex(max_bytes=512, min_bytes=1, empty="bad_value", odd="odd_hex", odd_first=True,
               long="too_long", bad="not_hex", doc="the bytes as at most 1024 hex digits")  # fmt: skip
    mode = Choice(0, 1, default=0, doc="0 CON, 1 NON")

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """The mode is looked at before the data."""
        if len(tokens) == 2 and not tokens[1].omitted:
            self.params["mode"].parse(tokens[1])
        return super().bind(tokens, dialect)

    def write(self, ue: Ue, data: bytes, mode: int) -> Any:
        return {"id": ue.cloud.send(data, confirmable=mode == 0, rai=release_assistance(ue))}


class Ctm2mdereg(Command):
    """Leave the AEP platform; a registration that is still on its way ends in silence."""

    name, source, group = "+CTM2MDEREG", NOTE + "3.5", "aep"
    testable = False
    needs, errors = (enabled,), ("disabled", "not_registered")

    def execute(self, ue: Ue) -> None:
        state = state_of(ue)
        if state == NONE:
            raise Refusal("not_registered")
        if state == CONNECTING:
            ue.cloud.abandon()
        elif not ue.cloud.ending:
            ue.cloud.close()
