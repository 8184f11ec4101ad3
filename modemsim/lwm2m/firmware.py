"""Firmware update of an LwM2M device: object 5 as one table of states, and who drives it.

The object outlives the clients that register it: it belongs to the module, each registration shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
from typing import Protocol

from aiocoap.numbers.codes import Code

from modemsim.lwm2m import objects
from modemsim.lwm2m.model import ObjectInstance, Refusal, Value, Values

STATE_PATH = (5, 0, 3)
RESULT_PATH = (5, 0, 5)


class FirmwareState(IntEnum):
    """Resource 3 of object 5 (OMA LwM2M 1.0.2, E.6)."""

    IDLE = 0
    DOWNLOADING = 1
    DOWNLOADED = 2
    UPDATING = 3


class UpdateResult(IntEnum):
    """Resource 5 of object 5 (OMA LwM2M 1.0.2, E.6)."""

    INITIAL = 0
    SUCCESS = 1
    NO_STORAGE = 2
    NO_MEMORY = 3
    CONNECTION_LOST = 4
    INTEGRITY = 5
    UNSUPPORTED_PACKAGE = 6
    INVALID_URI = 7
    UPDATE_FAILED = 8
    UNSUPPORTED_PROTOCOL = 9


class FirmwareEvent(StrEnum):
    """What moves an update from one state to the next."""

    BEGIN = "begin"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    EXECUTE = "execute"
    SUCCEED = "succeed"
    MISCARRY = "miscarry"


_S, _E = FirmwareState, FirmwareEvent

TRANSITIONS: Mapping[tuple[FirmwareState, FirmwareEvent], FirmwareState] = {
    (_S.IDLE, _E.BEGIN): _S.DOWNLOADING,
    (_S.IDLE, _E.CANCEL): _S.IDLE,
    (_S.DOWNLOADING, _E.COMPLETE): _S.DOWNLOADED,
    (_S.DOWNLOADING, _E.FAIL): _S.IDLE,
    (_S.DOWNLOADING, _E.CANCEL): _S.IDLE,
    (_S.DOWNLOADED, _E.CANCEL): _S.IDLE,
    (_S.DOWNLOADED, _E.EXECUTE): _S.UPDATING,
    (_S.UPDATING, _E.SUCCEED): _S.IDLE,
    (_S.UPDATING, _E.MISCARRY): _S.DOWNLOADED,
}
"""An event that is not listed for a state has no effect. MISCARRY: the update itself failed (result 8)."""


class DownloadFailed(Exception):
    """A package did not arrive whole, or is none for this module; `result` is what object 5 shows."""

    def __init__(self, result: UpdateResult, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


class Driver(Protocol):
    """The module's side: what is done when the server asks for it."""

    def asks_first(self, event: FirmwareEvent, uri: str = "") -> bool:
        """Whether the host decides about a download or an update that the server wants; it does so later."""
        ...

    def fetch(self, uri: str) -> None:
        """Begin to download the package at a URI."""

    def part(self, offset: int, data: bytes, more: bool) -> None:
        """Take a part of a package that the server writes; raises Refusal."""

    def cancel(self) -> None:
        """Forget the package, whole or not."""

    def install(self) -> None:
        """Begin to update."""

    def moved(self, before: FirmwareState) -> None:
        """The state, or only the result, is another one now."""


class FirmwareUpdate:
    """State and result of the update of one module; `told` is called with each path that has a new value."""

    def __init__(self, driver: Driver, protocols: tuple[int, ...] = (0,)) -> None:
        self.state = FirmwareState.IDLE
        self.result = UpdateResult.INITIAL
        self.package: tuple[str, str] = ("", "")
        """Name and version of the package that is there."""
        self.told: Callable[[tuple[int, ...]], None] = lambda path: None
        self._driver = driver
        self._protocols: dict[int, Value] = dict(enumerate(protocols))

    def restore(self, state: FirmwareState, result: UpdateResult) -> None:
        """Be as before a restart; nobody is told."""
        self.state, self.result = state, result

    def step(self, event: FirmwareEvent, result: UpdateResult = UpdateResult.INITIAL) -> bool:
        """Apply the table, and tell; False when the event has no effect in this state."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        before, self.state = self.state, following
        changed, self.result = self.result is not result, result
        self._driver.moved(before)
        if following is not before:
            self.told(STATE_PATH)
        if changed:
            self.told(RESULT_PATH)
        return True

    def report(self, result: UpdateResult) -> None:
        """Tell a result with an unchanged state: the host does not want what the server asked for."""
        self.result = result
        self._driver.moved(self.state)
        self.told(STATE_PATH)
        self.told(RESULT_PATH)

    def begin(self, uri: str) -> None:
        """Download, from state idle."""
        if self.step(FirmwareEvent.BEGIN):
            self._driver.fetch(uri)

    def execute(self) -> None:
        """Update, from state downloaded."""
        if self.step(FirmwareEvent.EXECUTE):
            self._driver.install()

    def instance(self) -> ObjectInstance:
        """Object 5 for one registration."""
        return objects.firmware(
            {
                3: lambda: int(self.state),
                5: lambda: int(self.result),
                6: lambda: self.package[0],
                7: lambda: self.package[1],
                8: lambda: self._protocols,
            },
            on_package=self._package,
            on_package_uri=self._package_uri,
            on_update=self._update,
        )

    def _package(self, offset: int, data: bytes, more: bool) -> None:
        """A part of resource 0; an empty package, or one NUL, cancels (OMA LwM2M 1.0.2, E.6)."""
        if offset == 0 and not more and data in (b"", b"\0"):
            self._cancel()
            return
        if offset == 0 and self.state is FirmwareState.IDLE:
            self.step(FirmwareEvent.BEGIN)
        if self.state is not FirmwareState.DOWNLOADING:
            raise Refusal(Code.BAD_REQUEST)
        self._driver.part(offset, data, more)

    def _package_uri(self, value: Values) -> None:
        """Resource 1: download from there; an empty one cancels (OMA LwM2M 1.0.2, E.6)."""
        uri = str(value)
        if not uri:
            self._cancel()
        elif self.state is not FirmwareState.IDLE:
            raise Refusal(Code.BAD_REQUEST)
        elif not self._driver.asks_first(FirmwareEvent.BEGIN, uri):
            self.begin(uri)

    def _cancel(self) -> None:
        if self.state is FirmwareState.UPDATING:
            raise Refusal(Code.BAD_REQUEST)
        self._driver.cancel()
        self.step(FirmwareEvent.CANCEL)

    def _update(self, arguments: bytes) -> None:
        """Resource 2: only a downloaded package can be installed, and without arguments."""
        if arguments or self.state is not FirmwareState.DOWNLOADED:
            raise Refusal(Code.BAD_REQUEST)
        if not self._driver.asks_first(FirmwareEvent.EXECUTE):
            self.execute()
