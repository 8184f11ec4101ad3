"""How the module was registered when an update began, so that it can be again after the restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from modemsim.ue.service import Service

if TYPE_CHECKING:
    from modemsim.lwm2m.client import Client
    from modemsim.ue.module import Ue

_SERVICE = TypeAdapter(Service)


def kept_session(ue: Ue, client: Client | None) -> dict[str, Any] | None:
    """Server, name, lifetime and command family of a client's session as JSON; None without one."""
    if client is None:
        return None
    return {
        "server": list(client.server),
        "name": client.name,
        "lifetime": client.lifetime,
        "service": _SERVICE.dump_python(ue.cloud.service, mode="json"),
    }


def register_again(ue: Ue, session: dict[str, Any]) -> bool:
    """Register as then, with the stored platform if there is one; False when that goes on already."""
    if ue.cloud.live or ue.cloud.registering:
        return False
    if ue.enrolment.server is not None:
        ue.enrolment.start()
        return True
    host, port = session["server"]
    service = _SERVICE.validate_python(session["service"])
    ue.open_cloud((host, port), name=session["name"], lifetime=session["lifetime"], service=service)
    return True
