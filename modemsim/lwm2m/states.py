"""The states of an LwM2M registration and every transition between them."""

from __future__ import annotations

from enum import StrEnum


class ClientState(StrEnum):
    """Where a client stands with its server."""

    IDLE = "idle"
    REGISTERING = "registering"
    REGISTERED = "registered"
    DEREGISTERING = "deregistering"
    DEREGISTERED = "deregistered"
    REJECTED = "rejected"
    TIMEOUT = "timeout"


class Event(StrEnum):
    """What moves a client from one state to the next."""

    REGISTER = "register"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    DEREGISTER = "deregister"
    LEFT = "left"
    DROPPED = "dropped"


_S, _E = ClientState, Event

TRANSITIONS: dict[tuple[ClientState, Event], ClientState] = {
    (_S.IDLE, _E.REGISTER): _S.REGISTERING,
    (_S.REGISTERING, _E.ACCEPTED): _S.REGISTERED,
    (_S.REGISTERING, _E.REFUSED): _S.REJECTED,
    (_S.REGISTERING, _E.UNANSWERED): _S.TIMEOUT,
    (_S.REGISTERED, _E.REGISTER): _S.REGISTERING,
    (_S.REGISTERED, _E.REFUSED): _S.REJECTED,
    (_S.REGISTERED, _E.UNANSWERED): _S.TIMEOUT,
    (_S.REGISTERED, _E.DEREGISTER): _S.DEREGISTERING,
    (_S.DEREGISTERING, _E.LEFT): _S.DEREGISTERED,
    (_S.DEREGISTERING, _E.UNANSWERED): _S.REGISTERED,
    (_S.DEREGISTERED, _E.REGISTER): _S.REGISTERING,
    (_S.REJECTED, _E.REGISTER): _S.REGISTERING,
    (_S.TIMEOUT, _E.REGISTER): _S.REGISTERING,
    (_S.IDLE, _E.DROPPED): _S.IDLE,
    (_S.REGISTERING, _E.DROPPED): _S.IDLE,
    (_S.REGISTERED, _E.DROPPED): _S.IDLE,
    (_S.DEREGISTERING, _E.DROPPED): _S.IDLE,
    (_S.DEREGISTERED, _E.DROPPED): _S.IDLE,
    (_S.REJECTED, _E.DROPPED): _S.IDLE,
    (_S.TIMEOUT, _E.DROPPED): _S.IDLE,
}
"""A registered client is REFUSED or UNANSWERED when its update fails and it may not register again; one that
nobody lets go stays registered where its policy says so."""


class InvalidTransition(RuntimeError):
    """An event that a state does not know: a mistake of the caller."""


def follow(state: ClientState, event: Event) -> ClientState:
    """The state after an event; raises InvalidTransition where the table has none."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise InvalidTransition(f"a client that is {state} cannot be {event}") from None
