"""The recorder: what it writes of a dialogue, and that a recorded dialogue plays again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.testing.recorder import Recorder
from modemsim.testing.simulated import play
from modemsim.testing.transcript import parse


class Tape:
    """A recorder whose time is set by hand."""

    def __init__(self) -> None:
        self.text = ""
        self.time = 0.0
        self.recorder = Recorder(self._write, lambda: self.time)

    def _write(self, text: str) -> None:
        self.text += text

    def module(self, data: bytes, after: float = 0.0) -> None:
        self.time += after
        self.recorder.module(data)

    def host(self, data: bytes, after: float = 0.0) -> None:
        self.time += after
        self.recorder.host(data)


@pytest.fixture
def tape() -> Tape:
    return Tape()


def test_a_dialogue_with_echo_in_small_pieces(tape: Tape) -> None:
    for byte in b"AT+CSQ\r":
        tape.host(bytes([byte]))
        tape.module(bytes([byte]))
    for byte in b"\r\n+CSQ: 8,0\r\n\r\nOK\r\n":
        tape.module(bytes([byte]))
    assert tape.text == "> AT+CSQ\n< +CSQ: 8,0\n< OK\n"


def test_silence_before_a_host_line_is_kept_and_slow_lines_get_a_window(tape: Tape) -> None:
    tape.host(b"AT\r\n")
    tape.module(b"\r\nOK\r\n")
    tape.module(b"\r\n+IP: 10.0.0.1\r\n", after=20.0)
    tape.host(b"AT+COPS=?\r\n", after=7.66)
    tape.module(b"\r\nOK\r\n", after=4.0)
    assert tape.text == ("> AT\n< OK\n< +IP: 10.0.0.1  @ 0s..40s\n* wait 7.6s\n> AT+COPS=?\n< OK  @ 0s..8s\n")


def test_data_behind_a_prompt_is_raw(tape: Tape) -> None:
    tape.host(b"AT+QISEND=0,4\r")
    tape.module(b"\r\n> ")
    tape.host(b"a\r\\")
    tape.host(b"\x00")
    tape.module(b"\r\nSEND OK\r\n")
    assert tape.text == "> AT+QISEND=0,4\n< >\n>> a\\r\\\\\\x00\n< SEND OK\n"


HEAD = "# What it shows.\nprofile: bc260y\nsource:  made up\n\n"


def test_lines_that_would_mean_something_else_in_a_transcript(tape: Tape) -> None:
    tape.recorder.header("What it shows.", "bc260y", "made up")
    tape.host(b"AT+X=\xff\r")
    tape.module(b"\r\n+X: {name},{1}\r\nNeul \r\nOK\r\n")
    steps = ">> AT+X=\\xff\\r\n< +X: {name=text},{1}\n< Neul{blank=text}\n< OK\n"
    assert tape.text == HEAD + steps
    assert len(parse(tape.text).steps) == 4


@pytest.mark.parametrize(
    ("profile", "lines"),
    [
        ("bc260y", [b"ATI\r", b"AT+QIOPEN=0,0,\"UDP\",\"echo.modemsim.test\",7\r", b"AT+QISEND=0,3\r", b"\x00\r\x1a"]),
        ("bc35", [b"AT+CGMR\r", b"AT+NRB\r", b"AT\r"]),
        ("sim7020", [b"AT+CMEE=2;+CSQ;+NOPE\r", b"AT+CDNSGIP=\"echo.modemsim.test\"\r"]),
    ],
)  # fmt: skip
def test_what_was_recorded_plays_again(tmp_path: Path, profile: str, lines: list[bytes]) -> None:
    written: list[str] = []

    async def record() -> None:
        simulation, port = Simulation(Options(profile, seed=5)), MemoryPort()
        recorder = Recorder(written.append, asyncio.get_running_loop().time)
        recorder.header("A recorded session.", profile, "the simulator")
        recorder.action("power on")
        port.heard = recorder.module
        await simulation.start(port)
        try:
            for line in lines:
                await asyncio.sleep(12.0)
                recorder.host(line)
                port.host_write(line)
            await asyncio.sleep(12.0)
        finally:
            await simulation.stop()

    clock.run(record(), virtual=True)
    file = tmp_path / "recorded.at"
    file.write_text("".join(written))
    assert file.read_text().count("\n> ") + file.read_text().count("\n>> ") == len(lines)
    play(file, seed=5).check()
