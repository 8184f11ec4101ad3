"""China Telecom IoT cloud of the Neul family (NCDP, QREGSWT, QLWULDATA): registration by stored settings.

Parameters that are wrong are refused before the state of the session is looked at; only QREGSWT=2 comes
before them. Data that cannot be sent because the session is not ready starts a registration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from modemsim.at.command import Command, Need
from modemsim.at.dialect import Dialect
from modemsim.at.params import Address, Choice, Hex, Int, Text, Token
from modemsim.at.result import Refusal
from modemsim.commands import needs, neul_needs
from modemsim.commands.neul import IMITATION, LOGS
from modemsim.commands.settings import SettingCommand
from modemsim.lwm2m.firmware import FirmwareEvent, FirmwareState
from modemsim.ue.cloud_states import Cloud
from modemsim.ue.downlinks import Delivery
from modemsim.ue.enrolment import Switch
from modemsim.ue.module import Ue

DFOTA = "BC35-G, BC28, BC95 R2.0 China Telecom DFOTA guide 1.0, "
DEFAULT_PORT = 5683


class Service(Command):
    """Base of the commands that QREGSWT=2 switches off."""

    group = "cloud"
    needs: ClassVar[tuple[Need, ...]] = (neul_needs.platform_service,)
    read_needs: ClassVar[tuple[Need, ...]] = (neul_needs.platform_service,)
    needs_first = True
    errors: ClassVar[tuple[str, ...]] = ("service_off",)


class ServiceSetting(Service, SettingCommand):
    """Base of the settings that QREGSWT=2 switches off."""


class Ncdp(Command):
    """Store the address of the platform; an omitted port keeps the one before."""

    name, source, group = "+NCDP", LOGS, "cloud"
    errors = ("no_server", "bad_value")
    test_reply = ""
    read_reply = "+NCDP: {host},{port}"
    ip_addr = Address(46, doc="address or name of the platform")
    port = Int(0, 65535, default=None, doc="UDP port; 0 stands for 5683")

    def read(self, ue: Ue) -> Any:
        stored = ue.settings.get("+NCDP.server")
        if not stored:
            raise Refusal("no_server")
        return {"host": stored[0], "port": stored[1]}

    def write(self, ue: Ue, ip_addr: str, port: int | None) -> None:
        stored = ue.settings.get("+NCDP.server")
        kept = stored[1] if stored and port is None else port
        ue.settings.set("+NCDP.server", [ip_addr, kept or DEFAULT_PORT])


class Qregswt(Command):
    """Choose who registers with the platform; takes effect at the next restart."""

    name, source, group = "+QREGSWT", LOGS, "cloud"
    type = Choice(*Switch, doc="0 the host (QLWSREGIND), 1 the module by itself, 2 nobody: service off")

    def read(self, ue: Ue) -> Any:
        return {"type": ue.settings.pending("+QREGSWT.type")}

    def write(self, ue: Ue, type: int) -> None:
        ue.settings.set("+QREGSWT.type", int(type))


class Qlwsregind(Service):
    """Register with the stored platform, leave it, or update; +QLWEVTIND tells the result."""

    name, source = "+QLWSREGIND", LOGS
    needs = (neul_needs.platform_service, needs.bearer)
    errors = ("service_off", "no_bearer", "no_server", "not_registered")
    type = Choice(0, 1, 2, doc="0 register, 1 deregister, 2 update")

    def write(self, ue: Ue, type: int) -> None:
        if type:
            if not ue.cloud.live:
                raise Refusal("not_registered")
            (ue.cloud.close if type == 1 else ue.cloud.refresh)()
            return
        if not ue.enrolment.possible:
            raise Refusal("no_server")
        ue.enrolment.start()


class Qlwevtind(ServiceSetting):
    """Report what happens to the registration by itself; the read form tells the last event."""

    name, source = "+QLWEVTIND", IMITATION
    read_reply = "+QLWEVTIND: {enable},{type}"
    enable = Choice(0, 1, doc="0 no reports, 1 reports")

    def read(self, ue: Ue) -> Any:
        words = ue.profile.words["qlwevtind"]
        latest = ue.cloud.latest(words.keys())
        return {"enable": ue.settings.get("+QLWEVTIND.enable"), "type": words[latest or "none"]}


class Uplink(Service):
    """Base of the commands that send host data as a notification of object 19/0/0."""

    errors = (
        "service_off",
        "updating",
        "uplink_full",
        "uplink_busy",
        "no_bearer",
        "not_registered",
        "not_observed",
    )

    length = Int(1, 1024, doc="bytes, not hex digits")
    data = Hex(max_bytes=1024, min_bytes=1, doc="the bytes as hex digits")

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """Also refuse a length that is not the one of the data."""
        values = super().bind(tokens, dialect)
        if values["length"] != len(values["data"]):
            raise Refusal("bad_value")
        return values

    def send(self, ue: Ue, data: bytes, confirmable: bool, rai: int, sequence: int | None) -> None:
        """Send, or refuse; where the session is not ready a registration is started all the same."""
        needs.no_update_running(ue)
        if ue.cloud.report_pending or ue.uplinks.holds(sequence):
            raise Refusal("uplink_busy")
        if ue.uplinks.pending >= ue.limit("uplink_queue"):
            raise Refusal("uplink_full")
        neul_needs.network(ue)
        if ue.cloud.state is Cloud.OBSERVED:
            ue.uplinks.send(data, confirmable=confirmable, rai=rai, sequence=sequence)
            return
        if ue.cloud.state is Cloud.REGISTERED:
            if ue.quirk("register_when_unobserved"):
                ue.cloud.renew()
            raise Refusal("not_observed")
        if not ue.cloud.registering and not ue.cloud.closing:
            ue.enrolment.start()
        raise Refusal("not_registered")


class Nmgs(Uplink):
    """Send data to the platform without asking for an acknowledgement."""

    name, source = "+NMGS", LOGS
    sequence = Int(0, 255, optional=True, doc="number of the host, for +NSMI")

    def write(self, ue: Ue, length: int, data: bytes, sequence: int | None) -> None:
        self.send(ue, data, False, 0, sequence)


class Qlwuldata(Uplink):
    """Send data to the platform without asking for an acknowledgement."""

    name, source = "+QLWULDATA", DFOTA + "3.2"
    sequence = Int(0, 255, optional=True, doc="number of the host, for +NSMI")

    def write(self, ue: Ue, length: int, data: bytes, sequence: int | None) -> None:
        self.send(ue, data, False, 0, sequence)


class Qlwuldataex(Uplink):
    """Send data to the platform with or without acknowledgement, and have the connection released."""

    name, source = "+QLWULDATAEX", LOGS
    mode = Choice(
        "0x0000",
        "0x0001",
        "0x0010",
        "0x0100",
        "0x0101",
        quoted=False,
        doc="0x0000 NON, 0x0001 NON and release, 0x0010 NON and release after the reply, 0x0100 CON, "
        "0x0101 CON and release",
    )
    sequence = Int(0, 255, optional=True, doc="number of the host, for +QLWULDATASTATUS")

    RELEASE = {"0x0001": 1, "0x0010": 2, "0x0101": 2}
    """Release assistance; a CON waits for its acknowledgement, so release follows the next downlink."""

    def write(self, ue: Ue, length: int, data: bytes, mode: str, sequence: int | None) -> None:
        self.send(ue, data, mode.startswith("0x01"), self.RELEASE.get(mode, 0), sequence)


class Qlwuldatastatus(Service):
    """Tell the fate of the last confirmable uplink: 0 not sent, 1 waiting, 2 failed, 3 timeout, 4, 5."""

    name, source, testable = "+QLWULDATASTATUS", LOGS, False
    read_reply = "+QLWULDATASTATUS: {status}[,{sequence}]"

    def read(self, ue: Ue) -> Any:
        queued = ue.cloud.report_pending and ue.uplinks.pending
        status = 0 if queued else int(ue.cloud.uplink_status)
        return {"status": status, "sequence": ue.cloud.uplink_sequence}


class Nmgr(Service):
    """Read the oldest buffered downlink message and remove it; a bare OK when there is none."""

    name, source, testable = "+NMGR", LOGS, False
    execute_reply = "{length},{data}"

    def execute(self, ue: Ue) -> Any:
        message = ue.downlinks.take()
        return message and {"length": len(message), "data": message.hex().upper()}


class Nnmi(ServiceSetting):
    """How downlink data reaches the host: only buffered, handed over at once, or buffered and announced."""

    name, source = "+NNMI", LOGS
    status = Choice(*Delivery, doc="0 buffer silently, 1 hand over at once, 2 buffer and announce")


class Nsmi(ServiceSetting):
    """Report when uplink data has left the module."""

    name, source = "+NSMI", LOGS
    status = Choice(0, 1, doc="0 no reports, 1 reports")


class Nqmgr(Service):
    """Count downlink messages: waiting, received and dropped since start."""

    name, source, testable = "+NQMGR", LOGS, False
    execute_reply = "BUFFERED={buffered},RECEIVED={received},DROPPED={dropped}"

    def execute(self, ue: Ue) -> Any:
        inbox = ue.downlinks
        return {"buffered": inbox.buffered, "received": inbox.received, "dropped": inbox.dropped}


class Nqmgs(Service):
    """Count uplink messages: waiting, sent and failed since start."""

    name, source, testable = "+NQMGS", LOGS, False
    execute_reply = "PENDING={pending},SENT={sent},ERROR={errors}"

    def execute(self, ue: Ue) -> Any:
        uplinks = ue.uplinks
        return {"pending": uplinks.pending, "sent": uplinks.sent, "errors": uplinks.errors}


class Nmstatus(Service):
    """Tell the state of the registration at the platform, in the profile's words."""

    name, source = "+NMSTATUS", IMITATION
    read_reply = "+NMSTATUS: {status}"

    def read(self, ue: Ue) -> Any:
        if ue.enrolment.server is None:
            return {"status": ue.profile.words["platform"]["no_server"]}
        return {"status": ue.profile.words["nmstatus"][ue.cloud.state]}


class Qsecswt(Command):
    """Choose a plain or a secured connection for the next registration."""

    name, source, group = "+QSECSWT", IMITATION, "cloud"
    errors = ("bad_value",)
    read_reply = "+QSECSWT: {type}[,{nat}]"
    type = Choice(0, 1, doc="0 plain, 1 DTLS with a pre-shared key")
    nat = Int(0, 65535, default=None, doc="kind of address translation on the way; with DTLS only")

    def read(self, ue: Ue) -> Any:
        kind = ue.settings.get("+QSECSWT.type")
        return {"type": kind, "nat": ue.settings.get("+QSECSWT.nat") if kind else None}

    def write(self, ue: Ue, type: int, nat: int | None) -> None:
        if not type and nat is not None:
            raise Refusal("bad_value")
        ue.settings.set("+QSECSWT.type", type)
        ue.settings.set("+QSECSWT.nat", nat or 0)


class Qsetpsk(Command):
    """Store identity and key of a secured connection; only with DTLS on and before a registration."""

    name, source, group = "+QSETPSK", IMITATION, "cloud"
    errors = ("security_off", "registered", "bad_value")
    test_reply = ""
    read_reply = "+QSETPSK: {psk_id},***"
    psk_id = Text(15, min_length=1, doc="15 digits, or 0 for the IMEI")
    psk = Hex(max_bytes=16, min_bytes=16, doc="key, 32 hex digits")

    def read(self, ue: Ue) -> Any:
        stored = ue.settings.get("+QSETPSK.pair")
        return {"psk_id": stored[0]} if stored else None

    def write(self, ue: Ue, psk_id: str, psk: bytes) -> None:
        if not ue.enrolment.secured:
            raise Refusal("security_off")
        if ue.cloud.live or ue.cloud.registering:
            raise Refusal("registered")
        name = ue.identity.imei if psk_id == "0" else psk_id
        if not (name.isdecimal() and len(name) == 15):
            raise Refusal("bad_value")
        ue.settings.set("+QSETPSK.pair", [name, psk.hex()])


class Qdtlsstat(Service):
    """Tell the state of the secured connection: 0 it stands, 1 to be made anew, 2 being made, 3 it failed."""

    name, source, testable = "+QDTLSSTAT", IMITATION, False
    errors = ("service_off", "security_off")
    read_reply = "+QDTLSSTAT: {status}"

    STATES: ClassVar[Mapping[str, int]] = {"up": 0, "pending": 1, "closed": 1, "running": 2, "failed": 3}

    def read(self, ue: Ue) -> Any:
        status = self.STATES.get(ue.cloud.security or "")
        running = ue.cloud.client is not None or ue.cloud.security == "failed"
        if not ue.enrolment.secured or not running or status is None:
            raise Refusal("security_off")
        return {"status": status}


class Qresetdtls(Service):
    """Have a new secured connection made before the next datagram."""

    name, source, testable = "+QRESETDTLS", IMITATION, False
    errors = ("service_off", "security_off")

    def execute(self, ue: Ue) -> None:
        if not ue.enrolment.secured or not ue.cloud.renew_security():
            raise Refusal("security_off")


class Qlwserverip(Command):
    """Store the address of an LwM2M server, which goes before that of NCDP, or of a bootstrap server."""

    name, source, group = "+QLWSERVERIP", "host drivers for BC95 on a Korean network", "cloud"
    errors = ("bad_value",)
    test_reply = "+QLWSERVERIP: (LWM2M,BS,DEL)"
    read_reply = "+QLWSERVERIP: {kind},{host},{port}"
    kind = Choice("LWM2M", "BS", "DEL", quoted=False, doc="which server; DEL removes both")
    ip_addr = Address(46, default=None, doc="address of the server")
    port = Int(0, 65535, default=DEFAULT_PORT, doc="UDP port")

    def read(self, ue: Ue) -> Any:
        stored = {kind: ue.settings.get(f"+QLWSERVERIP.{kind}") for kind in ("LWM2M", "BS")}
        return [{"kind": kind, "host": s[0], "port": s[1]} for kind, s in stored.items() if s]

    def write(self, ue: Ue, kind: str, ip_addr: str | None, port: int) -> None:
        if (kind == "DEL") != (ip_addr is None):
            raise Refusal("bad_value")
        for each in ("LWM2M", "BS") if kind == "DEL" else (kind,):
            ue.settings.set(f"+QLWSERVERIP.{each}", [ip_addr, port or DEFAULT_PORT] if ip_addr else [])


class Qlwfotaind(Service):
    """Choose whether firmware updates need the host's consent, and give it to the one that waits."""

    name, source = "+QLWFOTAIND", DFOTA + "3.2"
    errors = ("service_off", "no_update")
    type = Choice(
        0, 1, 2, 3, 4, 5, doc="0 automatic, 1 by the host, 2 download, 3 do not, 4 update, 5 do not"
    )

    def read(self, ue: Ue) -> Any:
        return {"type": ue.settings.get("+QLWFOTAIND.type")}

    def write(self, ue: Ue, type: int) -> None:
        if type > 1:
            self._decide(ue, type)
        elif ue.firmware.object.state is not FirmwareState.IDLE or ue.firmware.offer is not None:
            raise Refusal("no_update")
        else:
            ue.settings.set("+QLWFOTAIND.type", type)

    def _decide(self, ue: Ue, type: int) -> None:
        """Answer the question that stands: 2 and 3 about a download, 4 and 5 about an update."""
        wanted = FirmwareEvent.BEGIN if type in (2, 3) else FirmwareEvent.EXECUTE
        if ue.settings.get("+QLWFOTAIND.type") == 0 or ue.firmware.offer is not wanted:
            raise Refusal("no_update")
        if type in (2, 4):
            ue.firmware.agree()
        else:
            ue.firmware.decline()


class Qbootstrapholdoff(ServiceSetting):
    """How long the module waits before it asks a bootstrap server."""

    name, source = "+QBOOTSTRAPHOLDOFF", "host drivers for BC95 on a Korean network"
    seconds = Int(0, 65535, doc="seconds")


class Qcriticaldata(ServiceSetting):
    """Keep the mark of urgent data; the simulated network does not tell it from other data."""

    name, source = "+QCRITICALDATA", "host drivers for BC95 on a Korean network"
    type = Choice(0, 1, doc="0 ordinary, 1 urgent")
