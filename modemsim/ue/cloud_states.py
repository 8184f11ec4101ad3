"""States of the session with the platform, as one table, and the fate of its last confirmable uplink."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class Cloud(StrEnum):
    """State of the session with the platform."""

    UNINITIALISED = "uninitialised"
    REGISTERING = "registering"
    REGISTERED = "registered"
    OBSERVED = "observed"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    DEREGISTERING = "deregistering"
    DEREGISTERED = "deregistered"
    LOST = "lost"
    RESUMPTION_FAILED = "resumption_failed"


class CloudEvent(StrEnum):
    """What changes the state of the session."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    OBSERVE = "observe"
    CANCEL = "cancel"
    RESET = "reset"
    RETRY = "retry"
    CLOSE = "close"
    CLOSED = "closed"
    DROP = "drop"
    UNSECURED = "unsecured"


LIVE = (Cloud.REGISTERED, Cloud.OBSERVED)
ENDED = (
    Cloud.UNINITIALISED,
    Cloud.REJECTED,
    Cloud.TIMEOUT,
    Cloud.DEREGISTERED,
    Cloud.LOST,
    Cloud.RESUMPTION_FAILED,
)

TRANSITIONS: Mapping[tuple[Cloud, CloudEvent], Cloud] = {
    **{(state, CloudEvent.OPEN): Cloud.REGISTERING for state in ENDED},
    (Cloud.REGISTERING, CloudEvent.ACCEPTED): Cloud.REGISTERED,
    (Cloud.REGISTERING, CloudEvent.REFUSED): Cloud.REJECTED,
    (Cloud.REGISTERING, CloudEvent.UNANSWERED): Cloud.TIMEOUT,
    (Cloud.REGISTERED, CloudEvent.OBSERVE): Cloud.OBSERVED,
    (Cloud.OBSERVED, CloudEvent.OBSERVE): Cloud.OBSERVED,
    (Cloud.OBSERVED, CloudEvent.CANCEL): Cloud.REGISTERED,
    **{(state, CloudEvent.RESET): Cloud.LOST for state in LIVE},
    **{(state, CloudEvent.UNSECURED): Cloud.RESUMPTION_FAILED for state in LIVE},
    **{(state, CloudEvent.RETRY): Cloud.REGISTERING for state in LIVE},
    **{(state, CloudEvent.CLOSE): Cloud.DEREGISTERING for state in LIVE},
    (Cloud.DEREGISTERING, CloudEvent.CLOSED): Cloud.DEREGISTERED,
    **{(state, CloudEvent.DROP): Cloud.UNINITIALISED for state in Cloud},
}
"""Every permitted change; an event that is not listed for a state has no effect."""


class UplinkStatus(IntEnum):
    """Fate of the last confirmable uplink (BC260Y CT guide 1.1, 2.3.8)."""

    NOT_SENT = 0
    WAITING = 1
    FAILED = 2
    TIMEOUT = 3
    ACKNOWLEDGED = 4
    RESET = 5
