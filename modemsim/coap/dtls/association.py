"""One DTLS session as a pure object: flights, their retransmission and the filters around a library's engine.

The library does the cryptography and the state machine of the handshake. When a flight is sent again is
decided here, from the instants that the caller passes in (RFC 6347 4.2.4): intervals double from
`Timers.first` to `Timers.longest`, and when the longest one is over the handshake has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from modemsim.coap.dtls.engine import Engine, EngineError
from modemsim.coap.dtls.records import (
    ALERT,
    BAD_RECORD_MAC,
    CHANGE_CIPHER_SPEC,
    CLIENT_KEY_EXCHANGE,
    FATAL,
    HANDSHAKE,
    HEADER,
    HELLO_VERIFY_REQUEST,
    alert,
    alert_name,
    epoch,
    message,
    numbered,
    pack,
    plausible,
    sequence,
    split,
)


@dataclass(frozen=True, slots=True)
class Timers:
    """Retransmission of handshake flights, in seconds: the first interval, and the longest one."""

    first: float = 1.0
    longest: float = 60.0

    def after(self, interval: float) -> float | None:
        """The interval that follows one; None when there is none and the handshake has failed."""
        return None if interval >= self.longest else min(2 * interval, self.longest)


class Cause(StrEnum):
    """Why a session is over."""

    TIMEOUT = "timeout"
    ALERT = "alert"
    CLOSE_NOTIFY = "close_notify"
    ERROR = "error"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a session: its cause, and the alert or the library's words."""

    cause: Cause
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}" if self.detail else str(self.cause)


@dataclass(slots=True)
class Fed:
    """What one datagram led to: plaintexts for the user, datagrams for the peer."""

    plaintexts: list[bytes] = field(default_factory=list)
    datagrams: list[bytes] = field(default_factory=list)


class Association:
    """One session with one peer; `ended` is None while it lives, at `deadline` `step` wants to be called.

    Nothing here knows sockets or clocks: every call gets the instant `now` in seconds and returns datagrams.
    """

    def __init__(self, engine: Engine, timers: Timers, *, server: bool) -> None:
        self.engine = engine
        self.server = server
        self.up = False
        self.ended: Ended | None = None
        self.deadline: float | None = None
        self._timers = timers
        self._interval = timers.first
        self._flight: list[bytes] = []
        self._sent = -1
        self._shift = 0
        self._received = -1
        self._received_shift = 0
        self._last_message: bytes | None = None
        self._seen: set[str] = set()  # of a client's last flight, each only behind the one before

    # For the owner

    def step(self, now: float) -> list[bytes]:
        """Begin the handshake (client), or do what is due at `deadline`: send the flight again, or give
        up."""
        if self.ended is not None or self.up:
            return []
        if not self._flight:
            return [] if self.server else self._begin(now)
        if self.deadline is None or now < self.deadline:
            return []
        following = self._timers.after(self._interval)
        if following is None:
            self._end(Cause.TIMEOUT)
            return []
        self._interval = following
        self.deadline = now + following
        return pack(self._repeat_flight())

    def feed(self, data: bytes, now: float) -> Fed:
        """Take one datagram of the peer; what is not part of this session is discarded without a word."""
        fed = Fed()
        if self.ended is not None:
            return fed
        kept = [self._mapped(record) for record in split(data) if self._wanted(record)]
        if self.ended is not None or not kept:
            return fed
        was_up = self.up
        repeated = was_up and any(record[0] == HANDSHAKE for record in kept)
        try:
            fed.plaintexts, output = self.engine.feed(b"".join(kept))
        except EngineError as error:
            self._engine_ended(error, fed)
            return fed
        if output:
            fed.datagrams = pack(self._sending(output, now))
        elif repeated:
            fed.datagrams = pack(self._repeat_bytes())
        if not was_up:
            self._progress(fed)
        return fed

    def write(self, plaintext: bytes) -> list[bytes]:
        """Datagrams that carry a plaintext; none unless the session is up."""
        if not self.up or self.ended is not None:
            return []
        try:
            return list(split(self.engine.write(plaintext)))
        except EngineError as error:
            self._end(Cause.ERROR, str(error))
            return []

    def close(self) -> list[bytes]:
        """End the session; the datagrams say close_notify if it was up."""
        if self.ended is not None:
            return []
        output = self.engine.shutdown() if self.up else b""
        self._end(Cause.LOCAL)
        return pack(split(output))

    # Incoming

    def _wanted(self, record: bytes) -> bool:
        """Whether the engine shall see a record; notes what passes."""
        if epoch(record) > 1 or (self.up and epoch(record) == 0):
            return False
        if epoch(record) == 1:
            if record[0] == HANDSHAKE and "cipher" in self._seen:
                self._seen.add("finished")
            return True
        if not plausible(record, from_server=not self.server):
            return False
        if record[0] == ALERT:
            if record[HEADER] == FATAL:
                self._end(Cause.ALERT, alert_name(record[HEADER + 1]))
            return False
        if record[0] == CHANGE_CIPHER_SPEC and "key" in self._seen:
            self._seen.add("cipher")
        elif message(record) == CLIENT_KEY_EXCHANGE:
            self._seen.add("key")
        if record[0] == HANDSHAKE:
            self._last_message = record
        return True

    def _mapped(self, record: bytes) -> bytes:
        """A record of the peer under the number that the engine sees, behind the duplicates it was shown."""
        if epoch(record):
            return record
        number = sequence(record) + self._received_shift
        self._received = max(self._received, number)
        return numbered(record, number)

    def _engine_ended(self, error: EngineError, fed: Fed) -> None:
        records = list(split(error.output))
        fed.datagrams = pack(self._numbered(records))
        if error.closed:
            self._end(Cause.CLOSE_NOTIFY)
            return
        said = [record for record in records if record[0] == ALERT and epoch(record) == 0]
        self._end(Cause.ERROR, alert_name(said[-1][HEADER + 1]) if said else str(error))

    def _progress(self, fed: Fed) -> None:
        """Come up when the engine is done; a server tells a client whose proof of the key is wrong so.

        The side that sent the last flight keeps it, for the other one may have missed it.
        """
        if self.engine.done:
            self.up = True
            self.deadline = None
            if not fed.datagrams:
                self._flight = []
        elif self.server and "finished" in self._seen:
            self._sent += 1
            fed.datagrams.append(alert(BAD_RECORD_MAC, self._sent))
            self._end(Cause.ERROR, alert_name(BAD_RECORD_MAC))

    def _end(self, cause: Cause, detail: str = "") -> None:
        self.ended = Ended(cause, detail)
        self.deadline = None
        self._flight = []

    # Outgoing

    def _begin(self, now: float) -> list[bytes]:
        try:
            return pack(self._sending(self.engine.start(), now))
        except EngineError as error:
            self._end(Cause.ERROR, str(error))
            return []

    def _sending(self, output: bytes, now: float) -> list[bytes]:
        """A new flight of the engine: keep it for retransmission and start its timer, where it has one."""
        records = self._numbered(list(split(output)))
        if any(record[0] in (HANDSHAKE, CHANGE_CIPHER_SPEC) for record in records):
            self._flight = records
            stateless = message(records[0]) == HELLO_VERIFY_REQUEST
            self._interval = self._timers.first
            self.deadline = None if stateless or self.engine.done else now + self._interval
        return records

    def _numbered(self, records: Sequence[bytes]) -> list[bytes]:
        """Records of the engine with the numbers they get on the wire, behind what was repeated meanwhile."""
        numbered_records = []
        for record in records:
            if epoch(record) == 0:
                self._sent = max(self._sent, sequence(record) + self._shift)
                record = numbered(record, sequence(record) + self._shift)
            numbered_records.append(record)
        return numbered_records

    def _repeat_flight(self) -> list[bytes]:
        """The flight again: by the engine if something in it is protected, else under new numbers."""
        if any(epoch(record) == 1 for record in self._flight) and self._last_message is not None:
            self._received += 1
            self._received_shift += 1
            duplicate = numbered(self._last_message, self._received)
            try:
                fresh = self.engine.resend(duplicate)
            except EngineError:
                fresh = b""
            if fresh:
                self._flight = self._numbered(list(split(fresh)))
                return self._flight
        return self._repeat_bytes()

    def _repeat_bytes(self) -> list[bytes]:
        """The flight as it was, plain records under new numbers; a peer that missed it takes it all the
        same."""
        repeated = []
        for record in self._flight:
            if epoch(record) == 0:
                self._sent += 1
                self._shift += 1
                record = numbered(record, self._sent)
            repeated.append(record)
        return repeated
