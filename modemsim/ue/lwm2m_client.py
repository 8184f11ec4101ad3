"""The module as an LwM2M device: its objects, and the client that registers them with a platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from modemsim.coap.endpoint import Tuning
from modemsim.lwm2m import objects
from modemsim.lwm2m.client import Client
from modemsim.lwm2m.model import ObjectInstance, Value
from modemsim.lwm2m.policy import Policy
from modemsim.lwm2m.tree import ObjectTree
from modemsim.net import Address
from modemsim.profile import Lwm2m
from modemsim.timing import Occasions
from modemsim.ue.security import Protection, follow, secure
from modemsim.ue.service import Service

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

SIGNAL_STRENGTH = (4, 0, 2)
"""The resource that changes with the network (object 4, Radio Signal Strength)."""


def make_client(
    ue: Ue,
    server: Address,
    name: str,
    lifetime: int,
    publish: Callable[..., None],
    service: Service | None = None,
    protection: Protection | None = None,
    binding: str | None = None,
) -> Client:
    """A client for `server` on a new socket of the module's bearer; `lifetime` in seconds, 0 for none.

    With a protection the connection is secured by DTLS.
    """
    ends_unanswered = service is None or service.ends_unanswered
    table = ue.profile.lwm2m
    chosen = replace(
        policy(table),
        binding=binding or table.binding,
        keep_on_unanswered_deregister=not ends_unanswered,
    )
    plain = ue.bearer.udp()
    secured = None if protection is None else secure(ue, plain, server, protection)
    client = Client(
        name=name,
        server=server,
        lifetime=lifetime,
        socket=secured or plain,
        objects=object_tree(ue, server, secured=secured is not None),
        policy=chosen,
        tuning=tuning(table, ue.network.coverage_level),
        stream=Occasions(ue.timing, "coap"),
        publish=publish,
        trace=ue.trace,
    )
    if secured is not None:
        follow(secured, client, publish)
    return client


def policy(table: Lwm2m) -> Policy:
    """The profile's way to register and notify."""
    return Policy(
        version=table.version,
        binding=table.binding,
        root=table.root,
        links=table.links,
        update_at=table.update_at,
        refresh=table.refresh,
        reregister_on_failed_update=table.reregister_on_failed_update,
        keep_on_failed_update=table.keep_on_failed_update,
        disable=table.disable,
        observe_answer=bytes.fromhex(table.observe_answer_hex),
        observe_format=table.observe_format,
        notify_observe_option=table.notify_observe_option,
    )


def tuning(table: Lwm2m, coverage_level: int) -> Tuning:
    """CoAP transmission parameters at a coverage level; seconds."""
    times = table.ack_timeout
    return Tuning(
        ack_timeout=times[coverage_level] if isinstance(times, tuple) else times,
        ack_random_factor=table.ack_random_factor,
        max_retransmit=table.max_retransmit,
        nstart=table.nstart,
    )


def object_tree(ue: Ue, server: Address, *, secured: bool = False) -> ObjectTree:
    """Objects 0, 1, 3, 4, 5, 19 and, where the profile lists it, 20 with the module's present figures."""
    logs = [objects.event_log()] if "20/0" in ue.profile.lwm2m.links else []
    return ObjectTree(
        *standard_objects(ue, server, secured=secured),
        objects.appdata_uplink(),
        objects.appdata_downlink(lambda payload: None),
        *logs,
    )


def standard_objects(ue: Ue, server: Address, *, secured: bool = False) -> list[ObjectInstance]:
    """Objects 0, 1, 3, 4 and 5, which every device has."""
    host, port = server
    return [
        objects.security(f"{'coaps' if secured else 'coap'}://{host}:{port}", secured=secured),
        objects.server(),
        _device(ue),
        _connectivity(ue),
        ue.firmware.object.instance() if ue.firmware.supported else objects.firmware(),
    ]


def _device(ue: Ue) -> ObjectInstance:
    return objects.device(
        {
            0: ue.identity.manufacturer,
            1: ue.identity.model,
            2: ue.identity.serial_number,
            3: lambda: ue.identity.revision,
            7: {0: ue.limit("supply_mv")},
            13: lambda: int(ue.calendar.now_utc().timestamp()),
            14: lambda: _utc_offset(ue.calendar.zone_quarters),
        },
        on_execute={
            4: lambda arguments: ue.reboot_soon(),
            5: lambda arguments: ue.factory_reset_soon(),
        },
    )


def _connectivity(ue: Ue) -> ObjectInstance:
    def rsrp() -> int:
        return ue.radio.signal().rsrp or 0

    def address() -> dict[int, Value]:
        return {0: ue.radio.ip or ""}

    def access_point() -> dict[int, Value]:
        return {0: ue.network.apn}

    return objects.connectivity(
        {
            2: rsrp,
            3: lambda: ue.radio.signal().rsrq or 0,
            4: address,
            7: access_point,
            8: lambda: ue.radio.signal().cell_id or 0,
            9: lambda: int(ue.network.plmn[3:]),
            10: lambda: int(ue.network.plmn[:3]),
        }
    )


def _utc_offset(quarters: int) -> str:
    """ISO 8601 offset of a zone given in quarters of an hour: 32 is +08:00."""
    minutes = abs(quarters) * 15
    return f"{'-' if quarters < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
