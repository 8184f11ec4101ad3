"""Quectel's LTE Cat 1 modules of the EC800E kind: line, identity, functionality, clock, sleep settings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.param import Token
from modemsim.at.params import Bits, Choice, Int
from modemsim.at.result import Refusal
from modemsim.commands import ts27007, v250
from modemsim.commands.settings import SettingCommand
from modemsim.ue.module import Ue

GUIDE = "EC800E AEP guide, "
EC2X = "Quectel EC2x AT manual 2.0"
STACK = "AT objects of the vendor's newer stack (EC718)"
HOST = "host firmware for the EC800E-CN"


# ---------------------------------------------------------------- V.250


class AutoAnswer(v250.SRegister):
    """Rings before the module answers a call by itself; kept, without effect on a data module."""

    name, source = "S0", "ITU-T V.250 (07/2003), 6.3.8"
    value = Int(0, 255, doc="rings; 0 never")


class ConnectionTimeout(v250.SRegister):
    """Seconds to wait for a connection; kept, without effect on a data module."""

    name, source = "S7", "ITU-T V.250 (07/2003), 6.3.10"
    value = Int(0, 255, doc="seconds")


class DisconnectDelay(v250.SRegister):
    """Tenths of a second without carrier before hanging up; kept, without effect on a data module."""

    name, source = "S10", "ITU-T V.250 (07/2003), 6.3.12"
    value = Int(1, 254, doc="tenths of a second")


class EscapeGuard(v250.SRegister):
    """Guard time around +++ in fiftieths of a second; kept for data mode."""

    name, source = "S12", EC2X
    value = Int(0, 255, doc="fiftieths of a second")


class CarrierDetect(v250.Letter):
    """What the DCD line shows; kept, a pty has no such line."""

    name, source = "&C", "ITU-T V.250 (07/2003), 6.2.8"
    value = Choice(0, 1, default=1, doc="0 always on, 1 follows the carrier")


class TerminalReady(v250.Letter):
    """What the module does when DTR drops; kept, a pty has no such line."""

    name, source = "&D", "ITU-T V.250 (07/2003), 6.2.9"
    value = Choice(0, 1, 2, default=2, doc="0 nothing, 1 leave data mode, 2 end the connection")


class ViewProfile(Command):
    """Show the host's profile as it is now."""

    name, source, provenance = "&V", EC2X, "inferred"

    def execute(self, ue: Ue) -> list[str]:
        letters = [f"{key}: {ue.settings.get(key)}" for key in ("&C", "&D", "E", "Q", "V", "X")]
        registers = ("S0", "S3", "S4", "S5", "S7", "S10", "S12")
        return letters + [f"{key}: {ue.settings.get(key):03d}" for key in registers]


class FlowControl(SettingCommand):
    """Flow control between host and module: RTS stops the module, CTS the host, where that is asked for."""

    name, source = "+IFC", "ITU-T V.250 (07/2003), 6.2.12"
    dce_by_dte = Choice(0, 2, doc="how the host stops the module: 0 not at all, 2 RTS")
    dte_by_dce = Choice(0, 2, default=0, doc="how the module stops the host: 0 not at all, 2 CTS")


class CharacterFraming(SettingCommand):
    """Bits of a character; kept, the simulated line always has 8 data bits and one stop bit."""

    name, source = "+ICF", "ITU-T V.250 (07/2003), 6.2.11"
    format = Int(1, 6, doc="3: 8 data bits, 1 stop bit")
    parity = Choice(0, 1, default=0, doc="0 odd, 1 even; not looked at without parity")


# ---------------------------------------------------------------- identity


class Gmi(ts27007.Cgmi):
    """Tell the manufacturer."""

    name, source = "+GMI", "ITU-T V.250 (07/2003), 6.1.4"


class Gmm(ts27007.Cgmm):
    """Tell the model."""

    name, source = "+GMM", "ITU-T V.250 (07/2003), 6.1.5"


class Gmr(ts27007.Cgmr):
    """Tell the firmware revision."""

    name, source = "+GMR", "ITU-T V.250 (07/2003), 6.1.6"


class Cgsn(Command):
    """Tell the IMEI, or the serial number."""

    name, source = "+CGSN", GUIDE + "6.1; " + STACK
    write_reply = '+CGSN: "{value}"'
    snt = Choice(0, 1, doc="0 serial number, 1 IMEI")

    def execute(self, ue: Ue) -> str:
        return ue.identity.imei

    def write(self, ue: Ue, snt: int) -> Any:
        return {"value": ue.identity.imei if snt else ue.identity.serial_number}


class Gsn(Command):
    """Tell the IMEI."""

    name, source, test_reply = "+GSN", EC2X, ""

    def execute(self, ue: Ue) -> str:
        return ue.identity.imei


class Egmr(Command):
    """Tell serial number or IMEI as they were written in the factory."""

    name, source, provenance = "+EGMR", HOST, "log"
    write_reply = '+EGMR: "{value}"'
    mode = Choice(0, doc="0 read")
    item = Choice(5, 7, doc="5 serial number, 7 IMEI")

    def write(self, ue: Ue, mode: int, item: int) -> Any:
        return {"value": ue.identity.imei if item == 7 else ue.identity.serial_number}


# ---------------------------------------------------------------- functionality, power, clock


class Cfun(Command):
    """Switch between minimum functionality, full functionality and radio off, or restart the module."""

    name, source = "+CFUN", EC2X
    max_response = 15.0
    delay = "cfun"
    read_reply = "+CFUN: {fun}"
    fun = Choice(0, 1, 4, doc="0 minimum, 1 full, 4 radio off")
    rst = Choice(0, 1, default=0, doc="1: restart the module")

    def read(self, ue: Ue) -> Any:
        return {"fun": ue.access.functionality}

    async def write(self, ue: Ue, fun: int, rst: int) -> Answer | None:
        if rst:
            return Answer(after=lambda: ue.power("reset"))
        before = ue.access.functionality
        await ue.access.set_functionality(fun)
        return Answer(after=ue.startup.radio_back) if fun == 1 and before != 1 else None


class Qpowd(Command):
    """Power the module down; POWERED DOWN follows when it has left the network."""

    name, source = "+QPOWD", EC2X
    max_response = 60.0
    mode = Choice(0, 1, default=1, doc="0 at once without signalling, 1 in good order")

    def execute(self, ue: Ue) -> Answer:
        return self.write(ue, 1)

    def write(self, ue: Ue, mode: int) -> Answer:
        return Answer(after=lambda: ue.power("off" if mode else "cut"))


class Cbc(Command):
    """Tell charge state, charge and supply voltage in millivolts."""

    name, source, provenance = "+CBC", STACK, "inferred"
    test_reply = "+CBC: (0-2),(0-100),<voltage>"
    execute_reply = "+CBC: 0,100,{millivolts}"

    def execute(self, ue: Ue) -> Any:
        return {"millivolts": ue.limit("supply_mv")}


class ShortClock(ts27007.Clock):
    """Date, time and zone as "yy/MM/dd,hh:mm:ss+zz"."""

    def parse(self, token: Token) -> tuple[datetime, int]:
        """The instant and the zone in quarters of an hour."""
        return super().parse(token._replace(text=f"20{token.text}"))


class Cclk(Command):
    """Tell and set the calendar: UTC, or local time with AT+CTZU=3, with the zone beside it."""

    name, source = "+CCLK", "3GPP TS 27.007, 8.15; " + EC2X
    read_reply = '+CCLK: "{now:%y/%m/%d,%H:%M:%S}{zone:+03d}"'
    test_reply = ""
    time = ShortClock(bad="bad_clock", doc='"yy/MM/dd,hh:mm:ss+zz", zz in quarters of an hour')

    def read(self, ue: Ue) -> Any:
        return {"now": ue.calendar.now_utc() + self._ahead(ue), "zone": ue.calendar.zone_quarters}

    def write(self, ue: Ue, time: tuple[datetime, int]) -> None:
        instant, zone = time
        local = timedelta(minutes=15 * zone) if self._local(ue) else timedelta()
        ue.calendar.set(instant - local, zone, synchronised=False)

    def _local(self, ue: Ue) -> bool:
        return bool(ue.settings.get("+CTZU.onoff") == 3)

    def _ahead(self, ue: Ue) -> timedelta:
        return timedelta(minutes=15 * ue.calendar.zone_quarters) if self._local(ue) else timedelta()


class Ctzu(SettingCommand):
    """Let network time set the calendar."""

    name, source = "+CTZU", STACK
    onoff = Choice(0, 1, 3, doc="0 off, 1 UTC, 3 local time")


class Ctzr(SettingCommand):
    """Report the time zone and time the network sends."""

    name, source = "+CTZR", STACK
    reporting = Choice(0, 1, 2, doc="0 off, 1 zone, 2 zone and local time")


class Qlts(Command):
    """Tell the time that the network gave; empty before it gave one."""

    name, source, provenance = "+QLTS", STACK, "inferred"
    write_reply = '+QLTS: "[{now:%Y/%m/%d,%H:%M:%S}{zone:+03d},0]"'
    execute_reply = write_reply
    mode = Choice(0, 1, 2, doc="0 as received, 1 UTC now, 2 local time now")

    def execute(self, ue: Ue) -> Any:
        return self.write(ue, 0)

    def write(self, ue: Ue, mode: int) -> Any:
        clock = ue.calendar
        if not clock.synchronised:
            return {"now": None, "zone": None}
        ahead = timedelta(minutes=15 * clock.zone_quarters) if mode == 2 else timedelta()
        return {"now": clock.now_utc() + ahead, "zone": clock.zone_quarters}


# ---------------------------------------------------------------- sleep settings


class Qsclk(Command):
    """Choose how the module may sleep, and ask the network for power saving."""

    name, source = "+QSCLK", GUIDE + "6.1; " + STACK
    errors = ("surplus_parameter",)
    test_reply = "+QSCLK: (0-3),(1-255),<periodic_TAU_time>,<active_time>"
    mode = Choice(0, 1, 2, 3, doc="0 never, 1 while DTR is high, 2 woken by the line, 3 PSM")
    idle = Int(1, 255, default=None, doc="seconds of silence before; modes 2 and 3")
    tau = Bits(8, default=None, doc="requested T3412, mode 3")
    active = Bits(8, default=None, doc="requested T3324, mode 3")

    def read(self, ue: Ue) -> str:
        mode, *rest = ue.settings.get("+QSCLK.mode")
        shown = [str(mode), *(f'"{one}"' if isinstance(one, str) else str(one) for one in rest)]
        return "+QSCLK: " + ",".join(shown)

    def write(self, ue: Ue, mode: int, idle: int | None, tau: str | None, active: str | None) -> None:
        if (mode < 2 and idle is not None) or (mode < 3 and (tau, active) != (None, None)):
            raise Refusal("surplus_parameter")
        kept: list[int | str] = [mode]
        if mode >= 2:
            kept.append(idle or 5)
        if mode == 3:
            kept += [tau or "00100001", active or "00000001"]
        ue.settings.set("+QSCLK.mode", kept)
        if mode == 3:
            ue.settings.set("+QSCLK.tau", kept[2])
            ue.settings.set("+QSCLK.active", kept[3])
        ue.settings.set("+QSCLK.psm", int(mode == 3))


class Qsclkex(Command):
    """Choose early release of the signalling connection; sleep is switched with it."""

    name, source = "+QSCLKEX", GUIDE + "6.1; " + STACK
    enable = Choice(0, 1, doc="0 off, 1 on")
    idle = Int(1, 50, default=3, doc="seconds without data")
    pause = Int(1, 600, default=30, doc="minutes that it rests after the network objected")

    def read(self, ue: Ue) -> Any:
        return {name: ue.settings.get(f"+QSCLKEX.{name}") for name in self.params}

    def write(self, ue: Ue, enable: int, idle: int, pause: int) -> None:
        for name, value in (("enable", enable), ("idle", idle), ("pause", pause)):
            ue.settings.set(f"+QSCLKEX.{name}", value)
        asleep = ue.settings.get("+QSCLK.mode")[0] != 0
        if bool(enable) is not asleep:
            ue.settings.set("+QSCLK.mode", [enable])
