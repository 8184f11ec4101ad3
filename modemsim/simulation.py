"""Wires one module: profile, clock, serial port, radio network and platforms; start, stop and power."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from modemsim.coap.dtls.engine import BackendError, KeyLog, choose
from modemsim.faults import Faults
from modemsim.net.routes import Routes, parse_route
from modemsim.options import OptionError, Options
from modemsim.port.base import HasLines, Port
from modemsim.port.uart import Uart
from modemsim.profile import Profile, load
from modemsim.scenario import Director, ScenarioError
from modemsim.scenario import load as load_scenario
from modemsim.trace import Branch, Record, host_port
from modemsim.ue.module import Ue
from modemsim.ue.usim import SimState
from modemsim.world import World

ACTIONS = ("on", "off", "reset", "cut")


def _director(simulation: Simulation, path: Path | None) -> Director | None:
    if path is None:
        return None
    try:
        return Director(simulation, load_scenario(path))
    except ScenarioError as error:
        raise OptionError(f"--scenario {error}") from None


class Simulation:
    """One module on one serial port in a world of its own or a shared one; made inside a running loop."""

    def __init__(
        self, options: Options, *, world: World | None = None, profile: Profile | None = None
    ) -> None:
        """Raises `ProfileError` or `OptionError`, each with one sentence."""
        self.options = options
        self.profile = profile or load(options.profile, options.overrides)
        try:
            self._extra_routes = [parse_route(route) for route in options.routes]
        except ValueError as error:
            raise OptionError(f"--route: {error}") from None
        self._check_dtls()
        self._own_world = world is None
        self.world = world or World.build(options, self.profile.radio.cell)
        self.language = self.world.language(self.profile)
        self.trace = self.world.trace
        self.own_trace = Branch(self.trace)
        """The part of the trace that is about this module."""
        self.network = self.world.network
        self.platforms = self.world.platforms
        self.faults = Faults(self)
        self._director = _director(self, options.scenario)
        self.connected = self.world.connected
        self.services = self.world.services
        self._ue: Ue | None = None
        self._port: Port | None = None
        self._uart: Uart | None = None

    def _check_dtls(self) -> None:
        """Refuse a DTLS library that was chosen and is not there; none is needed before a handshake."""
        if self.profile.dtls.backend != "auto":
            try:
                choose(self.profile.dtls.backend)
            except BackendError as error:
                raise OptionError(f"--set dtls.backend={self.profile.dtls.backend}: {error}") from None

    def _keylog(self) -> KeyLog | None:
        path = self.options.keylog
        if path is None:
            return None
        try:
            path.touch()
        except OSError as error:
            raise OptionError(f"--keylog {path}: cannot be written: {error.strerror or error}") from None

        def write(line: str) -> None:
            with path.open("a", encoding="ascii") as file:
                file.write(line + "\n")

        return write

    @property
    def ue(self) -> Ue:
        """The module; raises RuntimeError before start."""
        if self._ue is None:
            raise RuntimeError("the simulation was not started")
        return self._ue

    @property
    def uart(self) -> Uart:
        """The module's serial line; raises RuntimeError before start."""
        if self._uart is None:
            raise RuntimeError("the simulation was not started")
        return self._uart

    async def start(self, port: Port) -> None:
        """Start the platforms, open the port and switch the module on."""
        await self.world.start()
        serial = self.profile.serial
        uart = Uart(port, baud=serial.baud, pacing=serial.pacing, trace=self.own_trace)
        uart.check_rate = self.options.baud_check
        self._uart = uart
        self._ue = Ue(
            self.profile,
            self.language,
            serial=uart,
            network=self.network,
            routes=Routes(self.world.addresses, self._extra_routes, self.options.offline),
            trace=self.own_trace,
            seed=self.options.seed,
            imei=self.options.imei,
            imsi=self.options.imsi,
            state=self.options.state_dir,
            keylog=self._keylog(),
        )
        uart.on_dtr = self._ue.sleeper.dtr
        if serial.ri_pulse and isinstance(port, HasLines):
            self.own_trace.subscribe(self._ring)
        await port.start()
        self._port = port
        self._ue.power("on")
        if self._director is not None:
            self._director.start()

    def _ring(self, record: Record) -> None:
        """Announce an unsolicited line on RI."""
        if (record.layer, record.event) == ("at", "urc"):
            self.uart.ring(self.profile.serial.ri_pulse)

    async def stop(self) -> None:
        """Cut the power, close the port and, if they are its own, the platforms."""
        if self._director is not None:
            self._director.stop()
        if self._ue is not None:
            self._ue.close()
            self.trace.emit("energy", "summary", **self.energy())
        if self._port is not None:
            await self._port.stop()
            self._port = None
        if self._own_world:
            await self.world.stop()

    async def power(self, action: str) -> None:
        """Press the power key or cut the supply: on, off, reset, cut; raises ValueError otherwise."""
        if action not in ACTIONS:
            raise ValueError(f"power {action}: choose {', '.join(ACTIONS)}")
        self.ue.power(action)

    def wake(self) -> None:
        """Pull the pin that wakes a sleeping chip; a chip that is awake does not notice."""
        self.ue.sleeper.wake("pin")

    def sim_present(self, present: bool) -> None:
        """Put the USIM in or take it out."""
        self.ue.usim.change(SimState.READY if present else SimState.ABSENT)

    def energy(self, battery: float | None = None) -> dict[str, Any]:
        """What the module has taken so far, and how long a battery of so many mAh lasts at that rate."""
        table = self.profile.energy
        return self.ue.energy.usage().values(battery or (table.battery if table else 0.0))

    @property
    def endpoint(self) -> str:
        """The module's LwM2M endpoint name; its IMEI before it has one."""
        return str(self.status()["lwm2m"]["endpoint"] or self.ue.identity.imei)

    def status(self) -> dict[str, Any]:
        """What `GET /api/v1/module` tells."""
        ue = self.ue
        session = ue.hosted if ue.hosted.in_use else ue.cloud
        client, server = session.client, session.server
        return {
            "profile": self.profile.name,
            "imei": ue.identity.imei,
            "imsi": None if ue.usim.state is SimState.ABSENT else ue.usim.imsi,
            "revision": ue.identity.revision,
            "power": ue.state.value,
            "emm": {
                "state": ue.radio.emm.label,
                "stat": ue.radio.emm.stat,
                "attached": ue.radio.attached,
                "ip": ue.radio.ip,
            },
            "rrc": ue.radio.rrc.name.lower(),
            "psm": ue.radio.saving.state.label,
            "chip": ue.sleeper.state.value,
            "lwm2m": {
                "state": session.state.value,
                "endpoint": client.name if client else None,
                "server": host_port(server) if server else None,
                "security": getattr(session, "security", None),
            },
            "time": {
                "simulated_seconds": round(asyncio.get_running_loop().time(), 6),
                "utc": ue.calendar.now_utc().isoformat(),
            },
        }
