"""What several modules in one process may share: the access network, the platforms in the box, the record."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modemsim.commands.catalogue import catalogue
from modemsim.net import Address
from modemsim.net.routes import SECURED, TLS, secured_names
from modemsim.options import Options, parse_psk
from modemsim.platforms.aep_mqtt import AepMqtt
from modemsim.platforms.aep_tcp import AepTcp
from modemsim.platforms.authority import Authority
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep, CtIot
from modemsim.platforms.connected import ConnectedPlatform
from modemsim.platforms.echo import Echo
from modemsim.platforms.time_server import TimeServer
from modemsim.platforms.tls_door import TlsDoor
from modemsim.profile import Profile
from modemsim.radio.network import Network
from modemsim.trace import Trace
from modemsim.ue.language import Language

Service = Echo | TimeServer | TlsDoor
"""A host in the box that is no platform, or another door to one."""


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
