"""ITU-T V.250 settings the SIM7020 series keeps beside the common ones, and the table of them all."""

from __future__ import annotations

import re
from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Choice, Int, Text
from modemsim.commands.settings import SettingCommand
from modemsim.commands.v250 import Letter, SRegister
from modemsim.ue.module import Ue

MANUAL = "SIM7020 AT manual 1.05, "


class SpeakerLoudness(Letter):
    """Loudness of a monitor speaker; kept, without effect on a module that has none."""

    name, source = "L", MANUAL + "2.2"
    value = Int(0, 3, default=0, doc="loudness")


class SpeakerMode(Letter):
    """When a monitor speaker is on; kept, without effect on a module that has none."""

    name, source = "M", MANUAL + "2.2"
    value = Int(0, 2, default=0, doc="mode")


class CarrierDetect(Letter):
    """What the DCD line shows; kept, a pty has no such line."""

    name, source = "&C", MANUAL + "2.2"
    value = Choice(0, 1, default=1, doc="0 always on, 1 the carrier")


class TerminalReady(Letter):
    """What the module does when the host lowers DTR; kept, a pty has no such line."""

    name, source = "&D", MANUAL + "2.2"
    value = Choice(0, 1, 2, default=2, doc="0 nothing, 1 command mode, 2 hang up")


class RingsToAnswer(SRegister):
    """Rings before a call is answered; kept, without effect on a module that has no calls."""

    name, source = "S0", MANUAL + "2.2.8"
    value = Int(0, 255, doc="rings")


class DialToneDelay(SRegister):
    """Pause before dialling; kept without effect."""

    name, source = "S6", MANUAL + "2.2"
    value = Int(0, 255, doc="seconds")


class CompletionTimeout(SRegister):
    """How long a connection may take; kept without effect."""

    name, source = "S7", MANUAL + "2.2"
    value = Int(0, 255, doc="seconds")


class CommaPause(SRegister):
    """Pause of a comma while dialling; kept without effect."""

    name, source = "S8", MANUAL + "2.2"
    value = Int(0, 255, doc="seconds")


class HangUpDelay(SRegister):
    """Delay of hanging up when the carrier is gone; kept without effect."""

    name, source = "S10", MANUAL + "2.2"
    value = Int(0, 255, doc="tenths of a second")


class FlowControl(SettingCommand):
    """Flow control of the serial line: RTS stops the module, CTS the host; XON/XOFF is only kept."""

    name, source = "+IFC", MANUAL + "2.2"
    by_te = Choice(0, 1, 2, doc="module by host: 0 none, 1 XON/XOFF, 2 RTS/CTS")
    by_ta = Choice(0, 1, 2, default=0, doc="host by module: 0 none, 1 XON/XOFF, 2 RTS/CTS")


class CharacterFraming(SettingCommand):
    """Data, stop and parity bits; kept, the simulated line always has 8N1."""

    name, source = "+ICF", MANUAL + "2.2"
    format = Int(1, 6, doc="3: 8 data bits, no parity, 1 stop bit")
    parity = Int(0, 3, default=3, doc="3: space, without meaning here")


class CharacterSet(SettingCommand):
    """The character set of texts; kept."""

    name, source = "+CSCS", MANUAL + "2.2"
    chset = Text(10, doc="IRA, GSM, UCS2 or HEX")


class ShowProfile(Command):
    """Show the settings in force, in the order of the profile's template."""

    name, source = "&V", MANUAL + "2.2.28"
    value = Int(0, 0, default=0, doc="profile")

    def execute(self, ue: Ue, value: int) -> Any:
        known = ue.profile.settings
        return {re.sub(r"\W", "_", key): ue.settings.get(key) for key in known}
