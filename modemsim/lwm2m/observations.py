"""The resources a server observes: raw notifications by hand, value notifications by attribute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiocoap import Message
from aiocoap.numbers.codes import CONTENT
from aiocoap.numbers.constants import Reliable, Unreliable

from modemsim.coap.blockwise import BlockTransfers
from modemsim.coap.endpoint import MessageEvent
from modemsim.lwm2m import content
from modemsim.lwm2m.account import ACCOUNT, MAX_PERIOD, MIN_PERIOD
from modemsim.lwm2m.attributes import AttributeStore
from modemsim.lwm2m.model import Path
from modemsim.lwm2m.policy import Policy
from modemsim.lwm2m.tree import ObjectTree, Target

_OBSERVE_VALUES = 1 << 24
_OUTCOMES = {"tx": "sent", "ack": "ack", "rst": "rst", "timeout": "timeout"}


@dataclass(eq=False, slots=True)
class Observation:
    """One observed path: the pipe its notifications go into, and what was told last."""

    target: Target
    pipe: Any
    content_format: int
    raw: bool
    last: float | None
    told_at: float
    counter: int = 0
    pending: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def path(self) -> Path:
        """What is observed."""
        return self.target.path

    @property
    def token(self) -> bytes:
        """What the server knows the observation by."""
        token: bytes = self.pipe.request.token
        return token

    def stop(self) -> None:
        """Cancel what is planned."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Observations:
    """All observations of one server; a path has one at most, and a newer one takes its place."""

    def __init__(
        self,
        tree: ObjectTree,
        attributes: AttributeStore,
        blocks: BlockTransfers,
        policy: Policy,
        publish: Callable[..., None],
    ) -> None:
        self._tree = tree
        self._attributes = attributes
        self._blocks = blocks
        self._policy = policy
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._observed: dict[Path, Observation] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self._observed

    def request_of(self, path: Path) -> tuple[bytes, int | None] | None:
        """Token and Accept of the request that began the observation of a path; None without one."""
        observation = self._observed.get(path)
        return None if observation is None else (observation.token, observation.pipe.request.opt.accept)

    def clear(self) -> None:
        """Forget everything without a word, as a new registration does."""
        for observation in self._observed.values():
            observation.stop()
        self._observed.clear()

    def supersede(self, request: Message, path: Path | None) -> bool:
        """End the observation whose token a new request carries (RFC 7641 3.6); True if there was one.

        It is not reported when the request observes the same path again.
        """
        for observation in self._observed.values():
            if observation.token == request.token:
                renewed = request.opt.observe == 0 and observation.path == path
                self._remove(observation, None if renewed else "cancel")
                return True
        return False

    def begin(self, pipe: Any, target: Target, accept: int | None, answer: Message | None = None) -> None:
        """Answer an Observe request and keep its pipe; raises Refusal 4.06 if Accept does not fit.

        With an `answer` the values are the host's business: it is sent as it is, and notifications are raw.
        """
        raw = answer is not None or (
            target.resource is not None and target.resource.id in target.instances[0].raw
        )
        chosen = (
            content.OPAQUE
            if raw
            else content.choose(target, self._policy.understood(accept), self._policy.single_format)
        )
        if answer is not None:
            pass
        elif target.path == self._policy.data_path:
            answer = self.data_answer()
        else:
            payload = b"" if raw else content.render(target, chosen)
            answer = Message(code=CONTENT, payload=payload, content_format=chosen)
        answer.opt.observe = 0
        if target.path in self._observed:
            self._remove(self._observed[target.path], None)
        observation = Observation(target, pipe, chosen, raw, self._number(target, raw), self._loop.time())
        self._observed[target.path] = observation
        first = self._blocks.cut(pipe.request, answer)
        first.answers = getattr(answer, "answers", None)
        pipe.add_response(first, is_last=False)
        self._plan(observation)
        cause = "resume" if getattr(pipe.request, "resumed", False) else "observe"
        self._publish("lwm2m.observed", path=target.path, active=True, cause=cause)

    def data_answer(self) -> Message:
        """The answer to an Observe (or its end) of the resource that carries the host's data."""
        return Message(
            code=CONTENT, payload=self._policy.observe_answer, content_format=self._policy.observe_format
        )

    def notify(
        self, path: Path, payload: bytes, *, confirmable: bool, rai: int, content_format: int = content.OPAQUE
    ) -> int:
        """Send a payload as a notification; returns its message id, raises LookupError when not observed."""
        if path not in self._observed:
            raise LookupError(f"/{'/'.join(map(str, path))} is not observed")
        message_id = self._send(self._observed[path], payload, content_format, confirmable, rai)
        if message_id is None:
            raise LookupError(f"/{'/'.join(map(str, path))} is observed no longer")
        return message_id

    def accepts(self, path: Path) -> int | None:
        """The content format that the server asked for when it began to observe a path, if it did."""
        accept: int | None = self._observed[path].pipe.request.opt.accept
        return accept

    def lost(self, path: Path) -> None:
        """The server never got, or does not want, the answer that began the observation of a path."""
        if path in self._observed:
            self._remove(self._observed[path], "rst")

    def changed(self, path: Path) -> None:
        """A value at or below a path changed: notify now, later (pmin) or not (gt, lt, st)."""
        for observation in tuple(self._observed.values()):
            shared = min(len(path), len(observation.path))
            if observation.raw or path[:shared] != observation.path[:shared]:
                continue
            now = self._number(observation.target, observation.raw)
            if now is not None and observation.last is not None:
                attributes = self._attributes.effective(observation.path)
                observation.pending = attributes.crossed(observation.last, now)
            else:
                observation.pending = True
            self._plan(observation)

    def replan(self) -> None:
        """Attributes changed: due instants are worked out anew."""
        for observation in tuple(self._observed.values()):
            self._plan(observation)

    def happened(self, event: MessageEvent) -> None:
        """Report what became of a notification; a reset ends its observation."""
        observation: Observation | None = getattr(event.message, "observation", None)
        outcome = _OUTCOMES.get(event.kind)
        if observation is None or outcome is None:
            return
        confirmable = bool(event.message.transport_tuning.reliability)
        self._publish(
            "lwm2m.report",
            path=observation.path,
            message_id=event.message_id,
            outcome=outcome,
            confirmable=confirmable,
        )
        if outcome == "rst" and self._observed.get(observation.path) is observation:
            self._remove(observation, "rst")

    def _remove(self, observation: Observation, cause: str | None) -> None:
        observation.stop()
        del self._observed[observation.path]
        if cause is not None:
            self._publish("lwm2m.observed", path=observation.path, active=False, cause=cause)

    def _number(self, target: Target, raw: bool) -> float | None:
        """The present value, if it is one number."""
        resource = target.resource
        if raw or resource is None or resource.multiple or not resource.type.numeric:
            return None
        value = target.instances[0].read(resource.id)
        return value if isinstance(value, int | float) else None

    def _periods(self, path: Path) -> tuple[float, float]:
        """pmin and pmax (0: none) that hold for a path; the server object has the defaults."""
        attributes = self._attributes.effective(path)
        pmin, pmax = attributes.pmin, attributes.pmax
        return (
            self._default(MIN_PERIOD) if pmin is None else pmin,
            self._default(MAX_PERIOD) if pmax is None else pmax,
        )

    def _default(self, resource_id: int) -> int:
        try:
            value = self._tree.instance(*ACCOUNT).read(resource_id)
        except KeyError:
            return 0
        return value if isinstance(value, int) else 0

    def _plan(self, observation: Observation) -> None:
        """Send what is due and set the timer for what will be."""
        observation.stop()
        if observation.raw:
            return
        pmin, pmax = self._periods(observation.path)
        due = [observation.told_at + pmin] if observation.pending else []
        if pmax > 0:
            due.append(observation.told_at + max(pmin, pmax))
        if not due:
            return
        if min(due) <= self._loop.time():
            self._tell(observation)
        else:
            observation.timer = self._loop.call_at(min(due), self._tell, observation)

    def _tell(self, observation: Observation) -> None:
        payload = content.render(observation.target, observation.content_format)
        confirmable = self._policy.confirmable_values
        self._send(observation, payload, observation.content_format, confirmable, 0)

    def _send(
        self, observation: Observation, payload: bytes, content_format: int, confirmable: bool, rai: int
    ) -> int | None:
        """Send one notification; its message id, or None when a newer request took its token meanwhile."""
        observation.counter = (observation.counter + 1) % _OBSERVE_VALUES
        message = Message(code=CONTENT, payload=payload, content_format=content_format)
        message.opt.observe = observation.counter if self._policy.notify_observe_option else None
        message = self._blocks.cut(observation.pipe.request, message)
        message.transport_tuning = Reliable() if confirmable else Unreliable()
        message.rai = rai
        message.observation = observation
        observation.told_at = self._loop.time()
        observation.last = self._number(observation.target, observation.raw)
        observation.pending = False
        observation.pipe.add_response(message, is_last=False)
        if self._observed.get(observation.path) is observation:
            self._plan(observation)
        message_id: int | None = message.mid
        return message_id
