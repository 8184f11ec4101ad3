"""3GPP TS 27.007: power saving mode and extended discontinuous reception, as the host asks for them."""

from __future__ import annotations

import re
from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Choice, Ignored, Text
from modemsim.at.result import Refusal
from modemsim.ue.module import Ue
from modemsim.ue.saving import edrx_fields

TS27007 = "3GPP TS 27.007, "
NB_IOT = 5
"""<AcT-type> "E-UTRAN (NB-S1 mode)"."""


def _bits(value: str | None, count: int) -> str | None:
    if value is not None and re.fullmatch(f"[01]{{{count}}}", value) is None:
        raise Refusal("bad_value")
    return value


class Cpsms(Command):
    """Ask the network for power saving mode with a periodic update and an active time, or give it up."""

    name, source = "+CPSMS", TS27007 + "7.38"
    errors = ("bad_value",)
    read_reply = '+CPSMS: {mode}[,,,"{tau}","{active}"]'
    mode = Choice(0, 1, 2, default=1, doc="0 off, 1 on, 2 off and back to the factory values")
    rau = Ignored(doc="not for this access technology")
    gprs_timer = Ignored(doc="not for this access technology")
    tau = Text(8, default=None, doc="T3412 extended, eight bits")
    active = Text(8, default=None, doc="T3324, eight bits")

    def read(self, ue: Ue) -> Any:
        mode = ue.settings.get("+CPSMS.mode")
        shown = {"tau": ue.settings.get("+CPSMS.tau"), "active": ue.settings.get("+CPSMS.active")}
        return {"mode": mode, **(shown if mode else {"tau": None, "active": None})}

    def write(self, ue: Ue, mode: int, tau: str | None, active: str | None, **unused: Any) -> None:
        for key, value in (("tau", _bits(tau, 8)), ("active", _bits(active, 8))):
            if mode == 2:
                ue.settings.set(f"+CPSMS.{key}", ue.settings.default(f"+CPSMS.{key}"))
            elif value is not None:
                ue.settings.set(f"+CPSMS.{key}", value)
        ue.settings.set("+CPSMS.mode", int(mode == 1))


class Cedrxs(Command):
    """Ask the network for extended discontinuous reception with a cycle, or give it up."""

    name, source = "+CEDRXS", TS27007 + "7.40"
    errors = ("bad_value",)
    read_reply = '+CEDRXS: {act}[,"{cycle}"]'
    mode = Choice(0, 1, 2, 3, doc="0 off, 1 on, 2 on and report, 3 off and back to the factory cycle")
    act = Choice(NB_IOT, default=NB_IOT, doc="5 NB-S1")
    cycle = Text(4, default=None, doc="eDRX cycle, four bits")

    def read(self, ue: Ue) -> Any:
        on = ue.settings.get("+CEDRXS.mode") in (1, 2)
        return {"act": NB_IOT, "cycle": ue.settings.get("+CEDRXS.cycle") if on else None}

    def write(self, ue: Ue, mode: int, act: int, cycle: str | None) -> None:
        if mode == 3:
            cycle = ue.settings.default("+CEDRXS.cycle")
        if _bits(cycle, 4) is not None:
            ue.settings.set("+CEDRXS.cycle", cycle)
        ue.settings.set("+CEDRXS.mode", 0 if mode == 3 else mode)


class Cedrxrdp(Command):
    """Tell the eDRX cycle that was asked for and what the network has granted."""

    name, source, testable = "+CEDRXRDP", TS27007 + "7.41", False
    execute_reply = '+CEDRXRDP: {act}[,"{asked}"][,"{cycle}","{window}"]'

    def execute(self, ue: Ue) -> Any:
        fields = edrx_fields(ue.radio.saving.wish, ue.radio.saving.granted)
        return {"act": NB_IOT if fields["cycle"] else 0, **fields}
