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

        limits = ue.profile.limits
        self.files = Files(ue.nvm, limits.get("file_bytes", 0), limits.get("files", 0))
        options = SocketOptions(ue.profile.sockets.options, ue.settings.get, lambda: ue.sleeper.dozing)
        self.resolver = Resolver(ue.bearer)
        self.resolver.patience, self.resolver.caching = options.patience, options.caches
        self.resolver.servers = options.dns_servers
        self._ue = ue
        self._around = Surroundings(ue.bearer, self.resolver, ue.timing, ue.spawn, backlog, shows)
        self.sockets = Sockets(ue.profile.sockets, self._around, ue.publish, options)
        self._ssl_sockets: Sockets | None = None
        self._cip: CipTask | None = None
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

    @property
    def ssl_sockets(self) -> Sockets:
        """The sockets with TLS, made when they are first asked for: few modules use them."""
        if self._ssl_sockets is None:
            table, options = self._ue.profile.sockets, self.sockets.options
            self._ssl_sockets = Sockets(table, self._around, self._secured, options)
        return self._ssl_sockets

    def _secured(self, event: str, **values: Any) -> None:
        self._ue.publish(event.replace("socket.", "ssl.", 1), **values)

    @property
    def cip(self) -> CipTask:
        """The SIM800-style task, made when it is first asked for."""
        if self._cip is None:
            table = self._ue.profile.cip
            options = SocketOptions(table.options, self._ue.settings.get, lambda: False)
            self._cip = CipTask(table, self._around, self._ue.publish, options)
        return self._cip

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
        if self._ssl_sockets is not None:
            self._ssl_sockets.pump()
        if self._cip is not None:
            self._cip.sockets.pump()
        self.mqtt.pump()

    def bearer_lost(self, *, by_host: bool = False) -> None:
        """The PDN connection is gone; `by_host`: because the host ended it."""
        told = self.sockets.bearer_lost(by_host=by_host)
        if self._ssl_sockets is not None:
            self._ssl_sockets.bearer_lost(by_host=by_host, told=told)
        if self._cip is not None:
            self._cip.bearer_lost()
        self.mqtt.bearer_lost()

    def end_task(self) -> None:
        """Nothing is left of the SIM800-style task: the chip has slept, or the power is gone."""
        if self._cip is not None:
            self._cip.clear()

    def clear(self) -> None:
        """The power is gone."""
        self.sockets.clear()
        if self._ssl_sockets is not None:
            self._ssl_sockets.clear()
        self.heartbeats.clear()
        self.end_task()
        self.mqtt.clear()
        self.time_query = None
        self.resolver.clear()
        self.files.restart()
