"""Downlink commands: their states, and the queue that sends a device's commands when it can hear them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modemsim.platforms.style import PlatformStyle


class DownlinkState(StrEnum):
    """Where a downlink command is; COMPLETED and FAILED are final, DELIVERED is for one without response."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    FAILED = "failed"


class DownlinkEvent(StrEnum):
    """What happens to a downlink command."""

    SEND = "send"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    POSTPONED = "postponed"
    ABANDONED = "abandoned"
    ANSWERED = "answered"


TRANSITIONS: Mapping[tuple[DownlinkState, DownlinkEvent], DownlinkState] = {
    (DownlinkState.QUEUED, DownlinkEvent.SEND): DownlinkState.SENT,
    (DownlinkState.QUEUED, DownlinkEvent.ABANDONED): DownlinkState.FAILED,
    (DownlinkState.SENT, DownlinkEvent.ACCEPTED): DownlinkState.DELIVERED,
    (DownlinkState.SENT, DownlinkEvent.REFUSED): DownlinkState.FAILED,
    (DownlinkState.SENT, DownlinkEvent.POSTPONED): DownlinkState.QUEUED,
    (DownlinkState.SENT, DownlinkEvent.ABANDONED): DownlinkState.FAILED,
    (DownlinkState.SENT, DownlinkEvent.ANSWERED): DownlinkState.COMPLETED,
    (DownlinkState.DELIVERED, DownlinkEvent.ANSWERED): DownlinkState.COMPLETED,
}


@dataclass
class Downlink:
    """One command to a device; `reason` says why it failed ("timeout", "4.04", "not registered" ...).

    A service command has a `task_id`, under which the device's response arrives as an uplink of its own.
    """

    id: str
    endpoint: str
    payload: bytes
    created: float
    state: DownlinkState = DownlinkState.QUEUED
    reason: str | None = None
    task_id: int | None = None
    response: bytes | None = None
    attempts: int = field(default=0, repr=False)

    def advance(self, event: DownlinkEvent, reason: str | None = None) -> None:
        """Move along TRANSITIONS; raises KeyError for a step that the table does not have."""
        self.state = TRANSITIONS[self.state, event]
        self.reason = reason


class Unanswered(Exception):
    """The device did not answer a request in the time its retransmissions take."""


class Rejected(Exception):
    """The device answered a request with an error; the text is the response code or "reset"."""


class DownlinkQueue:
    """Sends one device's commands in order, one at a time, while the device can hear.

    A device can hear from its observation on (`open`), in queue mode only for `queue_window` seconds after it
    was heard. A command without an answer goes back to the head of the queue until the device is heard again,
    and has failed after `attempts` transmissions.
    """

    def __init__(
        self,
        style: PlatformStyle,
        write: Callable[[bytes], Coroutine[Any, Any, None]],
        report: Callable[[Downlink], None],
    ) -> None:
        self._style = style
        self._write = write
        self._report = report
        self._waiting: list[Downlink] = []
        self._current: Downlink | None = None
        self._task: asyncio.Task[None] | None = None
        self._open = False
        self._awake_until = -math.inf

    def add(self, downlink: Downlink) -> None:
        """Queue a command; it leaves at once if the device can hear and nothing is before it."""
        self._waiting.append(downlink)
        self._report(downlink)
        self._pump()

    def heard(self, *, queue_mode: bool) -> None:
        """The device gave a sign of life, so what waits for one may leave."""
        now = asyncio.get_running_loop().time()
        self._awake_until = now + self._style.queue_window if queue_mode else math.inf
        self._pump()

    def sleep(self) -> None:
        """The device cannot hear from now on, until it is heard."""
        self._awake_until = -math.inf

    def answered(self, downlink: Downlink, response: bytes) -> None:
        """The device has responded to a service command, maybe before its acknowledgement arrived."""
        if (downlink.state, DownlinkEvent.ANSWERED) in TRANSITIONS:
            downlink.response = response
            self._finish(downlink, DownlinkEvent.ANSWERED)

    def open(self) -> None:
        """The device is registered and observed."""
        self._open = True
        self._pump()

    def close(self) -> None:
        """The device cannot be reached any more; a command under way waits for the next `open`."""
        self._open = False
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._current is not None:
            downlink, self._current = self._current, None
            self._postpone(downlink)

    def abandon(self, reason: str) -> None:
        """Close, and fail every command that is not done."""
        self.close()
        while self._waiting:
            self._finish(self._waiting.pop(0), DownlinkEvent.ABANDONED, reason)

    def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is None and self._waiting and self._open and loop.time() <= self._awake_until:
            self._current = self._waiting.pop(0)
            self._task = loop.create_task(self._send(self._current))

    async def _send(self, downlink: Downlink) -> None:
        downlink.attempts += 1
        self._finish(downlink, DownlinkEvent.SEND)
        try:
            await self._write(downlink.payload)
        except Unanswered:
            self._awake_until = -math.inf
            if downlink.attempts < self._style.attempts:
                self._postpone(downlink)
            else:
                self._finish(downlink, DownlinkEvent.ABANDONED, "timeout")
        except Rejected as problem:
            self._finish(downlink, DownlinkEvent.REFUSED, str(problem))
        else:
            self._finish(downlink, DownlinkEvent.ACCEPTED)
        self._current = self._task = None
        self._pump()

    def _postpone(self, downlink: Downlink) -> None:
        if downlink.state is DownlinkState.COMPLETED:
            return
        if downlink.state is DownlinkState.SENT:
            self._finish(downlink, DownlinkEvent.POSTPONED)
        self._waiting.insert(0, downlink)

    def _finish(self, downlink: Downlink, event: DownlinkEvent, reason: str | None = None) -> None:
        if downlink.state is DownlinkState.COMPLETED:
            return  # what became of the write is of no interest any more
        downlink.advance(event, reason)
        self._report(downlink)
