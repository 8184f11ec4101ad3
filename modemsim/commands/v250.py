"""ITU-T V.250 commands: the ones about the line itself."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.params import Choice, Int
from modemsim.ue.module import Ue

V250 = "ITU-T V.250 (07/2003), "


class Letter(Command):
    """Base of a one-letter setting such as ATE1: the number is stored under the letter."""

    def execute(self, ue: Ue, value: int) -> None:
        ue.settings.set(self.name, value)


class Echo(Letter):
    """Echo what the host types."""

    name, source = "E", V250 + "6.2.4"
    value = Choice(0, 1, doc="0 no echo, 1 echo")


class Verbose(Letter):
    """Result codes as words or as numbers."""

    name, source = "V", V250 + "6.2.6"
    value = Choice(0, 1, default=0, doc="0 numbers, 1 words")


class Quiet(Letter):
    """Suppress result codes."""

    name, source = "Q", V250 + "6.2.5"
    value = Choice(0, 1, default=0, doc="0 result codes, 1 none")


class Progress(Letter):
    """Which call progress result codes are used; kept, without effect on a module that makes no calls."""

    name, source = "X", V250 + "6.2.7"
    value = Int(0, 4, default=0, doc="selection of result codes")


class SRegister(Command):
    """Base of an S-register: three digits in reads, a number in writes."""

    def read(self, ue: Ue) -> str:
        return f"{ue.settings.get(self.name):03d}"

    def write(self, ue: Ue, value: int) -> None:
        ue.settings.set(self.name, value)


class LineTermination(SRegister):
    """The character that ends a command line."""

    name, source = "S3", V250 + "6.2.1"
    value = Int(0, 127, doc="character code")


class ResponseFormatting(SRegister):
    """The second character around lines of the module."""

    name, source = "S4", V250 + "6.2.2"
    value = Int(0, 127, doc="character code")


class CommandEditing(SRegister):
    """The character that removes the one before it from the line being typed."""

    name, source = "S5", V250 + "6.2.3"
    value = Int(0, 127, doc="character code")


class Identification(Command):
    """Tell manufacturer, model and firmware revision."""

    name, source = "I", V250 + "6.1.3"
    value = Int(0, 255, default=0, doc="kind of information; every kind gives the same lines here")

    def execute(self, ue: Ue, value: int) -> list[str]:
        return ue.identity.info()


class FactoryDefaults(Command):
    """Bring the factory values of the host's profile into force."""

    name, source = "&F", V250 + "6.1.2"
    value = Int(0, 0, default=0, doc="profile")

    def execute(self, ue: Ue, value: int) -> Answer:
        ue.settings.factory_profile()
        return Answer(after=ue.apply_rate)


class StoreProfile(Command):
    """Store the host's profile in non-volatile memory."""

    name, source = "&W", "common extension of ITU-T V.250"
    value = Int(0, 0, default=0, doc="profile")

    def execute(self, ue: Ue, value: int) -> None:
        ue.settings.store_profile()


class ResetProfile(Command):
    """Bring the stored values of the host's profile into force."""

    name, source = "Z", V250 + "6.1.1"
    value = Int(0, 0, default=0, doc="profile")

    def execute(self, ue: Ue, value: int) -> Answer:
        ue.settings.stored_profile()
        return Answer(after=ue.apply_rate)


class FixedRate(Command):
    """The rate of the serial line; takes effect when the OK has left."""

    name, source = "+IPR", V250 + "6.2.10"
    read_reply = "+IPR: {rate}"
    rate = Int(0, 4_000_000, doc="bit/s; the rates the module offers are listed by the test form")

    def read(self, ue: Ue) -> Any:
        return {"rate": ue.settings.get("+IPR.rate")}

    def write(self, ue: Ue, rate: int) -> Answer:
        ue.settings.set("+IPR.rate", rate)
        return Answer(after=ue.apply_rate)
