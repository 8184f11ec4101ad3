"""The Neul family's view of the network (Hi2115 modules): registration, cell, bearers, power saving, ping."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.params import Address, Bits, Choice, Ignored, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs, neul_needs
from modemsim.commands.neul import COMMANDS, LIST, LOGS
from modemsim.commands.settings import SettingCommand
from modemsim.commands.sockets_common import PING, begin
from modemsim.net.ping import ping
from modemsim.ue.module import Ue

TS27007 = "3GPP TS 27.007, "
_FORGET = 3
_EDRX = {"value": "+CEDRXS.value", "window": "+NPTWEDRXS.window"}


class Cfun(Command):
    """Switch the radio on or off; leaving the network takes seconds, joining goes on behind the OK."""

    name, source = "+CFUN", LOGS
    max_response = 85.0
    delay = "cfun"
    fun = Choice(0, 1, doc="0 minimum functionality, 1 full functionality")

    def read(self, ue: Ue) -> Any:
        return {"fun": ue.access.functionality}

    async def write(self, ue: Ue, fun: int) -> None:
        if fun and not ue.access.functionality:
            ue.publish("functionality.full")
        await ue.access.set_functionality(fun)


class Cereg(SettingCommand):
    """Tell the EPS registration and choose how much of it is reported by itself."""

    name, source = "+CEREG", LOGS
    read_reply = "+CEREG: {n},{stat}[,{tac},{ci},{act}][,{cause_type},{cause}][,{timers}]"
    n = Int(0, 5, doc="0 none, 1 state, 2 and cell, 3 and cause, 4 and timers, 5 all")

    def read(self, ue: Ue) -> Any:
        n = ue.settings.get("+CEREG.n")
        place = ue.access.registration()
        fields = dict.fromkeys(("tac", "ci", "act", "cause_type", "cause", "timers"))
        shown: dict[str, Any] = {**fields, "n": n, "stat": place["stat"]}
        if n >= 2:
            shown |= {"tac": place["tac"] or "0000", "ci": place["ci"] or "00000000", "act": 9}
        if n in (3, 5):
            shown |= {"cause_type": place["cause_type"], "cause": place["cause"]}
        if n >= 4:
            shown["timers"] = f"{place['active'] or ''},{place['tau'] or ''}"
            shown |= {name: "" for name in ("cause_type", "cause") if shown[name] is None}
        return shown

    def write(self, ue: Ue, **values: Any) -> Any:
        super().write(ue, **values)
        if not ue.access.searching:
            return None
        report = {"stat": ue.radio.emm.stat, "tac": None, "ci": None, "act": None, "reject": None,
                  "saving": ue.radio.saving}  # fmt: skip
        return Answer(after=lambda: ue.publish("emm", **report))


class Crtdcp(SettingCommand):
    """Report data that comes over the control plane; the simulated network sends none that way."""

    name, source = "+CRTDCP", LIST
    reporting = Choice(0, 1, doc="0 off, 1 on")


class Cnmpsd(Command):
    """Say that the host has no more data: the network releases the signalling connection soon."""

    name, source, test_reply = "+CNMPSD", LIST, ""

    def execute(self, ue: Ue) -> None:
        ue.radio.activity(1)


class Ceer(Command):
    """Tell the last cause of a failure; a bare OK when there is none."""

    name, source, test_reply = "+CEER", LOGS, ""
    execute_reply = "+CEER: {cause}"

    def execute(self, ue: Ue) -> Any:
        return None if ue.radio.reject is None else {"cause": ue.radio.reject}


class Cclk(Command):
    """Tell the calendar in UTC, with the zone beside it; a bare OK before the network gave the time."""

    name, source, test_reply = "+CCLK", LOGS, ""
    read_reply = "+CCLK: {now:%y/%m/%d,%H:%M:%S}{zone:+03d}"

    def read(self, ue: Ue) -> Any:
        calendar = ue.calendar
        return {"now": calendar.now_utc(), "zone": calendar.zone_quarters} if calendar.synchronised else None


class Nband(Command):
    """Tell and choose the bands the module searches, in order of priority; only while the radio is off."""

    name, source = "+NBAND", LOGS
    needs, errors = (neul_needs.radio_off,), ("radio_on", "bad_value")
    test_needs = ()
    first = Int(1, 88, doc="first choice")
    second = Int(1, 88, optional=True, doc="second choice")
    third = Int(1, 88, optional=True, doc="third choice")
    fourth = Int(1, 88, optional=True, doc="fourth choice")
    fifth = Int(1, 88, optional=True, doc="fifth choice")
    sixth = Int(1, 88, optional=True, doc="sixth choice")

    def test(self, ue: Ue) -> str:
        return "+NBAND: ({})".format(",".join(map(str, ue.settings.default("+NBAND.bands"))))

    def read(self, ue: Ue) -> str:
        return "+NBAND: " + ",".join(map(str, ue.settings.get("+NBAND.bands")))

    def write(self, ue: Ue, **choices: int | None) -> None:
        bands = [band for band in choices.values() if band is not None]
        if len(set(bands)) != len(bands) or not set(bands) <= set(ue.settings.default("+NBAND.bands")):
            raise Refusal("bad_value")
        ue.access.choose_bands(bands)


class Nearfcn(Command):
    """Hold the module to one channel, and to one cell on it, until the next restart."""

    name, source, test_reply = "+NEARFCN", LIST, "+NEARFCN: (0),(0-262143),(0-1F7)"
    needs, errors = (neul_needs.radio_off,), ("radio_on", "bad_value")
    search_mode = Choice(0, doc="0: one channel")
    earfcn = Int(0, 262143, default=-1, doc="channel; without it the module is free again")
    pci = Text(3, min_length=1, default=None, doc="physical cell id in hexadecimal digits")

    def write(self, ue: Ue, search_mode: int, earfcn: int, pci: str | None) -> None:
        if pci is not None and (pci.strip("0123456789abcdefABCDEF") or int(pci, 16) > 0x1F7):
            raise Refusal("bad_value")
        ue.settings.set("+NEARFCN.earfcn", earfcn)


class Ncsearfcn(Command):
    """Forget the channels found earlier: the next search goes through all of them."""

    name, source, test_reply = "+NCSEARFCN", COMMANDS, ""
    needs, errors = (neul_needs.radio_off,), ("radio_on",)

    def execute(self, ue: Ue) -> None:
        ue.radio.full_search = True


class Cpsms(Command):
    """Ask the network for power saving with these timers."""

    name, source = "+CPSMS", LOGS
    read_reply = "+CPSMS: {mode}[,,,{tau},{active}]"
    mode = Choice(0, 1, doc="0 off, 1 on")
    periodic_rau = Ignored(doc="not for LTE")
    gprs_ready_timer = Ignored(doc="not for LTE")
    tau = Bits(8, default=None, doc="periodic TAU timer T3412 as coded in 3GPP TS 24.008")
    active = Bits(8, default=None, doc="active time T3324 as coded in 3GPP TS 24.008")

    def read(self, ue: Ue) -> Any:
        mode = ue.settings.get("+CPSMS.mode")
        timers = {name: ue.settings.get(f"+CPSMS.{name}") if mode else None for name in ("tau", "active")}
        return {"mode": mode, **timers}

    def write(self, ue: Ue, **values: Any) -> None:
        for name, value in values.items():
            if value is not None:
                ue.settings.set(f"+CPSMS.{name}", value)


def _ask_edrx(ue: Ue, mode: int, **values: str | None) -> None:
    """Keep what of cycle and window is given; mode 3 forgets it (3GPP TS 27.007 7.40)."""
    for name, value in values.items():
        key = _EDRX[name]
        if mode == _FORGET:
            ue.settings.set(key, ue.settings.default(key))
        elif value is not None:
            ue.settings.set(key, value)
    ue.settings.set("+CEDRXS.mode", 0 if mode == _FORGET else mode)


class Cedrxs(Command):
    """Ask the network for extended discontinuous reception."""

    name, source = "+CEDRXS", LOGS
    read_reply = '+CEDRXS: 5,"{value}"'
    mode = Choice(0, 1, 2, 3, doc="0 off, 1 on, 2 on with reports, 3 off and back to the factory value")
    act_type = Choice(5, doc="5: NB-IoT")
    value = Bits(4, default=None, doc="cycle as coded in 3GPP TS 24.008")

    def read(self, ue: Ue) -> Any:
        return {"value": ue.settings.get("+CEDRXS.value")}

    def write(self, ue: Ue, mode: int, act_type: int, value: str | None) -> None:
        _ask_edrx(ue, mode, value=value)


class Nptwedrxs(Command):
    """Ask the network for extended discontinuous reception with a paging time window."""

    name, source = "+NPTWEDRXS", LOGS
    read_reply = '+NPTWEDRXS: 5,"{window}","{value}"'
    mode = Choice(0, 1, 2, 3, doc="0 off, 1 on, 2 on with reports, 3 off and back to the factory values")
    act_type = Choice(5, doc="5: NB-IoT")
    window = Bits(4, default=None, doc="paging time window as coded in 3GPP TS 24.008")
    value = Bits(4, default=None, doc="cycle as coded in 3GPP TS 24.008")

    def read(self, ue: Ue) -> Any:
        return {"window": ue.settings.get("+NPTWEDRXS.window"), "value": ue.settings.get("+CEDRXS.value")}

    def write(self, ue: Ue, mode: int, act_type: int, window: str | None, value: str | None) -> None:
        _ask_edrx(ue, mode, window=window, value=value)


class Npsmr(SettingCommand):
    """Report entering and leaving power saving; the read form tells whether it is entered."""

    name, source = "+NPSMR", LOGS
    read_reply = "+NPSMR: {n}[,{mode}]"
    n = Choice(0, 1, doc="0 no reports, 1 reports")

    def read(self, ue: Ue) -> Any:
        n = ue.settings.get("+NPSMR.n")
        return {"n": n, "mode": int(ue.radio.asleep) if n else None}


class Nping(Command):
    """Send one ICMP echo request; a line behind the OK tells answer or failure."""

    name, source = "+NPING", LOGS
    needs, errors = (neul_needs.radio_on, needs.attached), ("radio_off", "no_network", "busy")
    test_reply = "+NPING: <remote_address>,(12-1500),(10-1000000)"
    remote_address = Address(40, names=False, doc="IP address")
    p_size = Int(12, 1500, default=12, doc="bytes")
    timeout = Int(10, 1_000_000, default=10_000, doc="milliseconds")

    def write(self, ue: Ue, remote_address: str, p_size: int, timeout: int) -> None:
        begin(ue, PING, "busy")
        ue.spawn(self._ping(ue, remote_address, timeout / 1000))

    async def _ping(self, ue: Ue, host: str, seconds: float) -> None:
        try:
            echo = await ping(ue.radio, ue.routes, host, seconds)
        except ConnectionError:
            ue.publish("ping.failed", reason=2)
            return
        finally:
            ue.sockets.jobs.discard(PING)
        if echo is not None:
            ue.publish("ping.answered", host=host, ttl=echo.ttl, rtt=echo.rtt)
            return
        if not ue.routes.answers(host):
            ue.bearer.note(
                "lost", direction="uplink", peer=host, reason="ICMP leaves by declared routes only"
            )
        ue.publish("ping.failed", reason=1)
