"""SIMCom's commands on the SIM7020 series: identity, power, clock, hardware and small settings."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.param import Param, Token
from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import ts27007
from modemsim.commands.settings import SettingCommand
from modemsim.commands.simcom_needs import supplied_card, supplied_usim
from modemsim.ue.module import Ue
from modemsim.ue.usim import SimState

MANUAL = "SIM7020 AT manual 1.05, "


class StoredCommand(SettingCommand):
    """Base of AUTO_SAVE_REBOOT settings: the read form tells what a restart will bring into force."""

    def read(self, ue: Ue) -> Any:
        return {name: ue.settings.pending(f"{self.name}.{name}") for name in self.params}


# ---------------------------------------------------------------- identity


class Gmi(ts27007.Cgmi):
    """Tell the manufacturer."""

    name, source = "+GMI", MANUAL + "2.2"


class Gmm(ts27007.Cgmm):
    """Tell the model."""

    name, source = "+GMM", MANUAL + "2.2"


class Gmr(ts27007.Cgmr):
    """Tell the firmware revision."""

    name, source = "+GMR", MANUAL + "2.2"


class Goi(ts27007.Cgmm):
    """Tell the global object identification, which is the model."""

    name, source = "+GOI", MANUAL + "2.2"


class Cgoi(ts27007.Cgmm):
    """Tell the global object identification, which is the model."""

    name, source = "+CGOI", MANUAL + "2.2"


class Gsv(Command):
    """Tell manufacturer, model and firmware revision."""

    name, source = "+GSV", "SIM7020 China Telecom cloud note 1.04, 6.1.3"
    testable = False
    execute_reply = ("{manufacturer}", "{model}", "Revision:{revision}")

    def execute(self, ue: Ue) -> Any:
        return ue.identity.values()


class Cgsn(Command):
    """Tell the IMEI."""

    name, source, test_reply = "+CGSN", MANUAL + "3.2", ""

    def execute(self, ue: Ue) -> str:
        return ue.identity.imei


class Gsn(Cgsn):
    """Tell the IMEI."""

    name, source = "+GSN", MANUAL + "2.2"


class Cimi(Command):
    """Tell the IMSI of the USIM."""

    name, source, test_reply = "+CIMI", MANUAL + "3.2", ""
    max_response = 20.0
    needs, errors = (supplied_usim,), ("no_sim", "sim_off")

    def execute(self, ue: Ue) -> str:
        return ue.usim.imsi


class Ccid(Command):
    """Tell the ICCID of the USIM, without a prefix."""

    name, source, test_reply = "+CCID", MANUAL + "5.2.7", ""
    needs, errors = (supplied_usim,), ("no_sim", "sim_off")

    def execute(self, ue: Ue) -> str:
        return ue.usim.iccid


class Iccid(Ccid):
    """Tell the ICCID of the USIM, without a prefix."""

    name, source = "+ICCID", MANUAL + "5.2.28"


class Cnum(Command):
    """Tell the subscriber number."""

    name, source, test_reply = "+CNUM", MANUAL + "3.2", ""
    needs, errors = (supplied_usim,), ("no_sim", "sim_off")
    execute_reply = '+CNUM: "","{number}",129'

    def execute(self, ue: Ue) -> Any:
        return {"number": ue.profile.words["cnum"]["number"]}


# ---------------------------------------------------------------- USIM


class Cpin(ts27007.Cpin):
    """Tell what the USIM waits for; enter a PIN, or PUK and new PIN."""

    name, source = "+CPIN", MANUAL + "3.2"
    read_needs = (supplied_card,)
    errors = ("no_sim", "sim_off", "sim_state", "wrong_pin")


class Cpinr(Command):
    """Tell how many tries each PIN and PUK has left, and how many there are at most."""

    name, source, test_reply = "+CPINR", MANUAL + "3.2", ""
    needs, errors = (supplied_card,), ("no_sim", "sim_off")
    execute_reply = '+CPINR: "{code}",{left},{most}'

    def execute(self, ue: Ue) -> Any:
        rows = (
            ("SIM PIN", ue.usim.pin_tries, 3),
            ("SIM PUK", 10, 10),
            ("SIM PIN2", 3, 3),
            ("SIM PUK2", 10, 10),
        )
        return [{"code": code, "left": left, "most": most} for code, left, most in rows]


class Csmins(Command):
    """Report when the USIM is put in or taken out; tell whether it is in."""

    name, source = "+CSMINS", MANUAL + "5.2"
    n = Choice(0, 1, doc="0 no reports, 1 reports")
    read_reply = "+CSMINS: {n},{inserted}"

    def read(self, ue: Ue) -> Any:
        inserted = int(ue.usim.state is not SimState.ABSENT)
        return {"n": ue.settings.get("+CSMINS.n"), "inserted": inserted}

    def write(self, ue: Ue, n: int) -> None:
        ue.settings.set("+CSMINS.n", n)


# ---------------------------------------------------------------- power


class Cfun(Command):
    """Switch between minimum and full functionality, radio off and offline, with a restart if asked for."""

    name, source = "+CFUN", MANUAL + "3.2.20"
    max_response = 10.0
    delay = "cfun"
    fun = Choice(0, 1, 4, 7, doc="0 minimum: no radio and no USIM, 1 full, 4 radio off, 7 offline")
    rst = Choice(0, 1, 2, default=0, doc="0 no restart, 1 and 2 restart")
    read_reply = "+CFUN: {fun}"

    def read(self, ue: Ue) -> Any:
        return {"fun": ue.access.functionality}

    async def write(self, ue: Ue, fun: int, rst: int) -> Answer:
        if rst:
            return Answer(after=lambda: ue.power("reset"))
        await ue.change_functionality(fun)
        return Answer()


class Cpowd(Command):
    """Power the module down: in order, with the line that says so for a result, or at once without a word."""

    name, source = "+CPOWD", MANUAL + "5.2"
    n = Choice(0, 1, doc="0 at once, 1 in order")

    def write(self, ue: Ue, n: int) -> Answer:
        return Answer(final=None, after=lambda: ue.power("off" if n else "cut"))


class Creset(Command):
    """Restart the module when the OK has left."""

    name, source, provenance = "+CRESET", MANUAL + "5.2", "inferred"
    test_reply = ""

    def execute(self, ue: Ue) -> Answer:
        return Answer(after=lambda: ue.power("reset"))


class Cbc(Command):
    """Tell charge in percent and supply voltage in millivolts."""

    name, source = "+CBC", MANUAL + "3.2"
    test_reply = "+CBC: (0-100),(voltage)"
    execute_reply = "+CBC: {percent},{millivolts}"

    def execute(self, ue: Ue) -> Any:
        return {"percent": ue.limit("battery_percent"), "millivolts": ue.limit("supply_mv")}


class Cadc(Command):
    """Tell the voltage at the ADC pin in millivolts; nothing is connected to it here."""

    name, source, test_reply = "+CADC", MANUAL + "5.2", "+CADC: (0,1),(0-1400)"
    max_response = 2.0
    read_reply = "+CADC: 1,{millivolts}"

    def read(self, ue: Ue) -> Any:
        return {"millivolts": ue.limit("adc_mv")}


# ---------------------------------------------------------------- clock


class Clock(Param):
    """Date, time and zone as "yy/MM/dd,hh:mm:ss+zz"; the zone in quarters of an hour."""

    textual = True

    def parse(self, token: Token) -> tuple[datetime, int]:
        """The instant as written and the zone in quarters of an hour."""
        match = re.fullmatch(r"(\d\d/\d\d/\d\d,\d\d:\d\d:\d\d)([+-]\d\d)", token.text)
        try:
            if match is None or not -48 <= int(match[2]) <= 56:
                raise ValueError(token.text)
            moment = datetime.strptime("20" + match[1], "%Y/%m/%d,%H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            raise Refusal(self.bad) from None
        return moment, int(match[2])


class Cclk(Command):
    """Tell and set the calendar: local time without quotes, or UTC where AT+CURTC=0 asks for it."""

    name, source = "+CCLK", MANUAL + "3.2.21"
    test_reply = ""
    read_reply = "+CCLK: {now:%y/%m/%d,%H:%M:%S}{zone:+03d}"
    time = Clock(doc='"yy/MM/dd,hh:mm:ss+zz", zz in quarters of an hour')

    def read(self, ue: Ue) -> Any:
        zone = ue.calendar.zone_quarters
        return {"now": ue.calendar.now_utc() + self._shift(ue, zone), "zone": zone}

    def write(self, ue: Ue, time: tuple[datetime, int]) -> None:
        moment, zone = time
        ue.calendar.set(moment - self._shift(ue, zone), zone, synchronised=False)

    def _shift(self, ue: Ue, zone: int) -> timedelta:
        return timedelta(minutes=15 * zone) if ue.settings.get("+CURTC.mode") else timedelta()


class Curtc(SettingCommand):
    """Choose whether AT+CCLK shows UTC or the local time of the clock."""

    name, source = "+CURTC", MANUAL + "5.2"
    mode = Choice(0, 1, doc="0 UTC, 1 local time")


class Clts(StoredCommand):
    """Let network time set the calendar and report it; takes effect after a restart."""

    name, source = "+CLTS", MANUAL + "5.2"
    mode = Choice(0, 1, doc="0 off, 1 on")


# ---------------------------------------------------------------- hardware and small settings


class Crevhex(SettingCommand):
    """How data from the network is shown, and how messages of MQTT are written."""

    name, source = "+CREVHEX", MANUAL + "5.2"
    mode = Choice(0, 1, doc="0 as it is, 1 hex digits")


class Sleds(Command):
    """Tell and set how the network LED blinks in each state; kept, there is no LED."""

    name, source, provenance = "+SLEDS", MANUAL + "5.2", "inferred"
    mode = Choice(1, 2, 3, doc="1 not registered, 2 registered, 3 data")
    on = Int(0, 65535, doc="milliseconds on")
    off = Int(0, 65535, doc="milliseconds off")

    def read(self, ue: Ue) -> Any:
        return [{"mode": m, "on": on, "off": off} for m, (on, off) in self._times(ue).items()]

    def write(self, ue: Ue, mode: int, on: int, off: int) -> None:
        times = {str(m): list(value) for m, value in self._times(ue).items()}
        ue.settings.set("+SLEDS.times", {**times, str(mode): [on, off]})

    def _times(self, ue: Ue) -> dict[int, list[int]]:
        return {int(mode): list(times) for mode, times in ue.settings.get("+SLEDS.times").items()}


class Cnetlight(SettingCommand):
    """Switch the network LED on or off; kept, there is no LED."""

    name, source = "+CNETLIGHT", MANUAL + "5.2"
    mode = Choice(0, 1, doc="0 off, 1 on")


class Cgpio(Command):
    """Set or read a pin; a level is kept for its pin, an input that nobody set is low."""

    name, source, provenance = "+CGPIO", MANUAL + "5.2", "inferred"
    write_reply = "+CGPIO: {pin},{level}"
    operation = Choice(0, 1, doc="0 set, 1 read")
    pin = Int(0, 36, doc="number of the pin")
    function = Choice(0, 1, default=None, doc="0 input, 1 output")
    level = Choice(0, 1, default=None, doc="level of an output")

    def write(self, ue: Ue, operation: int, pin: int, function: int | None, level: int | None) -> Any:
        levels = dict(ue.settings.get("+CGPIO.levels"))
        if operation:
            return {"pin": pin, "level": levels.get(str(pin), 0)}
        ue.settings.set("+CGPIO.levels", {**levels, str(pin): level or 0})
        return None


class Cfgri(SettingCommand):
    """Choose when the RI line pulses; kept, a pty has no such line."""

    name, source = "+CFGRI", MANUAL + "5.2.31"
    status = Choice(0, 1, 2, doc="0 never, 1 on URCs and messages, 2 on messages")


class Cbatchk(SettingCommand):
    """Watch the supply voltage; kept, the simulated supply is always good."""

    name, source = "+CBATCHK", MANUAL + "5.2"
    mode = Choice(0, 1, doc="0 off, 1 on")


class Exunsol(Command):
    """Report changes of the signal quality by themselves."""

    name, source = "+EXUNSOL", MANUAL + "5.2"
    test_reply = '+EXUNSOL: ("SQ"),(0-2)'
    write_reply = "+EXUNSOL: {mode}"
    item = Text(4, doc="SQ, signal quality")
    mode = Choice(0, 1, 2, doc="0 no reports, 1 reports, 2 tell which")
    errors = ("bad_value",)

    def write(self, ue: Ue, item: str, mode: int) -> Any:
        if item.upper() != "SQ":
            raise Refusal("bad_value")
        if mode == 2:
            return {"mode": ue.settings.get("+EXUNSOL.SQ")}
        ue.settings.set("+EXUNSOL.SQ", mode)
        return None
