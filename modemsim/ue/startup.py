"""What a module tells from power-on until it takes commands: the boot chain of its profile, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from modemsim.at.template import render
from modemsim.at.urc import frame
from modemsim.profile import BootStep
from modemsim.ue.power import PowerEvent, boot_noise
from modemsim.ue.usim import SimState

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

_CARD = {SimState.READY: "sim", SimState.ABSENT: "no_sim"}
"""What a step of the boot chain calls a state of the USIM; any other one is "pin"."""


class Startup:
    """The boot chain of one module; `ready` has a bit for each part that is up (AT+QINISTAT)."""

    def __init__(self, ue: Ue) -> None:
        self._ue = ue
        self._early = bytearray()
        self.cause = PowerEvent.SWITCH_ON.value
        """Why the module starts; the boot chain may tell it."""
        self.ready = 0

    def power_up(self) -> None:
        """Begin anew: nothing is up, and what the host sends waits or is lost."""
        self.ready = 0
        self._early = bytearray()
        self._ue.serial.receiver = self._keep_early

    async def run(self) -> None:
        """Run the boot chain, after the boot loader if there is firmware to install."""
        if await self._ue.firmware.boot():
            self._early.clear()
            self.cause = "firmware"
        await self._steps(self._ue.profile.boot.sequence)

    def radio_back(self) -> None:
        """Tell what a module tells again when the host has switched its radio on."""
        self.ready = 0
        self._ue.spawn(self._steps(self._ue.profile.boot.radio_on))

    async def _steps(self, steps: Iterable[BootStep]) -> None:
        for step in (step for step in steps if self._ue.in_force(step.quirk)):
            await asyncio.sleep(self._ue.timing.draw(step.after))
            self._take(step)

    def _keep_early(self, data: bytes) -> None:
        """Input before the module takes commands: it waits or is lost, as the profile says."""
        profile = self._ue.profile
        room = profile.serial.receive_buffer - len(self._early)
        if profile.boot.early_input == "lost":
            room = 0
        self._early += data[:room]
        if len(data) > room:
            self._ue.trace.emit("at", "too_early", lost=len(data) - room)

    def _take(self, step: BootStep) -> None:
        ue = self._ue
        if step.when not in ("always", _CARD.get(ue.usim.state, "pin")):
            return
        if step.action == "at_ready":
            ue.terminal.start()
            ue.sleeper.started()
            ue.serial.receiver(bytes(self._early))
        if step.noise:
            ue.serial.send(boot_noise(ue.timing.dice("boot_noise"), step.noise))
        self.ready |= step.ready
        if step.line is not None:
            self._print(step.line)
        if step.action == "firmware_result":
            ue.firmware.tell_result()
        if step.action == "radio_on":
            ue.access.start()

    def _print(self, template: str) -> None:
        """Print a line; before the terminal works it goes straight to the serial line."""
        ue = self._ue
        line = render(template, {"cause": ue.profile.words.get("boot_cause", {}).get(self.cause)})
        if ue.terminal.running:
            ue.urc_gate.send(line)
        else:
            ue.serial.send(frame(line))
            ue.trace.emit("at", "urc", line=line)
