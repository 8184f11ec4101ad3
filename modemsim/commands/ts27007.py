"""3GPP TS 27.007: identity, status, registration and the default bearer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from modemsim.at.command import Command
from modemsim.at.param import Param, Token
from modemsim.at.params import Choice, Ignored, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.radio.rrc import Rrc
from modemsim.ue.module import Ue

TS27007 = "3GPP TS 27.007, "


class Cgmi(Command):
    """Tell the manufacturer."""

    name, source, test_reply = "+CGMI", TS27007 + "5.1", ""
    execute_reply = "{manufacturer}"

    def execute(self, ue: Ue) -> Any:
        return ue.identity.values()


class Cgmm(Command):
    """Tell the model."""

    name, source, test_reply = "+CGMM", TS27007 + "5.2", ""
    execute_reply = "{model}"

    def execute(self, ue: Ue) -> Any:
        return ue.identity.values()


class Cgmr(Command):
    """Tell the firmware revision."""

    name, source, test_reply = "+CGMR", TS27007 + "5.3", ""
    execute_reply = "{revision}"

    def execute(self, ue: Ue) -> Any:
        return ue.identity.values()


class Cgsn(Command):
    """Tell serial number, IMEI, IMEISV or software version number."""

    name, source = "+CGSN", TS27007 + "5.4"
    write_reply = "+CGSN: {value}"
    snt = Choice(0, 1, 2, 3, default=0, doc="0 serial number, 1 IMEI, 2 IMEISV, 3 SVN")

    def execute(self, ue: Ue) -> str:
        return ue.identity.serial_number

    def write(self, ue: Ue, snt: int) -> Any:
        me = ue.identity
        if snt == 0:
            return me.serial_number
        return {"value": (me.imei, me.imeisv, me.svn)[snt - 1]}


class Cimi(Command):
    """Tell the IMSI of the USIM."""

    name, source, test_reply = "+CIMI", TS27007 + "5.6", ""
    needs, errors = (needs.usim,), ("no_sim",)

    def execute(self, ue: Ue) -> str:
        return ue.usim.imsi


class Cpin(Command):
    """Tell what the USIM waits for; enter a PIN, or PUK and new PIN."""

    name, source = "+CPIN", TS27007 + "8.3"
    max_response = 5.0
    read_needs = (needs.card,)
    errors: ClassVar[tuple[str, ...]] = ("no_sim", "sim_state", "wrong_pin")
    read_reply = "+CPIN: {state}"
    pin = Text(8, doc="PIN, or PUK when the PIN is blocked")
    new_pin = Text(8, default=None, doc="new PIN, with a PUK")

    def read(self, ue: Ue) -> Any:
        return {"state": ue.usim.state.value}

    def write(self, ue: Ue, pin: str, new_pin: str | None) -> None:
        needs.card(ue)
        if ue.usim.ready:
            raise Refusal("sim_state")
        if not ue.usim.unlock(pin, new_pin):
            raise Refusal("wrong_pin")


class Cmee(SettingCommand):
    """How errors are reported: ERROR, error number or error text."""

    name, source, group = "+CMEE", TS27007 + "9.1", "cmee"
    n = Choice(0, 1, 2, default=0, doc="0 ERROR, 1 number, 2 text")


class Cfun(Command):
    """Switch between minimum functionality, full functionality and radio off."""

    name, source = "+CFUN", TS27007 + "8.2"
    max_response = 25.0
    delay = "cfun"
    fun = Choice(0, 1, 4, doc="0 minimum, 1 full, 4 radio off")
    rst = Choice(0, default=0, doc="0: no reset before")
    read_reply = "+CFUN: {fun}"

    def read(self, ue: Ue) -> Any:
        return {"fun": ue.access.functionality}

    async def write(self, ue: Ue, fun: int, rst: int) -> None:
        await ue.access.set_functionality(fun)


class Csq(Command):
    """Tell signal quality: RSSI index and bit error rate."""

    name, source = "+CSQ", TS27007 + "8.5"
    test_reply = "+CSQ: (0-31,99),(0-7,99)"
    execute_reply = "+CSQ: {rssi},{ber}"

    def execute(self, ue: Ue) -> Any:
        signal = ue.radio.signal()
        return {"rssi": signal.rssi_index, "ber": signal.ber}


class Cesq(Command):
    """Tell extended signal quality; an NB-IoT module knows RSRQ and RSRP only."""

    name, source = "+CESQ", TS27007 + "8.69"
    test_reply = "+CESQ: (99),(99),(255),(255),(0-34,255),(0-97,255)"
    execute_reply = "+CESQ: 99,99,255,255,{rsrq},{rsrp}"

    def execute(self, ue: Ue) -> Any:
        signal = ue.radio.signal()
        return {"rsrq": signal.rsrq_index, "rsrp": signal.rsrp_index}


class Cereg(SettingCommand):
    """Tell the EPS registration and choose how much of it is reported by itself."""

    name, source = "+CEREG", TS27007 + "10.1.22"
    read_reply = '+CEREG: {n},{stat}[,"{tac}","{ci}",{act}][,,,,{cause_type},{cause}][,,,"{active}","{tau}"]'
    n = Int(0, 5, default=0, doc="0 none, 1 state, 2 and cell, 3 and cause, 4 and timers, 5 all")

    def read(self, ue: Ue) -> Any:
        n = ue.settings.get("+CEREG.n")
        place = ue.access.registration()
        if n < 2:
            place = {"stat": place["stat"]}
        if n not in (3, 5):
            place.update(cause_type=None, cause=None)
        if n < 4:
            place.update(active=None, tau=None)
        return {"tac": None, "ci": None, "act": None, "cause_type": None, "cause": None, "active": None,
                "tau": None, **place, "n": n}  # fmt: skip


class Cscon(SettingCommand):
    """Tell the signalling connection (RRC) and report its changes."""

    name, source = "+CSCON", TS27007 + "10.1.30"
    read_reply = "+CSCON: {n},{mode}"
    n = Choice(0, 1, default=0, doc="0 no reports, 1 reports")

    def read(self, ue: Ue) -> Any:
        return {"n": ue.settings.get("+CSCON.n"), "mode": int(ue.radio.rrc is Rrc.CONNECTED)}


class Cgatt(Command):
    """Attach to or detach from the packet service; the read form tells whether there is an address."""

    name, source = "+CGATT", TS27007 + "10.1.9"
    max_response = 70.0
    needs, errors = (needs.full_functionality,), ("not_allowed",)
    state = Choice(0, 1, doc="0 detach, 1 attach")

    def read(self, ue: Ue) -> Any:
        return {"state": int(ue.radio.ip is not None)}

    async def write(self, ue: Ue, state: int) -> None:
        if state:
            ue.radio.start_attach()
        else:
            await ue.radio.detach()


class Cops(Command):
    """Choose and tell the operator."""

    name, source = "+COPS", TS27007 + "7.3"
    max_response = 305.0
    needs, errors = (needs.full_functionality,), ("not_allowed", "no_network")
    read_reply = '+COPS: {mode}[,{format},"{operator}",{act}]'
    mode = Choice(0, 1, 2, 3, doc="0 automatic, 1 manual, 2 deregister, 3 set the format only")
    format = Choice(0, 1, 2, default=None, doc="0 long name, 1 short name, 2 number")
    operator = Text(24, default=None, doc="operator in that format")
    act = Int(9, 9, default=None, doc="access technology: 9 NB-IoT")

    async def test(self, ue: Ue) -> str:
        found = await ue.access.scan()
        listed = "".join(f'({stat},"{long}","{short}","{number}",9),' for stat, long, short, number in found)
        return f"+COPS: {listed},(0,1,2,3),(0,1,2)"

    def read(self, ue: Ue) -> Any:
        names = ue.access.operator_names() if ue.radio.attached else None
        form = ue.settings.get("+COPS.format")
        return {"mode": ue.settings.get("+COPS.mode"), "format": form if names else None,
                "operator": names and names[form], "act": 9}  # fmt: skip

    async def write(
        self, ue: Ue, mode: int, format: int | None, operator: str | None, act: int | None
    ) -> None:
        if (mode == 1) != (operator is not None) or (mode == 3 and format is None):
            raise Refusal("bad_value")
        if format is not None:
            ue.settings.set("+COPS.format", format)
        if mode != 3 and not await ue.access.choose_operator(mode, operator):
            raise Refusal("no_network")


class Cgpaddr(Command):
    """Tell the address of each bearer."""

    name, source = "+CGPADDR", TS27007 + "10.1.14"
    test_reply = "+CGPADDR: (0)"
    read_reply = execute_reply = write_reply = '+CGPADDR: {cid}[,"{address}"]'
    cid = Int(0, 10, doc="bearer; 0 is the default bearer")

    def read(self, ue: Ue) -> Any:
        return self.execute(ue)

    def execute(self, ue: Ue) -> Any:
        return [{"cid": cid, "address": ue.radio.ip if cid == 0 else None} for cid in ue.access.contexts()]

    def write(self, ue: Ue, cid: int) -> Any:
        return [line for line in self.execute(ue) if line["cid"] == cid]


class Cgdcont(Command):
    """Define a bearer context; context 0 is the default bearer of the attach."""

    name, source = "+CGDCONT", TS27007 + "10.1.1"
    test_reply = '+CGDCONT: (0-10),("IP","IPV6","IPV4V6","Non-IP"),,,,'
    read_reply = '+CGDCONT: {cid},"{type}","{apn}"[,"{address}"]'
    errors = ("bad_value",)
    cid = Int(0, 10, doc="context")
    pdp_type = Text(8, default=None, doc="IP, IPV6, IPV4V6 or Non-IP; without it the context is removed")
    apn = Text(100, default="", doc="access point name")
    address = Ignored(doc="given by the network")
    d_comp = Ignored(doc="data compression")
    h_comp = Ignored(doc="header compression")

    def read(self, ue: Ue) -> Any:
        return [
            {"cid": cid, "type": kind, "apn": apn, "address": ue.radio.ip if cid == 0 else None}
            for cid, (kind, apn) in sorted(ue.access.contexts().items())
        ]

    def write(self, ue: Ue, cid: int, pdp_type: str | None, apn: str) -> None:
        kinds = {kind.upper(): kind for kind in ("IP", "IPV6", "IPV4V6", "Non-IP")}
        if pdp_type is not None and pdp_type.upper() not in kinds:
            raise Refusal("bad_value")
        ue.access.define_context(cid, (kinds[pdp_type.upper()], apn) if pdp_type is not None else None)


class Cgact(Command):
    """Activate or deactivate a bearer; the last one cannot be deactivated."""

    name, source = "+CGACT", TS27007 + "10.1.10"
    max_response = 70.0
    needs, errors = (needs.attached,), ("no_network", "unknown_context", "last_bearer", "not_allowed")
    state = Choice(0, 1, doc="0 deactivate, 1 activate")
    cid = Int(0, 10, doc="bearer")
    test_reply = "+CGACT: (0,1)"
    read_reply = "+CGACT: {cid},{state}"

    def read(self, ue: Ue) -> Any:
        return [
            {"cid": cid, "state": int(cid == 0 and ue.radio.ip is not None)} for cid in ue.access.contexts()
        ]

    def write(self, ue: Ue, state: int, cid: int) -> None:
        if cid not in ue.access.contexts():
            raise Refusal("unknown_context")
        if cid == 0 and not state:
            raise Refusal("last_bearer")
        if cid != 0 and state:
            raise Refusal("not_allowed")


class Clock(Param):
    """Date, time and zone as "yyyy/MM/dd,hh:mm:ss+zz"; the zone in quarters of an hour, its sign required."""

    textual = True

    def parse(self, token: Token) -> tuple[datetime, int]:
        """The instant in UTC and the zone in quarters of an hour."""
        match = re.fullmatch(r"(.*)([+-]\d\d)", token.text)
        try:
            if match is None or abs(int(match[2])) > 96:
                raise ValueError(token.text)
            moment = datetime.strptime(match[1], "%Y/%m/%d,%H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            raise Refusal(self.bad) from None
        if not 2000 <= moment.year <= 2099:
            raise Refusal(self.bad)
        return moment, int(match[2])


class Cclk(Command):
    """Tell and set the calendar; it shows UTC, with the zone beside it."""

    name, source = "+CCLK", TS27007 + "8.15"
    read_reply = '+CCLK: "{now:%Y/%m/%d,%H:%M:%S}{zone:+03d}"'
    test_reply = ""
    time = Clock(bad="bad_clock", doc='"yyyy/MM/dd,hh:mm:ss+zz", zz in quarters of an hour')

    def read(self, ue: Ue) -> Any:
        return {"now": ue.calendar.now_utc(), "zone": ue.calendar.zone_quarters}

    def write(self, ue: Ue, time: tuple[datetime, int]) -> None:
        ue.calendar.set(*time, synchronised=False)


class Ctzu(SettingCommand):
    """Let network time set the calendar."""

    name, source = "+CTZU", TS27007 + "8.40"
    onoff = Choice(0, 1, doc="0 off, 1 on")


class Ctzr(SettingCommand):
    """Report the time zone and time the network sends."""

    name, source = "+CTZR", TS27007 + "8.41"
    reporting = Choice(0, 1, 2, 3, doc="0 off, 1 zone, 2 zone and local time, 3 zone and UTC")


class Clac(Command):
    """List the commands the module has."""

    name, source, test_reply = "+CLAC", TS27007 + "8.37", ""

    def execute(self, ue: Ue) -> list[str]:
        return [f"AT{command.name}" for command in ue.catalogue]
