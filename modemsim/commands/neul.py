"""The Neul family's own commands (Hi2115 modules): identity, restart, configuration, serial line, USIM."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.params import Choice, Int, Raw, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs, neul_needs
from modemsim.commands.settings import SettingCommand
from modemsim.ue.module import Ue
from modemsim.ue.usim import SimState, Usim

LOGS = "replies of real BC35-G, BC28 and BC68 modules"
COMMANDS = "commands that shipping host drivers send"
IMITATION = "module-side source of a BC95 imitation"
LIST = "command lists of the vendor's manuals"
USIM_ERRORS = ("sim_busy", "radio_off", "no_sim", "pin_required", "puk_required")


class Nrb(Command):
    """Restart the module at once; it says REBOOTING instead of OK."""

    name, source, testable = "+NRB", LOGS, False

    def execute(self, ue: Ue) -> Answer:
        return Answer("REBOOTING", final=None, after=lambda: ue.power("reset", cause="command"))


class Qgmr(Command):
    """Tell the firmware revision by the name the vendor sells it under."""

    name, source, test_reply = "+QGMR", LOGS, ""
    execute_reply = "{revision}"

    def execute(self, ue: Ue) -> Any:
        return ue.identity.values()


class Cimi(Command):
    """Tell the IMSI of the USIM."""

    name, source, test_reply = "+CIMI", LOGS, ""
    needs, errors = (neul_needs.usim_up,), USIM_ERRORS

    def execute(self, ue: Ue) -> str:
        return ue.usim.imsi


class Nccid(Command):
    """Tell the ICCID of the USIM."""

    name, source, test_reply = "+NCCID", LOGS, ""
    needs = read_needs = (neul_needs.usim_up,)
    errors = USIM_ERRORS
    execute_reply = read_reply = "+NCCID: {iccid}"

    def execute(self, ue: Ue) -> Any:
        return {"iccid": ue.usim.iccid}

    def read(self, ue: Ue) -> Any:
        return self.execute(ue)


class Npin(Command):
    """Verify, change, ask for or give up the PIN, or unblock it with the PUK; a line behind the OK tells."""

    name, source, testable = (
        "+NPIN",
        LIST + "; host programs for modules of the same chip; an imitation",
        False,
    )
    needs, errors = (needs.card,), ("no_sim", "bad_value")
    command = Choice(*range(5), doc="0 verify, 1 change, 2 ask for it at the start, 3 no longer, 4 unblock")
    code = Text(8, doc="PIN, or PUK")
    new_pin = Text(8, default=None, doc="new PIN, with 1 and 4")

    def write(self, ue: Ue, command: int, code: str, new_pin: str | None) -> Answer:
        if (command in (1, 4)) != (new_pin is not None):
            raise Refusal("bad_value")
        return Answer(
            after=lambda: ue.publish("usim.pin", outcome=self._outcome(ue.usim, command, code, new_pin))
        )

    def _outcome(self, card: Usim, command: int, code: str, new_pin: str | None) -> str:
        """What becomes of it, in the words of the line."""
        if not all(len(one) >= 4 and one.isdecimal() for one in (code, new_pin or code)):
            return "ERROR wrong format"
        if card.state is SimState.PUK and command != 4:
            return "ERROR PIN blocked"
        if command == 2 and card.pin_required:
            return "PIN already enabled"
        if command in (0, 1, 3) and not card.pin_required:
            return "ERROR PIN disabled"
        if command == 4:
            fine = card.unblock(code, new_pin or "")
        else:
            fine = card.unlock(code, None) and card.require_pin(command != 3, code)
        if fine and command == 1:
            card.pin = new_pin or card.pin
        return "OK" if fine else f"ERROR wrong PIN ({card.pin_tries})"


class Nconfig(Command):
    """Configure the behaviour of the module by named items; takes effect at the next restart."""

    name, source = "+NCONFIG", LOGS
    errors = ("unknown_item", "bad_value")
    read_reply = "+NCONFIG: {item},{value}"
    item = Raw(32, doc="name of the item")
    value = Raw(16, doc="TRUE or FALSE, a number, or a word, as the item has it")

    WORDS = {"PCO_IE_TYPE": ("EPCO", "PCO")}
    NUMBERS = {
        "BARRING_RELEASE_DELAY": (0, 1800),
        "RELEASE_VERSION": (13, 14),
        "SYNC_TIME_PERIOD": (0, 65535),
        "IPV6_GET_PREFIX_TIME": (0, 65535),
    }

    def test(self, ue: Ue) -> list[str]:
        return [f"+NCONFIG: ({item},({self._range(item)}))" for item in self._items(ue)]

    def read(self, ue: Ue) -> Any:
        return [{"item": item, "value": self._shown(ue, item)} for item in self._items(ue)]

    def write(self, ue: Ue, item: str, value: str) -> None:
        known = item.upper()
        if known not in self._items(ue):
            raise Refusal("unknown_item")
        ue.settings.set(f"{self.name}.{known}", self._value(known, value.upper()))

    def _items(self, ue: Ue) -> list[str]:
        start = f"{self.name}."
        return [key.removeprefix(start) for key in ue.profile.settings if key.startswith(start)]

    def _range(self, item: str) -> str:
        if item in self.NUMBERS:
            return "{}-{}".format(*self.NUMBERS[item])
        return ",".join(self.WORDS.get(item, ("FALSE", "TRUE")))

    def _value(self, item: str, text: str) -> bool | int | str:
        if item in self.NUMBERS:
            low, high = self.NUMBERS[item]
            if not text.isdecimal() or not low <= int(text) <= high:
                raise Refusal("bad_value")
            return int(text)
        if text not in self.WORDS.get(item, ("FALSE", "TRUE")):
            raise Refusal("bad_value")
        return text if item in self.WORDS else text == "TRUE"

    def _shown(self, ue: Ue, item: str) -> str:
        value = ue.settings.pending(f"{self.name}.{item}")
        return str(value).upper()


class Natspeed(Command):
    """Change the rate of the serial line; without a byte at the new rate the old one comes back."""

    name, source = "+NATSPEED", COMMANDS
    read_reply = "+NATSPEED: {baud_rate},{sync_mode},{stopbits},{parity},{xonxoff}"
    baud_rate = Int(0, 4_000_000, doc="bit/s; the rates the module offers are listed by the test form")
    timeout = Int(0, 30, default=3, doc="seconds in which the host must be heard; 0 stands for 3")
    store = Choice(0, 1, default=0, doc="1: keep the rate over restarts")
    sync_mode = Int(0, 3, default=0, doc="how the line is synchronised; kept, without effect here")
    stopbits = Choice(1, 2, default=1, doc="stop bits; kept, without effect here")
    parity = Choice(0, 1, 2, default=0, doc="0 none, 1 odd, 2 even; kept, without effect here")
    xonxoff = Choice(0, 1, default=0, doc="software flow control; kept, without effect here")

    KEPT = ("sync_mode", "stopbits", "parity", "xonxoff")

    def read(self, ue: Ue) -> Any:
        values = {name: ue.settings.get(f"{self.name}.{name}") for name in self.KEPT}
        return {"baud_rate": ue.serial.baud, **values}

    def write(self, ue: Ue, baud_rate: int, timeout: int, store: int, **framing: int) -> Answer:
        for name, value in framing.items():
            ue.settings.set(f"{self.name}.{name}", value)
        if store:
            ue.settings.set(f"{self.name}.baud_rate", baud_rate)
        return Answer(after=lambda: ue.line_rate.try_out(baud_rate, timeout or 3))


class Qledmode(SettingCommand):
    """Let the network LED show the state of the module."""

    name, source = "+QLEDMODE", IMITATION
    mode = Choice(0, 1, doc="0 off, 1 on")


class Nloglevel(Command):
    """Choose how much a core writes to the debug port; the simulator has none, so it is only kept."""

    name, source = "+NLOGLEVEL", LIST
    read_reply = "+NLOGLEVEL: {core},{level}"
    core = Choice("PROTOCOL", "APPLICATION", "SECURITY", quoted=False, doc="processor core")
    level = Choice("VERBOSE", "NORMAL", "WARNING", "ERROR", "NONE", quoted=False, doc="least severe kind")

    def read(self, ue: Ue) -> Any:
        levels = ue.settings.get("+NLOGLEVEL.levels")
        return [{"core": core, "level": level} for core, level in levels.items()]

    def write(self, ue: Ue, core: str, level: str) -> None:
        ue.settings.set("+NLOGLEVEL.levels", {**ue.settings.get("+NLOGLEVEL.levels"), core: level})


class Npowerclass(Command):
    """Tell and set the power class for each band."""

    name, source = "+NPOWERCLASS", LIST
    needs, errors = (neul_needs.radio_off,), ("radio_on", "bad_value")
    test_needs = ()
    read_reply = "+NPOWERCLASS: {band},{power_class}"
    band = Int(1, 88, doc="band")
    power_class = Choice(3, 5, 6, doc="3: 23 dBm, 5: 20 dBm, 6: 14 dBm")

    def test(self, ue: Ue) -> str:
        neul_bands = ",".join(map(str, ue.settings.default("+NBAND.bands")))
        return f"+NPOWERCLASS: ({neul_bands}),(3,5,6)"

    def read(self, ue: Ue) -> Any:
        chosen = ue.settings.get("+NPOWERCLASS.classes")
        return [
            {"band": band, "power_class": chosen.get(str(band), 3)}
            for band in ue.settings.default("+NBAND.bands")
        ]

    def write(self, ue: Ue, band: int, power_class: int) -> None:
        if band not in ue.settings.default("+NBAND.bands"):
            raise Refusal("bad_value")
        chosen = ue.settings.get("+NPOWERCLASS.classes")
        ue.settings.set("+NPOWERCLASS.classes", {**chosen, str(band): power_class})


class Qchipinfo(Command):
    """Tell temperature and supply voltage of the chip."""

    name, source = "+QCHIPINFO", IMITATION
    write_reply = "+QCHIPINFO: {name},{value}"
    kind = Choice("ALL", "TEMP", "VBAT", quoted=False, doc="TEMP in degrees Celsius, VBAT in millivolts")

    def write(self, ue: Ue, kind: str) -> Any:
        values = {"TEMP": ue.limit("chip_temperature"), "VBAT": ue.limit("supply_mv")}
        return [{"name": key, "value": value} for key, value in values.items() if kind in ("ALL", key)]


class Qcfg(Command):
    """Tell and set items of the LwM2M client; refused while it is registered."""

    name, source = "+QCFG", IMITATION
    errors = ("unknown_item", "bad_value", "registered")
    testable = False
    write_reply = "+QCFG: {line}"
    item = Text(32, doc="LWM2M/Lifetime (seconds), LWM2M/EndpointName or LWM2M/BindingMode (1 U, 2 UQ)")
    value = Raw(252, default=None, doc="new value; without it the value is told")

    NUMBERS = {"LWM2M/Lifetime": range(2_592_001), "LWM2M/BindingMode": range(1, 3)}
    NAMES = (*NUMBERS, "LWM2M/EndpointName")

    def write(self, ue: Ue, item: str, value: str | None) -> Any:
        known = {name.upper(): name for name in self.NAMES}.get(item.upper())
        if known is None:
            raise Refusal("unknown_item")
        key = f"{self.name}.{known}"
        if value is None:
            stored = ue.settings.get(key)
            return {"line": f'"{known}",' + (str(stored) if known in self.NUMBERS else f'"{stored}"')}
        if ue.cloud.live or ue.cloud.registering:
            raise Refusal("registered")
        ue.settings.set(key, self._checked(ue, known, value))
        return None

    def _checked(self, ue: Ue, item: str, value: str) -> int | str:
        if item not in self.NUMBERS:
            return value
        if not value.isdecimal() or int(value) not in self.NUMBERS[item]:
            raise Refusal("bad_value")
        number = int(value)
        return max(number, ue.limit("min_lifetime")) if item == "LWM2M/Lifetime" and number else number
