"""The EMM state machine: what the module is to the mobile network (3GPP TS 24.301 5.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Emm(Enum):
    """An EMM state with the `stat` AT+CEREG shows for it (3GPP TS 27.007 10.1.22)."""

    OFF = ("off", 0)
    LIMITED = ("limited", 0)  # switched on without a usable USIM
    DETACHED = ("detached", 0)
    SEARCHING = ("searching", 2)
    ATTACHING = ("attaching", 2)
    DENIED = ("denied", 3)
    HOME = ("home", 1)
    ROAMING = ("roaming", 5)

    def __init__(self, label: str, stat: int) -> None:
        self.label = label
        self.stat = stat

    @property
    def registered(self) -> bool:
        """The network knows the module and serves it."""
        return self in (Emm.HOME, Emm.ROAMING)

    @property
    def camped(self) -> bool:
        """The module has chosen a cell, so it measures one."""
        return self in (Emm.ATTACHING, Emm.HOME, Emm.ROAMING, Emm.DENIED, Emm.DETACHED)


class EmmEvent(Enum):
    """What moves the EMM state."""

    SWITCH_ON = auto()  # AT+CFUN=1 with a USIM
    SWITCH_ON_WITHOUT_SIM = auto()
    SWITCH_ON_WITHOUT_ATTACH = auto()  # AT+CFUN=1 on a module told to wait for AT+CGATT=1
    SWITCH_OFF = auto()  # AT+CFUN=0 or 4, power off, power cut
    CELL_FOUND = auto()
    CELL_LOST = auto()  # out of coverage
    ACCEPTED = auto()
    ACCEPTED_ROAMING = auto()
    REJECTED = auto()
    BACKED_OFF = auto()  # congestion: try again later
    SIM_GONE = auto()
    ATTACH = auto()  # AT+CGATT=1
    DETACH = auto()  # AT+CGATT=0


TRANSITIONS: Mapping[tuple[Emm, EmmEvent], Emm] = {
    (Emm.OFF, EmmEvent.SWITCH_ON): Emm.SEARCHING,
    (Emm.OFF, EmmEvent.SWITCH_ON_WITHOUT_SIM): Emm.LIMITED,
    (Emm.OFF, EmmEvent.SWITCH_ON_WITHOUT_ATTACH): Emm.DETACHED,
    (Emm.LIMITED, EmmEvent.ATTACH): Emm.SEARCHING,
    (Emm.LIMITED, EmmEvent.DETACH): Emm.LIMITED,
    (Emm.LIMITED, EmmEvent.SWITCH_OFF): Emm.OFF,
    (Emm.SEARCHING, EmmEvent.CELL_FOUND): Emm.ATTACHING,
    (Emm.SEARCHING, EmmEvent.DETACH): Emm.DETACHED,
    (Emm.SEARCHING, EmmEvent.SWITCH_OFF): Emm.OFF,
    (Emm.ATTACHING, EmmEvent.ACCEPTED): Emm.HOME,
    (Emm.ATTACHING, EmmEvent.ACCEPTED_ROAMING): Emm.ROAMING,
    (Emm.ATTACHING, EmmEvent.REJECTED): Emm.DENIED,
    (Emm.ATTACHING, EmmEvent.BACKED_OFF): Emm.SEARCHING,
    (Emm.ATTACHING, EmmEvent.CELL_LOST): Emm.SEARCHING,
    (Emm.ATTACHING, EmmEvent.SIM_GONE): Emm.LIMITED,
    (Emm.ATTACHING, EmmEvent.DETACH): Emm.DETACHED,
    (Emm.ATTACHING, EmmEvent.SWITCH_OFF): Emm.OFF,
    (Emm.HOME, EmmEvent.CELL_LOST): Emm.SEARCHING,
    (Emm.HOME, EmmEvent.DETACH): Emm.DETACHED,
    (Emm.HOME, EmmEvent.SWITCH_OFF): Emm.OFF,
    (Emm.ROAMING, EmmEvent.CELL_LOST): Emm.SEARCHING,
    (Emm.ROAMING, EmmEvent.DETACH): Emm.DETACHED,
    (Emm.ROAMING, EmmEvent.SWITCH_OFF): Emm.OFF,
    (Emm.DENIED, EmmEvent.ATTACH): Emm.SEARCHING,
    (Emm.DENIED, EmmEvent.DETACH): Emm.DETACHED,
    (Emm.DENIED, EmmEvent.SWITCH_OFF): Emm.OFF,
    (Emm.DETACHED, EmmEvent.ATTACH): Emm.SEARCHING,
    (Emm.DETACHED, EmmEvent.DETACH): Emm.DETACHED,
    (Emm.DETACHED, EmmEvent.SWITCH_OFF): Emm.OFF,
}
