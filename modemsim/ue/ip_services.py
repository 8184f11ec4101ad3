"""What the module does with its IP connection: names, sockets, MQTT clients, joined to the rest of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modemsim.net.resolver import Resolver
from modemsim.ue.cip import CipTask
from modemsim.ue.mqtt_clients import MqttClients
from modemsim.ue.sockets import Sockets

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


class IpServices:
    """Resolver, sockets, TCP/IP task and MQTT clients of one module."""

    def __init__(self, ue: Ue) -> None:
        def backlog() -> int:
            return ue.terminal.urcs_waiting

        def shows(key: str | None) -> bool:
            return key is not None and bool(ue.settings.get(key))

        self.resolver = Resolver(ue.bearer)
        parts = ue.bearer, self.resolver, ue.timing, ue.publish, ue.spawn, backlog, shows
        self.sockets = Sockets(ue.profile.sockets, *parts)
        self.cip = CipTask(ue.profile.cip, *parts)
        self.sockets.on_failure = ue.pdp.failed
        self.time_query: asyncio.Task[None] | None = None
        """A question to a time server that is still open."""
        self.mqtt = MqttClients(ue.profile.mqtt, ue.bearer, self.resolver, ue.publish, ue.spawn, backlog)

    def line_idle(self) -> None:
        """No line waits for the host any more: what was held back for it goes on."""
        self.sockets.pump()
        self.cip.sockets.pump()
        self.mqtt.pump()

    def bearer_lost(self, *, by_host: bool = False) -> None:
        """The PDN connection is gone; `by_host`: because the host ended it."""
        self.sockets.bearer_lost(by_host=by_host)
        self.cip.bearer_lost()
        self.mqtt.bearer_lost()

    def clear(self) -> None:
        """The power is gone."""
        self.sockets.clear()
        self.cip.clear()
        self.mqtt.clear()
        self.time_query = None
        self.resolver.clear()
