"""The USIM as Quectel's LTE modules show it: identity, PIN, files, presence, slots."""

from __future__ import annotations

import re
from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.params import Choice, Int, Raw, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.ue.module import Ue
from modemsim.ue.usim import SimState
from modemsim.ue.usim_files import Card, content

GUIDE = "EC800E AEP guide, "
STACK = "AT objects of the vendor's newer stack (EC718)"


def card_powered(ue: Ue) -> None:
    """A USIM that has power: not with minimum functionality."""
    if ue.access.functionality == 0:
        raise Refusal("sim_off")


class Cimi(Command):
    """Tell the IMSI of the USIM."""

    name, source, test_reply = "+CIMI", GUIDE + "6.1", ""
    needs, errors = (card_powered, needs.usim), ("sim_off", "no_sim")

    def execute(self, ue: Ue) -> str:
        return ue.usim.imsi


class Qccid(Command):
    """Tell the ICCID of the USIM."""

    name, source, test_reply = "+QCCID", GUIDE + "6.1", ""
    needs, errors = (card_powered, needs.usim), ("sim_off", "no_sim")
    execute_reply = "+QCCID: {iccid}"

    def execute(self, ue: Ue) -> Any:
        return {"iccid": ue.usim.iccid}


class Cpin(Command):
    """Tell what the USIM waits for; enter a PIN, or PUK and new PIN."""

    name, source = "+CPIN", "3GPP TS 27.007, 8.3"
    max_response = 5.0
    needs = read_needs = (card_powered, needs.card)
    errors = ("sim_off", "no_sim", "sim_state", "wrong_pin")
    read_reply = "+CPIN: {state}"
    test_reply = ""
    pin = Text(8, doc="PIN, or PUK when the PIN is blocked")
    new_pin = Text(8, default=None, doc="new PIN, with a PUK")

    def read(self, ue: Ue) -> Any:
        return {"state": ue.usim.state.value}

    def write(self, ue: Ue, pin: str, new_pin: str | None) -> Answer:
        if ue.usim.ready:
            raise Refusal("sim_state")
        if not ue.usim.unlock(pin, new_pin):
            raise Refusal("wrong_pin")
        return Answer(after=ue.startup.radio_back)


class Clck(Command):
    """Lock or unlock the USIM with its PIN, or tell whether it is locked."""

    name, source, max_response = "+CLCK", "3GPP TS 27.007, 7.4", 5.0
    needs = (card_powered, needs.usim)
    errors = ("sim_off", "no_sim", "missing_parameter", "wrong_pin")
    test_reply = '+CLCK: ("SC")'
    write_reply = "+CLCK: {status}"
    facility = Choice("SC", doc="SC: the PIN of the USIM")
    mode = Choice(0, 1, 2, doc="0 unlock, 1 lock, 2 tell")
    password = Text(8, default=None, doc="the PIN")

    def write(self, ue: Ue, facility: str, mode: int, password: str | None) -> Any:
        if mode == 2:
            return {"status": int(ue.usim.pin_required)}
        if password is None:
            raise Refusal("missing_parameter")
        if not ue.usim.require_pin(bool(mode), password):
            raise Refusal("wrong_pin")
        return None


class Cpwd(Command):
    """Change the PIN of a USIM that asks for it."""

    name, source, max_response = "+CPWD", "3GPP TS 27.007, 7.5", 5.0
    needs = (card_powered, needs.usim)
    errors = ("sim_off", "no_sim", "not_allowed", "wrong_pin")
    test_reply = '+CPWD: ("SC",8)'
    facility = Choice("SC", doc="SC: the PIN of the USIM")
    old = Text(8, min_length=4, doc="PIN until now")
    new = Text(8, min_length=4, doc="PIN from now on")

    def write(self, ue: Ue, facility: str, old: str, new: str) -> None:
        if not ue.usim.pin_required:
            raise Refusal("not_allowed")
        if not ue.usim.require_pin(True, old):
            raise Refusal("wrong_pin")
        ue.usim.pin = new


class Qpinc(Command):
    """Tell how often PIN and PUK may still be entered wrongly."""

    name, source, provenance = "+QPINC", STACK, "inferred"
    read_needs, errors = (card_powered, needs.card), ("sim_off", "no_sim")
    test_reply = '+QPINC: ("SC","P2")'
    read_reply = write_reply = '+QPINC: "{facility}",{pin},{puk}'
    facility = Choice("SC", "P2", doc="SC PIN, P2 PIN2")

    def read(self, ue: Ue) -> Any:
        return [self.write(ue, facility) for facility in ("SC", "P2")]

    def write(self, ue: Ue, facility: str) -> Any:
        return {"facility": facility, "pin": ue.usim.pin_tries if facility == "SC" else 3, "puk": 10}


class Crsm(Command):
    """Read a file of the USIM; a file that is not there is told by the card's status words."""

    name, source, provenance = "+CRSM", "3GPP TS 27.007, 8.18", "inferred"
    needs, errors = (card_powered, needs.usim), ("sim_off", "no_sim")
    test_reply = ""
    write_reply = '+CRSM: {sw1},{sw2}[,"{data}"]'
    command = Choice(176, 192, 242, doc="176 read binary, 192 get response, 242 status")
    file = Int(0, 65535, default=0, doc="file id")
    p1 = Int(0, 255, default=0, doc="high part of the offset")
    p2 = Int(0, 255, default=0, doc="low part of the offset")
    p3 = Int(0, 255, default=0, doc="bytes to read; 0 all")

    def write(self, ue: Ue, command: int, file: int, p1: int, p2: int, p3: int) -> Any:
        found = content(file, ue.usim.imsi, ue.usim.iccid)
        if command == 176 and found is None:
            return {"sw1": 106, "sw2": 130, "data": None}
        start = p1 << 8 | p2
        data = found[start : start + (p3 or len(found))] if found and command == 176 else None
        return {"sw1": 144, "sw2": 0, "data": data}


class Csim(Command):
    """Pass an APDU to the USIM and tell its answer."""

    name, source, provenance = "+CSIM", "3GPP TS 27.007, 8.17", "inferred"
    needs, errors = (card_powered, needs.usim), ("sim_off", "no_sim", "bad_value")
    test_reply = ""
    write_reply = '+CSIM: {length},"{data}"'
    length = Int(8, 522, doc="hex digits of the command")
    apdu = Raw(522, doc="the command as hex digits")

    def write(self, ue: Ue, length: int, apdu: str) -> Any:
        if length != len(apdu) or length % 2 or not re.fullmatch(r"[0-9A-Fa-f]+", apdu):
            raise Refusal("bad_value")
        if not isinstance(ue.usim.card, Card):
            ue.usim.card = Card(ue.usim.imsi, ue.usim.iccid)
        data = ue.usim.card.exchange(bytes.fromhex(apdu))
        return {"length": 2 * len(data), "data": data}


class Qsimstat(SettingCommand):
    """Tell whether a USIM is in the holder, and report its coming and going."""

    name, source, provenance = "+QSIMSTAT", STACK, "inferred"
    read_reply = "+QSIMSTAT: {enable},{inserted}"
    enable = Choice(0, 1, doc="0 no reports, 1 reports")

    def read(self, ue: Ue) -> Any:
        inserted = ue.usim.state is not SimState.ABSENT
        return {"enable": ue.settings.get("+QSIMSTAT.enable"), "inserted": int(inserted)}


class Qsimdet(SettingCommand):
    """Whether the holder has a switch that tells the USIM's presence, and its level."""

    name, source, provenance = "+QSIMDET", STACK, "inferred"
    enable = Choice(0, 1, doc="0 no switch, 1 a switch")
    level = Choice(0, 1, default=0, doc="level of the pin with a USIM in it")


class Qinistat(Command):
    """Tell which parts are initialised."""

    name, source, provenance = "+QINISTAT", STACK, "inferred"
    test_reply = "+QINISTAT: (0-7)"
    execute_reply = "+QINISTAT: {status}"

    def execute(self, ue: Ue) -> Any:
        return {"status": ue.startup.ready}


class Qdsim(Command):
    """Tell and choose the slot whose USIM is used; the second one is empty here."""

    name, source, provenance = "+QDSIM", STACK, "inferred"
    max_response = 50.0
    delay = "cfun"
    read_reply = "+QDSIM: {slot}"
    slot = Choice(0, 1, doc="slot")

    def read(self, ue: Ue) -> Any:
        return {"slot": ue.settings.get("+QDSIM.slot")}

    async def write(self, ue: Ue, slot: int) -> None:
        if slot == ue.settings.get("+QDSIM.slot"):
            return
        ue.settings.set("+QDSIM.slot", slot)
        before = ue.access.functionality
        await ue.access.set_functionality(0)
        ue.usim.use_slot(bool(slot))
        await ue.access.set_functionality(before)
