"""What the module asks the network for to save power: the host's settings as timers in seconds."""

from __future__ import annotations

from typing import Any

from modemsim.profile.power import PsmTable
from modemsim.radio import timers
from modemsim.radio.psm import Saving
from modemsim.ue.settings import Settings

OFF = "11100000"
"""A timer that the network did not grant (SIM7020 low power note 1.03, 6.2.2)."""


def setting_keys(table: PsmTable) -> frozenset[str]:
    """The settings of a profile that the wish depends on."""
    keys = (table.mode, table.active, table.periodic, table.edrx, table.cycle, table.window, table.release,
            table.release_after)  # fmt: skip
    return frozenset(key for key in keys if key)


def wished(table: PsmTable, settings: Settings) -> Saving:
    """The timers to ask for under the settings in force."""

    def value(key: str | None) -> Any:
        return settings.get(key) if key else None

    psm, edrx = value(table.mode) == 1, value(table.edrx) in (1, 2)
    active, periodic, cycle, window = map(value, (table.active, table.periodic, table.cycle, table.window))
    return Saving(
        active=timers.active_seconds(active) if psm and active else None,
        periodic=timers.periodic_seconds(periodic) if psm and periodic else None,
        cycle=timers.cycle_seconds(cycle) if edrx and cycle else None,
        window=timers.window_seconds(window) if edrx and window else None,
    )


def early_release(table: PsmTable, settings: Settings) -> float | None:
    """Seconds without data after which the module asks for the release; None: it does not ask."""
    if table.release is None or table.release_after is None or settings.get(table.release) != 1:
        return None
    return float(settings.get(table.release_after))


def granted_fields(saving: Saving) -> dict[str, str | None]:
    """The granted timers in the spelling of +CEREG: eight bits each, None where not granted."""
    psm = saving.active is not None
    active = timers.active_bits(saving.active) if saving.active is not None else None
    tau = timers.periodic_bits(saving.periodic) if psm and saving.periodic is not None else None
    return {"active": active, "tau": tau, "active_or_off": active or OFF, "tau_or_off": tau or OFF}


def edrx_fields(wish: Saving, granted: Saving) -> dict[str, str | None]:
    """eDRX as +CEDRXP and +CEDRXRDP write it: cycle asked for, cycle and paging window granted."""

    def cycle(saving: Saving) -> str | None:
        return None if saving.cycle is None else timers.cycle_bits(saving.cycle)

    window = granted.window if granted.cycle is not None else None
    return {
        "asked": cycle(wish),
        "cycle": cycle(granted),
        "window": None if window is None else timers.window_bits(window),
    }
