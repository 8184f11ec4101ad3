"""The command catalogue of a profile: declarations of its families, narrowed by its entries."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from types import MappingProxyType

from modemsim.at.catalogue import Catalogue
from modemsim.at.command import Command, Entry
from modemsim.profile import CommandEntry, Profile, ProfileError

FAMILIES = (
    "v250",
    "ts27007",
    "power27007",
    "quectel",
    "ctiot",
    "simcom_line",
    "simcom",
    "simcom_network",
    "saving_simcom",
    "simcom_coap",
    "ctiot_simcom",
    "aep_simcom",
    "neul",
    "neul_network",
    "neul_contexts",
    "neul_statistics",
    "ctiot_neul",
    "ec800e",
    "ec800e_network",
    "usim_quectel",
    "pdp_quectel",
    "lwm2m_quectel",
    "sockets_quectel",
    "ip_quectel",
    "names_bc260y",
    "sockets_ec800e",
    "files_quectel",
    "ssl_quectel",
    "sends_ec800e",
    "mqtt_config_quectel",
    "mqtt_quectel",
    "mqtt_ec800e",
    "mqtt_neul",
    "fota_quectel",
    "sockets_neul",
    "sockets_neul_send",
    "sockets_simcom",
    "ip_simcom",
    "cip_settings_simcom",
    "cip_simcom",
    "mqtt_simcom",
    "tls_simcom",
)
"""Modules of this package; a profile names the ones its module speaks, a later one going first."""


@cache
def family(name: str) -> MappingProxyType[str, type[Command]]:
    """The command declarations of one family, by command name."""
    module = import_module(f"modemsim.commands.{name}")
    found = (item for item in vars(module).values() if inspect.isclass(item) and issubclass(item, Command))
    return MappingProxyType(
        {item.name: item for item in found if item.__module__ == module.__name__ and item.name}
    )


def declarations(profile: Profile) -> dict[str, type[Command]]:
    """Every declaration the profile's families offer, by command name."""
    offered: dict[str, type[Command]] = {}
    for name in profile.families:
        if name not in FAMILIES:
            raise ProfileError(f"{profile.name}: families: there is no command family {name!r}; "
                               f"known are {', '.join(FAMILIES)}")  # fmt: skip
        offered.update(family(name))
    return offered


def catalogue(profile: Profile) -> Catalogue:
    """The commands this module has; raises ProfileError for a listed command that nobody declares."""
    offered = declarations(profile)
    commands = []
    for name, entry in profile.commands.items():
        declared = offered.get(name)
        if declared is None:
            raise ProfileError(f"{profile.name}: commands: {name} is declared in none of the families "
                               f"{', '.join(profile.families)}")  # fmt: skip
        try:
            commands.append(declared(_entry(entry)))
        except ValueError as error:
            raise ProfileError(f"{profile.name}: commands.{name}: {error}") from None
    return Catalogue(commands)


def _entry(entry: CommandEntry) -> Entry:
    """Profile data -> what the command declaration takes."""
    given = entry.model_dump(exclude_unset=True)
    return Entry(**{key: value for key, value in given.items() if value is not None})
