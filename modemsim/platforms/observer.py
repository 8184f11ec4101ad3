"""The observation of a device's data path, which a platform keeps for as long as the registration lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from aiocoap import Code, Message, error

from modemsim.coap.endpoint import Endpoint, Observation
from modemsim.platforms.questions import segments
from modemsim.platforms.session import Session
from modemsim.platforms.style import PlatformStyle

_OCTET_STREAM = 42


class Owner(Protocol):
    """What the observation needs of its platform."""

    style: ClassVar[PlatformStyle]

    @property
    def coap(self) -> Endpoint | None:
        """The endpoint; None while the platform is stopped."""

    def emit(self, event: str, **fields: object) -> None:
        """Record an event."""

    def heard(self, session: Session) -> None:
        """A device gave a sign of life."""


class DataObserver:
    """Observes the data path of the devices of one platform; hands what they tell to `arrived`."""

    def __init__(self, owner: Owner, arrived: Callable[[Session, Message], None]) -> None:
        self._owner = owner
        self._arrived = arrived

    def observe(self, session: Session) -> None:
        """Ask a device for its data from now on; nothing happens while either side cannot speak."""
        coap, address = self._owner.coap, session.device.address
        if coap is None or address is None:
            return
        path = segments(self._owner.style.observe)
        message = Message(code=Code.GET, accept=_OCTET_STREAM, uri_path=path)
        observation = coap.observe(message, address, lambda told: self._told(session, told))
        session.observation = observation
        observation.response.add_done_callback(lambda _: self._answered(session, observation))

    def _answered(self, session: Session, observation: Observation) -> None:
        if observation is not session.observation:
            return
        problem = _refusal_of(observation)
        if problem is None:
            self._stands(session)
            self._owner.heard(session)
        else:
            session.observation = None
            self._emit("observe_failed", session, reason=problem)

    def _stands(self, session: Session) -> None:
        if not session.device.observed:
            session.device.observed = True
            self._emit("observed", session)
            session.queue.open()

    def _told(self, session: Session, message: Message) -> None:
        if not message.code.is_successful():
            session.forget_observation()
            self._emit("observation_ended", session, code=message.code.dotted)
            return
        self._stands(session)
        self._arrived(session, message)

    def _emit(self, event: str, session: Session, **fields: object) -> None:
        endpoint, path = session.device.endpoint, self._owner.style.observe
        self._owner.emit(event, endpoint=endpoint, path=path, **fields)


def _refusal_of(observation: Observation) -> str | None:
    """Why the answer to an observe request is none: "timeout", "reset", a code; None: it is observed."""
    if observation.response.cancelled():
        return "cancelled"
    problem = observation.response.exception()
    if problem is not None:
        return "reset" if isinstance(problem, error.MessageError) else "timeout"
    answer = observation.response.result()
    if not answer.code.is_successful():
        return str(answer.code.dotted)
    return "no Observe option" if answer.opt.observe is None else None
