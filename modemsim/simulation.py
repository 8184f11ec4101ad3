"""Wires one module: profile, clock, serial port, radio network and platforms; start, stop and power."""

from __future__ import annotations

import asyncio
import difflib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from modemsim.coap.dtls.engine import BackendError, KeyLog, choose
from modemsim.commands.catalogue import catalogue
from modemsim.faults import Faults
from modemsim.net import Address
from modemsim.net.routes import SECURED, TLS, Routes, parse_route, secured_names
from modemsim.platforms.aep_mqtt import AepMqtt
from modemsim.platforms.aep_tcp import AepTcp
from modemsim.platforms.authority import Authority
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep, CtIot
from modemsim.platforms.connected import ConnectedPlatform
from modemsim.platforms.echo import Echo
from modemsim.platforms.time_server import TimeServer
from modemsim.platforms.tls_door import TlsDoor
from modemsim.port.base import HasLines, Port
from modemsim.port.uart import Uart
from modemsim.profile import Profile, load
from modemsim.radio.network import DEFAULT_START, Network
from modemsim.scenario import Director, ScenarioError
from modemsim.scenario import load as load_scenario
from modemsim.trace import Record, Trace, host_port
from modemsim.ue.language import Language
from modemsim.ue.module import Ue
from modemsim.ue.usim import SimState

PLATFORMS = ("builtin", "none")
ACTIONS = ("on", "off", "reset", "cut")


Service = Echo | TimeServer | TlsDoor
"""A host in the box that is no platform, or another door to one."""


class OptionError(ValueError):
    """A run cannot be set up as asked; the message is one sentence."""


@dataclass(frozen=True)
class Options:
    """What a run is made of; the fields are those of `modemsim run`."""

    profile: str
    seed: int = 0
    platform: str = "builtin"
    routes: tuple[str, ...] = ()
    offline: bool = False
    imei: str | None = None
    imsi: str | None = None
    state_dir: Path | None = None
    overrides: tuple[str, ...] = ()
    strict_devices: bool = False
    psk: tuple[str, ...] = ()
    """Pre-shared keys that the platforms know, each "IMEI=HEX"."""
    keylog: Path | None = None
    """File that gets the secrets of the module's DTLS sessions in the format of NSS, for dissectors."""
    scenario: Path | None = None
    baud_check: bool = False
    """Whether a host at another rate than the module's gets garbage, where the port knows its rate."""
    start: datetime = DEFAULT_START
    """The network's date at the start, which NITZ tells the module; a fixed one makes runs repeatable."""

    def __post_init__(self) -> None:
        if self.platform not in PLATFORMS:
            near = difflib.get_close_matches(self.platform, PLATFORMS, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise OptionError(f"--platform {self.platform}: choose builtin or none{meant}")
        for name in ("imei", "imsi"):
            value = getattr(self, name)
            if value is not None and not (value.isascii() and value.isdigit() and len(value) == 15):
                raise OptionError(f"--{name} {value}: an {name.upper()} has 15 digits")


def parse_psk(text: str) -> tuple[str, bytes]:
    """Identity and key of "IMEI=HEX"; raises OptionError."""
    endpoint, equals, digits = text.partition("=")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if not endpoint or not equals or not key:
        raise OptionError(f"--psk {text}: write IMEI=HEX with the key as hex digits")
    return endpoint, key


@dataclass
class World:
    """What several modules may share: the access network, the built-in platforms and the record."""

    network: Network
    trace: Trace
    platforms: Mapping[str, Platform] = field(default_factory=dict)
    connected: Mapping[str, ConnectedPlatform] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    authority: Authority | None = None
    """Signs for the doors with TLS."""
    started: bool = False
    _languages: dict[int, tuple[Profile, Language]] = field(default_factory=dict, repr=False)

    @classmethod
    def build(cls, options: Options, cell: Mapping[str, Any] | None = None) -> World:
        """A network with these values of its cell and, unless switched off, platforms and small hosts."""
        trace = Trace(asyncio.get_running_loop().time)
        platforms: list[Platform] = []
        if options.platform == "builtin":
            for kind in (CtIot, Aep):
                stream = random.Random(f"{options.seed}/{kind.__name__}")
                platforms.append(kind(trace=trace, stream=stream, strict=options.strict_devices))
        network = Network(start=options.start, **(cell or {}))
        if not platforms:
            return cls(network, trace)
        for platform in platforms:
            for endpoint, key in map(parse_psk, options.psk):
                platform.store.secure(endpoint, key)
        kinds: tuple[type[ConnectedPlatform], ...] = (AepMqtt, AepTcp)
        connected = {kind.name: kind(trace=trace, strict=options.strict_devices) for kind in kinds}
        authority, echo = Authority(network.now_utc, secured_names()), Echo(trace=trace)
        services: list[Service] = [
            echo,
            TimeServer(network.now_utc, trace=trace),
            TlsDoor(TLS.format(Echo.name), echo.serve, authority, trace=trace),
            TlsDoor(TLS.format(AepMqtt.name), connected[AepMqtt.name].connected, authority, trace=trace),
        ]
        return cls(
            network,
            trace,
            {platform.name: platform for platform in platforms},
            connected,
            {service.name: service for service in services},
            authority,
        )

    def language(self, profile: Profile) -> Language:
        """What modules of this profile speak, made once for all of them; raises `ProfileError`."""
        known = self._languages.get(id(profile))
        if known is None:
            known = profile, Language.of(profile, catalogue(profile))
            self._languages[id(profile)] = known
        return known[1]

    @property
    def addresses(self) -> dict[str, Address]:
        """Real address of each platform and service, by name, and of the platforms' ports for DTLS."""
        plain = {peer.name: peer.address for peer in self._peers}
        secured = {SECURED.format(name): item.secure_address for name, item in self.platforms.items()}
        return plain | secured

    def place(self, name: str, address: Address) -> None:
        """Give a platform or service, by its name in `addresses`, the address it will start on."""
        for peer in self._peers:
            if name == peer.name:
                peer.address = address
            elif isinstance(peer, Platform) and name == SECURED.format(peer.name):
                peer.secure_address = address

    @property
    def _peers(self) -> list[Platform | ConnectedPlatform | Service]:
        return [*self.platforms.values(), *self.connected.values(), *self.services.values()]

    async def start(self) -> None:
        """Open the platforms' sockets; nothing happens the second time."""
        if not self.started:
            self.started = True
            for peer in self._peers:
                await peer.start()

    async def stop(self) -> None:
        """Close the platforms."""
        if self.started:
            self.started = False
            for peer in self._peers:
                await peer.stop()


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
        uart = Uart(port, baud=serial.baud, pacing=serial.pacing, trace=self.trace)
        uart.check_rate = self.options.baud_check
        self._uart = uart
        self._ue = Ue(
            self.profile,
            self.language,
            serial=uart,
            network=self.network,
            routes=Routes(self.world.addresses, self._extra_routes, self.options.offline),
            trace=self.trace,
            seed=self.options.seed,
            imei=self.options.imei,
            imsi=self.options.imsi,
            state=self.options.state_dir,
            keylog=self._keylog(),
        )
        uart.on_dtr = self._ue.sleeper.dtr
        if serial.ri_pulse and isinstance(port, HasLines):
            self.trace.subscribe(self._ring)
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
            self._ue.power("cut")
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
