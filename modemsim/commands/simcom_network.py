"""The mobile network on the SIM7020 series: registration, default bearer, bands, cell figures, options."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs, ts27007
from modemsim.commands.settings import SettingCommand
from modemsim.commands.simcom import StoredCommand
from modemsim.radio.emm import Emm
from modemsim.ue.module import Ue

MANUAL = "SIM7020 AT manual 1.05, "
BEARER_ID = 5
"""EPS bearer identity of the default bearer (the notes' example, and the first one of 3GPP TS 24.007)."""

# ---------------------------------------------------------------- registration


class Creg(SettingCommand):
    """Tell the registration and choose how much of it is reported by itself."""

    name, source = "+CREG", MANUAL + "3.2"
    read_reply = '{name}: {n},{stat}[,"{tac}","{ci}"]'
    n = Choice(0, 1, 2, doc="0 none, 1 state, 2 state and cell")

    def read(self, ue: Ue) -> Any:
        n = ue.settings.get(f"{self.name}.n")
        place = ue.access.registration()
        if n < 2:
            place.update(tac=None, ci=None)
        return {**place, "n": n, "name": self.name}


class Cgreg(Creg):
    """Tell the registration for packet service and choose how much of it is reported by itself."""

    name, source = "+CGREG", "SIM7020 China Telecom cloud note 1.04, 4.1"


class Cereg(SettingCommand):
    """Tell the EPS registration and choose how much of it is reported by itself."""

    name, source = "+CEREG", MANUAL + "3.2.47"
    test_reply = "+CGREG: (0-5)"
    read_reply = (
        '+CEREG: {n},{stat}[,"{tac}","{ci}",{act}][,"{rac}",,,"{active}","{tau}"][,,,,{cause_type},{cause}]'
    )
    n = Int(0, 5, doc="0 none, 1 state, 2 and cell, 3 and cause, 4 and timers, 5 all")

    def read(self, ue: Ue) -> Any:
        n = ue.settings.get("+CEREG.n")
        place = ue.access.registration()
        if n < 2:
            place.update(tac=None, ci=None)
        if n not in (3, 5) or place["tac"] is not None:
            place.update(cause_type=None, cause=None)
        timed = n >= 4 and place["tac"] is not None
        timers = (
            {"rac": "00", "active": place["active_or_off"], "tau": place["tau_or_off"]}
            if timed
            else dict.fromkeys(("rac", "active", "tau"))
        )
        return {**place, **timers, "n": n}


class Cops(ts27007.Cops):
    """Choose and tell the operator."""

    name, source = "+COPS", "SIM7020 China Telecom cloud note 1.04, 4.1"
    mode = Choice(
        0, 1, 2, 3, 4, doc="0 automatic, 1 manual, 2 deregister, 3 format only, 4 manual, else automatic"
    )

    async def test(self, ue: Ue) -> str:
        found = await ue.access.scan()
        listed = ",".join(f'({stat},"{long}","{short}","{number}",9)' for stat, long, short, number in found)
        return f"+COPS: {listed},,(0,1,2,3,4),(0,1,2)"

    async def write(
        self, ue: Ue, mode: int, format: int | None, operator: str | None, act: int | None
    ) -> None:
        if mode != 4:
            await super().write(ue, mode, format, operator, act)
            return
        if operator is None:
            raise Refusal("bad_value")
        if not await ue.access.choose_operator(1, operator):
            await ue.access.choose_operator(0, None)


# ---------------------------------------------------------------- default bearer


class Cgact(Command):
    """Activate or deactivate a bearer; the default one, which the attach brought, cannot be deactivated."""

    name, source = "+CGACT", "SIM7020 China Telecom cloud note 1.04, 4.1"
    max_response = 150.0
    needs, errors = (needs.attached,), ("no_network", "unknown_context", "last_bearer")
    test_reply = "+CGACT: (0-1)"
    read_reply = "+CGACT: {cid},{state}"
    state = Choice(0, 1, doc="0 deactivate, 1 activate")
    cid = Int(1, 15, doc="bearer")

    def read(self, ue: Ue) -> Any:
        return {"cid": ue.profile.access.default_cid, "state": int(ue.radio.ip is not None)}

    def write(self, ue: Ue, state: int, cid: int) -> None:
        if cid != ue.profile.access.default_cid:
            raise Refusal("unknown_context")
        if not state:
            raise Refusal("last_bearer")


class Cgpaddr(Command):
    """Tell the address of each bearer."""

    name, source = "+CGPADDR", MANUAL + "3.2"
    test_reply = "+CGPADDR: (1)"
    execute_reply = write_reply = '+CGPADDR: {cid}[,"{address}"]'
    errors = ("unknown_context",)
    cid = Int(1, 15, doc="bearer")

    def execute(self, ue: Ue) -> Any:
        return {"cid": ue.profile.access.default_cid, "address": ue.radio.ip}

    def write(self, ue: Ue, cid: int) -> Any:
        if cid != ue.profile.access.default_cid:
            raise Refusal("unknown_context")
        return self.execute(ue)


class Cgcontrdp(Command):
    """Tell access point, address and mask of the default bearer; nothing while there is none."""

    name, source = "+CGCONTRDP", "SIM7020 China Telecom cloud note 1.04, 4.1"
    test_reply = "+CGCONTRDP: (1)"
    execute_reply = '+CGCONTRDP: {cid},{bearer},"{apn}","{address}.255.255.255.0"'

    def execute(self, ue: Ue) -> Any:
        if ue.radio.ip is None:
            return None
        cid = ue.profile.access.default_cid
        return {"cid": cid, "bearer": BEARER_ID, "apn": ue.access.apn, "address": ue.radio.ip}


class Cgdcont(ts27007.Cgdcont):
    """Define a bearer context."""

    name, source = "+CGDCONT", MANUAL + "3.2"
    test_reply = '+CGDCONT: (1-15),("IP","IPV6","IPV4V6","Non-IP"),,,(0),(0)'
    cid = Int(1, 15, doc="context")


class Mcgdefcont(Command):
    """Tell and choose type and access point of the default bearer; takes effect at the next attach."""

    name, source = "*MCGDEFCONT", MANUAL + "3.2.46"
    test_reply = '*MCGDEFCONT: ("IP","IPV6","IPV4V6","Non-IP")'
    read_reply = '*MCGDEFCONT: "{type}"[,"{apn}","{user}","{password}"]'
    type = Choice("IP", "IPV6", "IPV4V6", "Non-IP", doc="type of the bearer")
    apn = Text(100, default="", doc="access point name")
    user = Text(64, default="", doc="user name")
    password = Text(64, default="", doc="password")

    def read(self, ue: Ue) -> Any:
        values = {name: ue.settings.get(f"*MCGDEFCONT.{name}") for name in self.params}
        return values if values["apn"] else {**values, "apn": None}

    def write(self, ue: Ue, **values: str) -> None:
        for name, value in values.items():
            ue.settings.set(f"*MCGDEFCONT.{name}", value)


class Cdisaupdn(StoredCommand):
    """Whether the module attaches by itself; kept, takes effect after a restart."""

    name, source, provenance = "+CDISAUPDN", MANUAL + "3.2", "inferred"
    mode = Choice(0, 1, doc="0 not by itself, 1 by itself")


class Ipconfig(Command):
    """Tell the module's address."""

    name, source, test_reply = "+IPCONFIG", MANUAL + "3.2", ""
    needs, errors = (needs.bearer,), ("no_bearer",)
    execute_reply = "+IPCONFIG: {address}"

    def execute(self, ue: Ue) -> Any:
        return {"address": ue.radio.ip}


# ---------------------------------------------------------------- bands and cells


class _Bands(Command):
    """Base of the two commands about bands."""

    def show(self, bands: list[int]) -> str:
        return f"{self.name}: " + ",".join(map(str, bands))


class Cband(_Bands):
    """Tell and choose the bands the module searches; takes effect after a restart."""

    name, source = "+CBAND", MANUAL + "5.2"
    provenance = "inferred"
    test_reply = "+CBAND: (1,3,5,8)"
    errors = ("bad_value",)
    first = Int(1, 88, doc="first band")
    second = Int(1, 88, optional=True, doc="second band")
    third = Int(1, 88, optional=True, doc="third band")
    fourth = Int(1, 88, optional=True, doc="fourth band")

    def read(self, ue: Ue) -> str:
        return self.show(ue.settings.pending("+CBAND.bands"))

    def write(self, ue: Ue, **bands: int | None) -> None:
        ue.settings.set("+CBAND.bands", _chosen(ue, bands))


class Cbandsl(_Bands):
    """Tell and choose the bands that are searched first; kept, one cell is simulated."""

    name, source = "+CBANDSL", MANUAL + "5.2"
    provenance = "inferred"
    test_reply = "+CBANDSL: (0,1),(1-4),(1,3,5,8)"
    errors = ("bad_value",)
    mode = Choice(0, 1, doc="0 off, 1 on")
    count = Int(0, 4, default=0, doc="how many bands follow")
    first = Int(1, 88, optional=True, doc="first band")
    second = Int(1, 88, optional=True, doc="second band")
    third = Int(1, 88, optional=True, doc="third band")
    fourth = Int(1, 88, optional=True, doc="fourth band")

    def read(self, ue: Ue) -> str:
        return self.show(ue.settings.get("+CBANDSL.bands") or ue.settings.get("+CBAND.bands"))

    def write(self, ue: Ue, mode: int, count: int, **bands: int | None) -> None:
        chosen = _chosen(ue, bands)
        if len(chosen) != count or (mode == 1) != bool(chosen):
            raise Refusal("bad_value")
        ue.settings.set("+CBANDSL.bands", chosen)


def _chosen(ue: Ue, bands: dict[str, int | None]) -> list[int]:
    """The bands given, each of which the module must have."""
    chosen = [band for band in bands.values() if band is not None]
    if not set(chosen) <= set(ue.settings.default("+CBAND.bands")):
        raise Refusal("bad_value")
    return chosen


class Celllock(Command):
    """Lock to a carrier frequency; kept, one cell is simulated."""

    name, source, provenance = "*CELLLOCK", MANUAL + "5.2", "inferred"
    testable = False
    mode = Choice(0, 1, doc="0 unlock, 1 lock")
    earfcn = Int(0, 262143, optional=True, doc="carrier frequency number")
    pci = Int(0, 503, optional=True, doc="physical cell id")
    errors = ("bad_value",)

    def write(self, ue: Ue, mode: int, earfcn: int | None, pci: int | None) -> None:
        if mode and earfcn is None:
            raise Refusal("bad_value")
        ue.settings.set("*CELLLOCK.lock", [earfcn, pci] if mode else [])


class Ceng(Command):
    """Tell figures of the serving cell; the powers are not known while the signalling connection stands."""

    name, source = "+CENG", MANUAL + "5.2.6"
    test_reply = "+CENG: (0,1)"
    errors = ("radio_off", "searching", "no_service")
    read_reply = (
        '+CENG: {earfcn},0,{pci},"{cell}",{rsrp},{rsrq},{rssi},{sinr},{band},"{tac}",{ecl},{tx_power},2'
    )
    mode = Choice(0, 1, doc="0 cell figures, 1 throughput while connected (not simulated: nothing is told)")

    def read(self, ue: Ue) -> Any:
        if ue.radio.emm is Emm.OFF:
            raise Refusal("radio_off")
        if ue.radio.emm is Emm.SEARCHING:
            raise Refusal("searching")
        if ue.settings.get("+CENG.mode"):
            return None
        cell = ue.access.serving_cell()
        if cell is None:
            raise Refusal("no_service")
        return {**cell, **dict.fromkeys(("rsrp", "rsrq", "rssi", "sinr"))} if ue.radio.connected else cell

    def write(self, ue: Ue, mode: int) -> None:
        ue.settings.set("+CENG.mode", mode)


# ---------------------------------------------------------------- NB-IoT options


class Ceer(Command):
    """Tell the cause of the last refusal by the network; 0 when there was none."""

    name, source, test_reply = "+CEER", MANUAL + "3.2", ""
    read_reply = execute_reply = "+CEER: {cause}"

    def read(self, ue: Ue) -> Any:
        return self.execute(ue)

    def execute(self, ue: Ue) -> Any:
        return {"cause": ue.radio.reject or 0}


class Ctrj(Command):
    """Tell the running back-off timer T3346 in seconds; 0, because the network here gives no value for it."""

    name, source = "+CTRJ", MANUAL + "3.2"
    provenance = "inferred"
    testable = False
    read_reply = "+CTRJ: {seconds}"

    def read(self, ue: Ue) -> Any:
        return {"seconds": 0}


class Cnwrccfg(StoredCommand):
    """The six pauses between searches for a network, in seconds; kept, takes effect after a restart."""

    name, source = "+CNWRCCFG", MANUAL + "3.2"
    step1 = Int(1, 28800, doc="first pause")
    step2 = Int(1, 28800, doc="second pause")
    step3 = Int(1, 28800, doc="third pause")
    step4 = Int(1, 28800, doc="fourth pause")
    step5 = Int(1, 28800, doc="fifth pause")
    step6 = Int(1, 28800, doc="sixth pause")


class Cciotopt(SettingCommand):
    """Optimisations for the Internet of Things the module asks for; kept."""

    name, source = "+CCIOTOPT", MANUAL + "3.2"
    n = Int(0, 2, doc="reports")
    supported = Choice(1, 3, default=1, doc="1 control plane, 3 both planes")
    preferred = Int(0, 2, default=1, doc="0 none, 1 control plane, 2 user plane")


class Cnbiotrai(SettingCommand):
    """The release assistance that goes with the next uplink, and with no other."""

    name, source = "+CNBIOTRAI", MANUAL + "3.2"
    rai = Choice(0, 1, 2, doc="0 none, 1 no more data, 2 one downlink follows")


class Cnbiotdt(SettingCommand):
    """Whether the next uplink is exception data; kept until the restart."""

    name, source, provenance = "+CNBIOTDT", MANUAL + "3.2", "inferred"
    type = Choice(0, 1, doc="0 regular, 1 exception")


class Cgerep(SettingCommand):
    """Report packet events by themselves."""

    name, source = "+CGEREP", MANUAL + "3.2"
    test_reply = "+CGEREP: (0-1),(0)"
    mode = Choice(0, 1, doc="0 no reports, 1 reports")
    bfr = Choice(0, default=0, doc="0: what was held back is dropped")
