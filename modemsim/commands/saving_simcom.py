"""Power saving of the SIM7020 series beyond 27.007: reports, sockets that stay, sleep, paging time window."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Bits, Choice
from modemsim.commands.power27007 import NB_IOT
from modemsim.commands.settings import SettingCommand
from modemsim.ue.module import Ue

MANUAL = "SIM7020 AT manual 1.05, "


class Cpsmstatus(SettingCommand):
    """Report when the module enters and leaves power saving mode."""

    name, source = "+CPSMSTATUS", MANUAL + "3.2"
    n = Choice(0, 1, doc="0 no reports, 1 reports")


class Retention(SettingCommand):
    """Keep UDP sockets while the module is in power saving mode."""

    name, source = "+RETENTION", "command list of the SIM7020 series"
    n = Choice(0, 1, doc="0 sockets are lost, 1 they are kept")


class Csclk(SettingCommand):
    """Allow the chip to sleep between commands."""

    name, source = "+CSCLK", MANUAL + "5.2.16"
    n = Choice(0, 1, 2, doc="0 never, 1 while DTR is high, 2 by itself")


class Medrxcfg(Command):
    """Ask the network for eDRX with a cycle and a paging time window, or give it up."""

    name, provenance = "*MEDRXCFG", "inferred"
    source = "SIM7020 low power note 1.03 (name, firmware); form: a host's test program; read form: judgement"
    read_reply = '*MEDRXCFG: {mode},{act},"{cycle}","{window}"'
    mode = Choice(0, 1, 2, 3, doc="0 off, 1 on, 2 on and report, 3 off and back to the factory values")
    act = Choice(NB_IOT, default=NB_IOT, doc="5 NB-S1")
    cycle = Bits(4, default=None, doc="eDRX cycle")
    window = Bits(4, default=None, doc="paging time window, in steps of 2.56 s from one on")

    def read(self, ue: Ue) -> Any:
        shown = {name: ue.settings.get(f"+CEDRXS.{name}") for name in ("mode", "cycle", "window")}
        return {**shown, "act": NB_IOT}

    def write(self, ue: Ue, mode: int, act: int, **bits: str | None) -> None:
        for name, value in bits.items():
            key = f"+CEDRXS.{name}"
            if mode == 3:
                ue.settings.set(key, ue.settings.default(key))
            elif value is not None:
                ue.settings.set(key, value)
        ue.settings.set("+CEDRXS.mode", 0 if mode == 3 else mode)
