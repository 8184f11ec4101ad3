"""Host data on its way up: given to the cloud session, watched until it leaves, and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


@dataclass(eq=False)
class _Waiting:
    """One uplink that has not left yet."""

    sequence: int | None


class Uplinks:
    """The counters behind NQMGS, and the events `uplink.sent` and `uplink.discarded` behind NSMI.

    Each event tells `sequence` (the host's number), `numbered` (whether there is one) and `confirmable`.
    """

    def __init__(self, ue: Ue) -> None:
        self._ue = ue
        self._waiting: list[_Waiting] = []
        self.sent = 0
        self.errors = 0

    @property
    def pending(self) -> int:
        """Uplinks that wait for the signalling connection."""
        return len(self._waiting)

    def holds(self, sequence: int | None) -> bool:
        """Whether an uplink of this number has not left yet, or waits for its acknowledgement."""
        if sequence is None:
            return False
        cloud = self._ue.cloud
        acknowledged = not (cloud.report_pending and cloud.uplink_sequence == sequence)
        return not acknowledged or any(uplink.sequence == sequence for uplink in self._waiting)

    def send(self, payload: bytes, *, confirmable: bool, rai: int, sequence: int | None) -> None:
        """Send host data; the session must be observed."""
        self._ue.cloud.send(payload, confirmable=confirmable, rai=rai, sequence=sequence)
        self._ue.spawn(self._watch(_Waiting(sequence), confirmable))

    async def _watch(self, uplink: _Waiting, confirmable: bool) -> None:
        """The datagram leaves when the signalling connection stands."""
        self._waiting.append(uplink)
        try:
            await self._ue.radio.connect()
        except ConnectionError:
            self.errors += 1
            event = "uplink.discarded"
        else:
            self.sent += 1
            event = "uplink.sent"
        finally:
            if uplink in self._waiting:
                self._waiting.remove(uplink)
        numbered = uplink.sequence is not None
        self._ue.publish(event, sequence=uplink.sequence, numbered=numbered, confirmable=confirmable)

    def clear(self) -> None:
        """Forget uplinks and counters, as a restart does."""
        self._waiting.clear()
        self.sent = self.errors = 0
