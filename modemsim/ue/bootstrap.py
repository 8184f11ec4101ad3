"""The module asks a bootstrap server for its platform, plain or over DTLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiocoap import error

from modemsim.coap.dtls.association import Ended
from modemsim.lwm2m.bootstrap import Account, Bootstrap, BootstrapFailed
from modemsim.lwm2m.outcome import UNSECURED
from modemsim.net import Address
from modemsim.timing import Occasions
from modemsim.ue.lwm2m_client import tuning
from modemsim.ue.security import Protection, secure

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


async def bootstrap(
    ue: Ue, server: Address, name: str, protection: Protection | None = None
) -> tuple[Account, str]:
    """The account that the server at that address gives, and its platform's IP; raises BootstrapFailed."""
    plain = ue.bearer.udp()
    secured = None if protection is None else secure(ue, plain, server, protection)
    asking = Bootstrap(
        name=name,
        server=server,
        socket=secured or plain,
        tuning=tuning(ue.profile.lwm2m, ue.network.coverage_level),
        stream=Occasions(ue.timing, "coap"),
        trace=ue.trace,
    )
    if secured is not None:

        def changed(change: str, ended: Ended | None = None, **values: Any) -> None:
            if change == "up":
                asking.endpoint.connected()
            elif change == "failed" and ended is not None:
                reason = f"{UNSECURED}_{ended.cause}"
                asking.unsecured(reason)
                asking.endpoint.disconnected(error.NetworkError(reason))

        secured.on_change = changed
        asking.endpoint.hold_while(lambda: secured.shaking)
    account = await asking.run()
    ue.trace.emit("lwm2m", "bootstrapped", server=f"{account.host}:{account.port}", secured=account.secured)
    address = await ue.resolve(account.host)
    if address is None:
        raise BootstrapFailed("the platform's name is unknown")
    return account, address


def protection_of(account: Account) -> Protection | None:
    """How the connection to the platform of an account is secured."""
    return Protection(account.identity, account.key) if account.secured else None
