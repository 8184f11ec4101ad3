"""What the module does with its IP connection: names, sockets, MQTT clients, files for certificates.

What happens on a socket with TLS is published as `ssl.opened`, `ssl.received` and so on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from modemsim.net import Address
from modemsim.net.resolver import Resolver
from modemsim.ue.cip import CipTask
from modemsim.ue.files import Files
from modemsim.ue.heartbeats import Heartbeats
from modemsim.ue.mqtt_clients import MqttClients
from modemsim.ue.socket_filter import SocketFilter
from modemsim.ue.socket_options import SocketOptions
from modemsim.ue.sockets import Sockets, Surroundings

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


class IpServices:
    """Resolver, sockets, sockets with TLS (numbered apart), TCP/IP task, MQTT clients, files of a module."""

    def __init__(self, ue: Ue) -> None:
        def backlog() -> int:
            return ue.terminal.urcs_waiting

        def shows(key: str | None) -> bool:
            return key is not None and bool(ue.settings.get(key))

        def secured(event: str, **values: Any) -> None:
            ue.publish(event.replace("socket.", "ssl.", 1), **values)

        limits = ue.profile.limits
        self.files = Files(ue.nvm, limits.get("file_bytes", 0), limits.get("files", 0))
        options = SocketOptions(ue.profile.sockets.options, ue.settings.get, lambda: ue.sleeper.dozing)
        self.resolver = Resolver(ue.bearer)
        self.resolver.patience, self.resolver.caching = options.patience, options.caches
        self.resolver.servers = options.dns_servers
        around = Surroundings(ue.bearer, self.resolver, ue.timing, ue.spawn, backlog, shows)
        self.sockets = Sockets(ue.profile.sockets, around, ue.publish, options)
        self.ssl_sockets = Sockets(ue.profile.sockets, around, secured, options)
        cip = ue.profile.cip
        self.cip = CipTask(
            cip, around, ue.publish, SocketOptions(cip.options, ue.settings.get, lambda: False)
        )
        self.sockets.on_failure = ue.pdp.failed
        self.sockets.usable = ue.pdp.carries
        self.sockets.takes = SocketFilter(options, ue.publish, lambda cause: ue.sleeper.wake(cause)).takes
        self.heartbeats = Heartbeats(self.sockets, options, ue.timing, ue.publish, ue.spawn)
        self.sockets.on_connected = self.heartbeats.start
        self.time_server: Address = ("", 0)
        """The time server that was asked last."""
        ue.pdp.activations = options.activations
        self.time_query: asyncio.Task[None] | None = None
        """A question to a time server that is still open."""
        self.mqtt = MqttClients(ue.profile.mqtt, ue.bearer, self.resolver, ue.publish, ue.spawn, backlog)

    def setting_changed(self, key: str) -> None:
        """The host has changed a setting, perhaps one for connections that stand."""
        options = self.sockets.options
        if key == options.table.heartbeat:
            self.heartbeats.changed()
        elif key == options.table.keep_alive:
            for socket in self.sockets:
                if socket.tcp is not None:
                    socket.tcp.keep_alive(options.keep_alive())
        elif key in options.table.dns_servers:
            self.resolver.clear()

    def line_idle(self) -> None:
        """No line waits for the host any more: what was held back for it goes on."""
        self.sockets.pump()
        self.ssl_sockets.pump()
        self.cip.sockets.pump()
        self.mqtt.pump()

    def bearer_lost(self, *, by_host: bool = False) -> None:
        """The PDN connection is gone; `by_host`: because the host ended it."""
        told = self.sockets.bearer_lost(by_host=by_host)
        self.ssl_sockets.bearer_lost(by_host=by_host, told=told)
        self.cip.bearer_lost()
        self.mqtt.bearer_lost()

    def clear(self) -> None:
        """The power is gone."""
        self.sockets.clear()
        self.ssl_sockets.clear()
        self.heartbeats.clear()
        self.cip.clear()
        self.mqtt.clear()
        self.time_query = None
        self.resolver.clear()
        self.files.restart()
