"""Quectel's own commands on NB-IoT modules: identity, cell, bands, sleep setting, restart."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.ue.module import Ue

NOTES = "replies of real BC260Y-CN modules"
SIBLING = "BC660K-GL replies"


class Qccid(Command):
    """Tell the ICCID of the USIM."""

    name, source, test_reply = "+QCCID", SIBLING, ""
    needs, errors = (needs.usim,), ("no_sim",)
    execute_reply = "+QCCID: {iccid}"

    def execute(self, ue: Ue) -> Any:
        return {"iccid": ue.usim.iccid}


class Qband(Command):
    """Tell and choose the bands the module searches, in that order; a change makes it search again."""

    name, source = "+QBAND", NOTES
    max_response = 25.0
    errors = ("bad_value",)
    count = Int(0, 3, doc="how many bands follow; 0 stands for all")
    first = Int(1, 88, optional=True, doc="first choice")
    second = Int(1, 88, optional=True, doc="second choice")
    third = Int(1, 88, optional=True, doc="third choice")

    def read(self, ue: Ue) -> str:
        return "+QBAND: " + ",".join(map(str, ue.access.bands))

    def write(self, ue: Ue, count: int, first: int | None, second: int | None, third: int | None) -> None:
        chosen = [band for band in (first, second, third) if band is not None]
        if count != len(chosen) or len(set(chosen)) != len(chosen):
            raise Refusal("bad_value")
        ue.access.choose_bands(chosen)


class Qeng(Command):
    """Tell figures of the serving cell; a bare OK when the module is on no cell."""

    name, source = "+QENG", SIBLING
    test_reply = "+QENG: (0)"
    mode = Choice(0, doc="0 serving cell")
    write_reply = (
        '+QENG: 0,{earfcn},0,{pci},"{cell}",{rsrp},{rsrq},{rssi},{sinr},{band},"{tac}",{ecl},{tx_power},2'
    )

    def write(self, ue: Ue, mode: int) -> Any:
        return ue.access.serving_cell()


class Qcgdefcont(Command):
    """Tell and choose type and access point of the default bearer; takes effect at the next attach."""

    name, source = "+QCGDEFCONT", SIBLING
    errors = ("bad_value",)
    read_reply = '+QCGDEFCONT: "{type}","{apn}"'
    pdp_type = Text(8, doc="IP, IPV6, IPV4V6, PPP or Non-IP")
    apn = Text(100, default="", doc="access point name")
    username = Text(64, default="", doc="user name")
    password = Text(64, default="", doc="password")

    def read(self, ue: Ue) -> Any:
        kind, apn = ue.access.contexts()[0]
        return {"type": kind, "apn": apn}

    def write(self, ue: Ue, pdp_type: str, apn: str, username: str, password: str) -> None:
        kinds = {kind.upper(): kind for kind in ("IP", "IPV6", "IPV4V6", "PPP", "Non-IP")}
        if pdp_type.upper() not in kinds:
            raise Refusal("bad_value")
        ue.access.define_context(0, (kinds[pdp_type.upper()], apn or ue.access.contexts()[0][1]))


class Qsclk(SettingCommand):
    """Allow the chip to sleep."""

    name, source = "+QSCLK", "BC260Y CT guide 1.1, 4.1.2"
    n = Choice(0, 1, 2, doc="0 never, 1 light and deep sleep, 2 light sleep only")


class Qnbiotevent(Command):
    """Report when the module enters and leaves power saving mode."""

    name, source = "+QNBIOTEVENT", SIBLING
    read_reply = "+QNBIOTEVENT: {enable},1"
    enable = Choice(0, 1, doc="0 no reports, 1 reports")
    event = Choice(1, default=1, doc="1 power saving mode")

    def read(self, ue: Ue) -> Any:
        return {"enable": ue.settings.get("+QNBIOTEVENT.enable")}

    def write(self, ue: Ue, enable: int, event: int) -> None:
        ue.settings.set("+QNBIOTEVENT.enable", enable)


class Qcfg(Command):
    """Tell and set extended configuration items by name."""

    name, source = "+QCFG", SIBLING
    errors = ("unknown_item", "bad_value")
    testable = False
    item = Text(32, doc="name of the item")
    value = Int(0, 6_000_000, default=None, doc="new value; without it the value is told")

    RANGES = {
        "dsevent": range(2),
        "wakeupRXD": range(2),
        "slplocktimes": range(31),
        "epco": range(2),
        "logbaudrate": (115200, 921600, 2_000_000, 3_000_000, 6_000_000),
    }

    def read(self, ue: Ue) -> list[str]:
        return [f'+QCFG: "{item}",{ue.settings.get(f"+QCFG.{item}")}' for item in self.RANGES]

    def write(self, ue: Ue, item: str, value: int | None) -> Any:
        names = {known.lower(): known for known in self.RANGES}
        known = names.get(item.lower())
        if known is None:
            raise Refusal("unknown_item")
        if value is None:
            return f'+QCFG: "{known}",{ue.settings.get(f"+QCFG.{known}")}'
        if value not in self.RANGES[known]:
            raise Refusal("bad_value")
        ue.settings.set(f"+QCFG.{known}", value)
        return None


class Qplmns(Command):
    """Tell how far the search for a network is."""

    name, source = "+QPLMNS", "module-side source of a BC260Y imitation"
    testable = False
    read_reply = "+QPLMNS: {state}"

    def read(self, ue: Ue) -> Any:
        if ue.radio.attached:
            return {"state": 2}
        return {"state": 1 if ue.access.searching else 0}


class Qrst(Command):
    """Restart the module when the OK has left."""

    name, source = "+QRST", NOTES
    test_reply = "+QRST: (1)"
    mode = Choice(1, doc="1 restart")

    def write(self, ue: Ue, mode: int) -> Answer:
        return Answer(after=lambda: ue.power("reset"))


class Qpowd(Command):
    """Power the module down when the OK has left."""

    name, source = "+QPOWD", SIBLING
    mode = Choice(0, 1, 2, doc="0 power down, 1 at once without signalling, 2 restart")

    def write(self, ue: Ue, mode: int) -> Answer:
        action = ("off", "cut", "reset")[mode]
        return Answer(after=lambda: ue.power(action))


class Cbc(Command):
    """Tell the supply voltage in millivolts."""

    name, source = "+CBC", "module-side source of a BC260Y imitation"
    test_reply = ""
    execute_reply = "+CBC: {millivolts}"

    def execute(self, ue: Ue) -> Any:
        return {"millivolts": ue.limit("supply_mv")}
