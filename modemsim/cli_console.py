"""`modemsim console`: a module to talk to by hand, with completion, and its lines explained as they come.

What is typed is what a transcript holds: a line goes out with CR, `>> ` sends raw bytes and `* ` acts on the
simulation. Without a terminal the lines come from standard input, each when the one before is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modemsim import clock
from modemsim.cli_common import FAILED, CliError, fail
from modemsim.cli_explain import Manual, Meanings
from modemsim.cli_start import check_folder, check_imei, check_speed, one_sentence, stop_event, write_trace
from modemsim.cli_view import is_shown, painter, row
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.testing.action_table import until
from modemsim.testing.actions import ActionFailed, Stage, find
from modemsim.testing.recorder import Recorder
from modemsim.testing.transcript import bad_escape, raw_bytes
from modemsim.trace import Record
from modemsim.ue.language import dialect
from modemsim.ue.power import Power

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent

HELP = """\
A line goes out with CR; behind a data prompt it goes out as it is. Also:
  >> TEXT    raw bytes, with \\r \\n \\x1a and the like
  * ACTION   what transcripts can do: * power cut, * network outage on, * platform send AABB
Tab completes, Ctrl-Z ends data, Esc twice cancels it, Ctrl-D leaves."""
SETTLE = 0.05
"""Simulated seconds a module needs to take notice of a line."""
ANSWER_LIMIT = 120.0
"""Simulated seconds after which the next line of a file goes out all the same."""
END_OF_DATA, CANCEL = b"\x1a", b"\x1b"

DIALOGUE = frozenset({"at", "platform", "fault"})
"""Layers of the trace that a dialogue by hand is about."""

Show = Callable[[str, str], None]
"""Shows a line in a rich style."""


@dataclass(frozen=True)
class Wanted:
    """The options of `modemsim console` that do not concern the module itself."""

    speed: float = 1.0
    trace: Path | None = None
    record: Path | None = None
    air: bool = False


def run_console(options: Options, wanted: Wanted) -> None:
    """Talk until the end of the input; CliError for what cannot start, or when an action of a file failed."""
    check_speed(wanted.speed)
    check_imei(options.imei)
    check_folder(options.state_dir)
    if clock.run(_console(options, wanted), speed=wanted.speed):
        raise CliError("an action could not be done", FAILED)


async def _console(options: Options, wanted: Wanted) -> bool:
    """Run the module and carry out what is typed; True when a file asked for something that failed."""
    with one_sentence(), contextlib.ExitStack() as resources:
        simulation = Simulation(options)
        write_trace(simulation.trace, wanted.trace, resources)
        talk = Talk(simulation, _recorder(wanted.record, options, resources))
        if sys.stdin is not None and sys.stdin.isatty():
            await _talk_at_a_terminal(talk, air=wanted.air)
            return False
        return await _talk_from_a_file(talk, air=wanted.air)


def _recorder(path: Path | None, options: Options, resources: contextlib.ExitStack) -> Recorder | None:
    if path is None:
        return None
    try:
        file = resources.enter_context(path.open("w", encoding="utf-8", buffering=1))
    except OSError as error:
        fail(f"--record {path}: cannot be written: {error.strerror or error}")
    recorder = Recorder(file.write, asyncio.get_running_loop().time)
    recorder.header("Recorded by hand.", options.profile, "the simulator, by hand", options.seed)
    return recorder


class Talk:
    """A running module and what somebody types to it."""

    def __init__(self, simulation: Simulation, recorder: Recorder | None) -> None:
        self.simulation = simulation
        self.meanings = Meanings(simulation.profile, dialect(simulation.profile).fit)
        self._port = MemoryPort()
        self._hide: Callable[[], None] = lambda: None
        self._stage = Stage(simulation)
        self._recorder = recorder
        if recorder is not None:
            self._port.heard = recorder.module
            recorder.action("power on")

    async def start(self, screen: Screen) -> None:
        """Switch the module on and show what happens."""
        await self.simulation.start(self._port)
        self._hide = self.simulation.trace.subscribe(screen)

    async def stop(self) -> None:
        """Cut its power."""
        self._hide()
        await self.simulation.stop()

    @property
    def takes_data(self) -> bool:
        """Whether what is typed next is data and no command."""
        return self.simulation.ue.terminal.takes_data

    @property
    def busy(self) -> bool:
        """Whether the module boots or goes off, or still answers."""
        ue = self.simulation.ue
        if ue.state in (Power.BOOTING, Power.STOPPING):
            return True
        return ue.terminal.busy and not ue.terminal.takes_data

    async def line(self, text: str) -> None:
        """Carry out one line; raises ValueError or ActionFailed with one sentence."""
        if text.startswith("*"):
            await self._act(text[1:].strip())
        elif text.startswith(">> "):
            problem = bad_escape(text[3:])
            if problem is not None:
                raise ValueError(problem)
            self.send(raw_bytes(text[3:]))
        else:
            self.send(text.encode() + (b"" if self.takes_data else b"\r"))

    async def _act(self, wanted: str) -> None:
        call = find(wanted)
        if self._recorder is not None:
            self._recorder.action(wanted)
        await call.run(self._stage, None)
        if self._recorder is not None:
            self._recorder.done()

    def send(self, data: bytes) -> None:
        """Bytes to the module."""
        if self._recorder is not None:
            self._recorder.host(data)
        self._port.host_write(data)


class Screen:
    """A sink of the trace that shows the dialogue and what its lines mean; `air`: packets and states too."""

    def __init__(self, meanings: Meanings, show: Show, *, air: bool) -> None:
        self._meanings = meanings
        self._show = show
        self._air = air

    def __call__(self, record: Record) -> None:
        self._meanings(record)
        kind = record.layer, record.event
        if kind == ("at", "rx") or not is_shown(record) or not (self._air or record.layer in DIALOGUE):
            return
        shown = row(record)
        self._show(f"{record.time:10.3f}  {shown.mark}  {shown.text}", shown.style)
        meaning = self._meanings.of(str(record.fields.get("line"))) if kind == ("at", "urc") else None
        if meaning is not None:
            self._show(f"{'':14}  {meaning}", "dim italic")


# ------------------------------------------------------------------ without a terminal


async def _talk_from_a_file(talk: Talk, *, air: bool) -> bool:
    """Carry out the lines of standard input; True when one could not be."""
    failed = False
    stop = asyncio.ensure_future(stop_event().wait())
    try:
        await talk.start(Screen(talk.meanings, lambda text, style: print(text, flush=True), air=air))
        await _until_answered(talk)
        async for line in _lines(stop):
            print(f"{'':10}  ->  {line}", flush=True)
            try:
                await talk.line(line)
            except (ValueError, ActionFailed) as error:
                failed = True
                print(f"{'':10}  !!  {error}", flush=True)
            await _until_answered(talk)
    finally:
        stop.cancel()
        await talk.stop()
    return failed


async def _until_answered(talk: Talk) -> None:
    await asyncio.sleep(SETTLE)
    with contextlib.suppress(ActionFailed):
        await until(lambda: not talk.busy, ANSWER_LIMIT, lambda: "")
    await talk.simulation.ue.terminal.drained()
    await asyncio.sleep(SETTLE)


async def _lines(stop: asyncio.Future[Any]) -> AsyncIterator[str]:
    """The lines of standard input that are not blank, until its end or a signal."""
    mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin is not None else 0
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):  # a file or the null device is always readable
        for line in sys.stdin or ():
            if line.strip():
                yield line.rstrip("\r\n")
        return
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while not stop.done():
        coming = asyncio.ensure_future(reader.readline())
        await asyncio.wait((coming, stop), return_when=asyncio.FIRST_COMPLETED)
        if not coming.done() or not coming.result():
            coming.cancel()
            return
        if coming.result().strip():
            yield coming.result().decode(errors="replace").rstrip("\r\n")


# ------------------------------------------------------------------ at a terminal


async def _talk_at_a_terminal(talk: Talk, *, air: bool) -> None:
    from prompt_toolkit.patch_stdout import patch_stdout

    paint = painter()
    session = _session(talk, Manual(talk.simulation.profile))
    with patch_stdout(raw=True), session.input.raw_mode():  # keys between two prompts count, too
        print(f"{talk.simulation.profile.title}\n{HELP}\n")
        try:
            await talk.start(Screen(talk.meanings, lambda text, style: print(paint(text, style)), air=air))
            await _typed(talk, session, lambda text: print(paint(text, "red")))
        finally:
            await talk.stop()


async def _typed(talk: Talk, session: PromptSession[str], complain: Callable[[str], None]) -> None:
    """Carry out what is typed until Ctrl-D; an action that waits goes on beside the prompt."""
    running: set[asyncio.Task[None]] = set()

    async def carry_out(line: str) -> None:
        try:
            await talk.line(line)
        except (ValueError, ActionFailed) as error:
            complain(f"{'':10}  !!  {error}")

    while True:
        try:
            line = await session.prompt_async()
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        task = asyncio.ensure_future(carry_out(line))
        running.add(task)
        task.add_done_callback(running.discard)
    for task in running:
        task.cancel()


def _session(talk: Talk, manual: Manual) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.key_binding import KeyBindings

    class Commands(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            typed = document.text_before_cursor
            for text, meaning in manual.completions(typed):
                yield Completion(text, start_position=-len(typed), display_meta=meaning)

    keys = KeyBindings()

    @keys.add("c-z")
    def end_of_data(event: KeyPressEvent) -> None:
        """Send what is typed as the end of data."""
        talk.send(event.current_buffer.text.encode() + END_OF_DATA)
        event.current_buffer.reset()

    @keys.add("escape", "escape")
    def cancel(event: KeyPressEvent) -> None:
        """Cancel data that a prompt has asked for."""
        event.current_buffer.reset()
        talk.send(CANCEL)

    session: PromptSession[str] = PromptSession(
        message=lambda: "data> " if talk.takes_data else "> ",
        completer=Commands(),
        complete_while_typing=False,
        key_bindings=keys,
    )
    session.bottom_toolbar = lambda: manual.usage(session.default_buffer.text) or ""
    return session
