"""What the module does with its IP connection: names, sockets, MQTT clients, files for certificates.

What happens on a socket with TLS is published as `ssl.opened`, `ssl.received` and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modemsim.net.resolver import Resolver
from modemsim.ue.files import Files
from modemsim.ue.mqtt_clients import MqttClients
from modemsim.ue.sockets import Sockets

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


class IpServices:
    """Resolver, sockets, sockets with TLS (numbered apart), MQTT clients and file area of one module."""

    def __init__(self, ue: Ue) -> None:
        def backlog() -> int:
            return ue.terminal.urcs_waiting

        def shows(key: str | None) -> bool:
            return key is not None and bool(ue.settings.get(key))

        def secured(event: str, **values: Any) -> None:
            ue.publish(event.replace("socket.", "ssl.", 1), **values)

        def sockets(publish: Callable[..., None]) -> Sockets:
            table = ue.profile.sockets
            return Sockets(table, ue.bearer, self.resolver, ue.timing, publish, ue.spawn, backlog, shows)

        limits = ue.profile.limits
        self.files = Files(ue.nvm, limits.get("file_bytes", 0), limits.get("files", 0))
        self.resolver = Resolver(ue.bearer)
        self.sockets, self.ssl_sockets = sockets(ue.publish), sockets(secured)
        self.sockets.on_failure = ue.pdp.failed
        self.mqtt = MqttClients(ue.profile.mqtt, ue.bearer, self.resolver, ue.publish, ue.spawn, backlog)

    def line_idle(self) -> None:
        """No line waits for the host any more: what was held back for it goes on."""
        self.sockets.pump()
        self.ssl_sockets.pump()
        self.mqtt.pump()

    def bearer_lost(self, *, by_host: bool = False) -> None:
        """The PDN connection is gone; `by_host`: because the host ended it."""
        told = self.sockets.bearer_lost(by_host=by_host)
        self.ssl_sockets.bearer_lost(by_host=by_host, told=told)
        self.mqtt.bearer_lost()

    def clear(self) -> None:
        """The power is gone."""
        self.sockets.clear()
        self.ssl_sockets.clear()
        self.mqtt.clear()
        self.resolver.clear()
        self.files.restart()
