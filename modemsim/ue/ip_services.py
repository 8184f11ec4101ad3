"""What the module does with its IP connection: names, sockets, MQTT clients, joined to the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemsim.net import Address
from modemsim.net.resolver import Resolver
from modemsim.ue.heartbeats import Heartbeats
from modemsim.ue.mqtt_clients import MqttClients
from modemsim.ue.socket_filter import SocketFilter
from modemsim.ue.socket_options import SocketOptions
from modemsim.ue.sockets import Sockets

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


class IpServices:
    """Resolver, sockets and MQTT clients of one module."""

    def __init__(self, ue: Ue) -> None:
        def backlog() -> int:
            return ue.terminal.urcs_waiting

        def shows(key: str | None) -> bool:
            return key is not None and bool(ue.settings.get(key))

        table = ue.profile.sockets
        options = SocketOptions(table.options, ue.settings.get, lambda: ue.sleeper.dozing)
        self.resolver = Resolver(ue.bearer)
        self.resolver.patience, self.resolver.caching = options.patience, options.caches
        self.sockets = Sockets(
            table, ue.bearer, self.resolver, ue.timing, ue.publish, ue.spawn, backlog, shows, options
        )
        self.sockets.on_failure = ue.pdp.failed
        self.sockets.usable = ue.pdp.carries
        self.sockets.takes = SocketFilter(options, ue.publish, lambda cause: ue.sleeper.wake(cause)).takes
        self.heartbeats = Heartbeats(self.sockets, options, ue.timing, ue.publish, ue.spawn)
        self.sockets.on_connected = self.heartbeats.start
        self.time_server: Address = ("", 0)
        """The time server that was asked last."""
        ue.pdp.activations = options.activations
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

    def line_idle(self) -> None:
        """No line waits for the host any more: what was held back for it goes on."""
        self.sockets.pump()
        self.mqtt.pump()

    def bearer_lost(self, *, by_host: bool = False) -> None:
        """The PDN connection is gone; `by_host`: because the host ended it."""
        self.sockets.bearer_lost(by_host=by_host)
        self.mqtt.bearer_lost()

    def clear(self) -> None:
        """The power is gone."""
        self.sockets.clear()
        self.heartbeats.clear()
        self.mqtt.clear()
        self.resolver.clear()
