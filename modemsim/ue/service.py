"""What differs between the command families that keep a session with a platform."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """How a command family keeps its session; an outcome is "4.04", "timeout", "rst" or "not_sent".

    name: which family it is, told with every event. follows_address: whether the session goes on at a new
    address of the module, by an update. ends_on_update, ends_on_refresh: outcomes of an update that the host
    asked for, or of an automatic one, that end the session. ends_on_reset: whether a report answered with RST
    ends the session, or only the observation. ends_unanswered: whether a deregistration that nobody answers
    ends it. ids_per_report: message ids each report uses up. at_update: what a live session does when the
    periodic update of the network has woken the chip: 0 nothing, 1 update itself in silence, 2 tell the host.
    """

    name: str = "cloud"
    follows_address: bool = True
    ends_on_update: frozenset[str] = frozenset()
    ends_on_refresh: frozenset[str] = frozenset()
    ends_on_reset: bool = True
    ends_unanswered: bool = True
    ids_per_report: int = 1
    at_update: int = 0
