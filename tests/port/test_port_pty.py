"""The pseudo-terminal port: link and lock, hosts that come, go, do not read; with pyserial on real time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import serial

from modemsim import clock
from modemsim.port import PortError, PortTaken, PtyPort, Uart
from modemsim.trace import Trace

ECHO_HOLDER = """
import asyncio, sys
from pathlib import Path
from modemsim.port import PtyPort

async def main():
    port = PtyPort(Path(sys.argv[1]))
    await port.start()
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def turns(done: Callable[[], bool]) -> None:
    """Let the loop look at its files until `done`; fails after two seconds of the wall clock."""
    for _ in range(2000):
        if done():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen within two seconds")


def play(body: Callable[[PtyPort], Awaitable[None]], link: Path) -> None:
    async def main() -> None:
        port = PtyPort(link)
        await port.start()
        try:
            await body(port)
        finally:
            await port.stop()

    clock.run(main())


def opened(link: Path) -> int:
    return os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def test_link_and_lock_are_made_and_removed(tmp_path: Path) -> None:
    link = tmp_path / "deep" / "folder" / "bc260y"

    async def body(port: PtyPort) -> None:
        assert port.name == str(link)
        assert os.readlink(link) == port.device
        pid, start = (link.parent / "bc260y.lock").read_text().split()
        assert int(pid) == os.getpid()
        assert int(start) > 0

    play(body, link)
    assert list(link.parent.iterdir()) == []


def test_a_second_run_is_told_who_holds_the_link(tmp_path: Path) -> None:
    link = tmp_path / "bc260y"

    async def body(port: PtyPort) -> None:
        message = f"{link} is held by the run with process id {os.getpid()}; stop it or choose another --link"
        with pytest.raises(PortTaken) as caught:
            await PtyPort(link).start()
        assert str(caught.value) == message
        assert os.readlink(link) == port.device

    play(body, link)


def test_what_a_dead_run_left_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "bc260y"
    link.symlink_to("/dev/pts/99999")
    (tmp_path / "bc260y.lock").write_text("1 1\n")
    (tmp_path / f".bc260y.{os.getpid()}").symlink_to("/dev/pts/99998")

    async def body(port: PtyPort) -> None:
        assert os.readlink(link) == port.device

    play(body, link)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder", "symlink"])
def test_what_is_not_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    link = tmp_path / "mine"
    if kind == "file":
        link.write_text("precious")
    elif kind == "folder":
        link.mkdir()
    else:
        link.symlink_to(tmp_path)

    with pytest.raises(
        PortError, match="mine exists and is no link of an earlier run; choose another --link"
    ):
        clock.run(PtyPort(link).start())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_link_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PortError, match=r"file/link cannot be made: (File exists|Not a directory)$"):
        clock.run(PtyPort(tmp_path / "file" / "link").start())


def test_a_link_somebody_else_took_meanwhile_stays(tmp_path: Path) -> None:
    link = tmp_path / "bc260y"

    async def body(port: PtyPort) -> None:
        link.unlink()
        link.symlink_to("/dev/pts/424242")

    play(body, link)
    assert os.readlink(link) == "/dev/pts/424242"


def test_bytes_pass_unchanged_both_ways(tmp_path: Path) -> None:
    link = tmp_path / "port"
    everything = bytes(range(256))

    async def body(port: PtyPort) -> None:
        got = bytearray()
        port.receiver = got.extend
        host = opened(link)
        os.write(host, everything)
        await turns(lambda: len(got) == 256)
        assert bytes(got) == everything
        assert port.write(everything) == 256
        assert os.read(host, 1000) == everything
        os.close(host)

    play(body, link)


def test_hosts_are_noticed_when_they_open_and_when_the_last_one_closes(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        told: list[bool] = []
        port.on_host = told.append
        for _ in range(3):
            first = opened(link)
            await turns(lambda: told == [True])
            second = opened(link)
            os.close(first)
            await asyncio.sleep(0.01)
            assert told == [True]
            os.close(second)
            await turns(lambda: told == [True, False])
            told.clear()

    play(body, link)


def test_without_host_nothing_is_kept_and_an_answer_to_the_first_byte_is_not_lost(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        port.receiver = lambda data: port.write(b"OK") and None
        assert port.write(b"RDY" * 10000) == 30000
        host = opened(link)
        os.write(host, b"AT")
        answers: list[bytes] = []

        def answered() -> bool:
            try:
                answers.append(os.read(host, 100))
            except BlockingIOError:
                return False
            return True

        await turns(answered)
        assert answers == [b"OK"]
        os.close(host)

    play(body, link)


def test_a_host_that_asks_for_a_hang_up_has_no_rate(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        host = opened(link)
        told = []
        for rate in (termios.B115200, termios.B0):
            attributes = termios.tcgetattr(host)
            attributes[4] = attributes[5] = rate
            termios.tcsetattr(host, termios.TCSANOW, attributes)
            told.append(port.rate())
        assert told == [115200, None]
        os.close(host)

    play(body, link)


def test_what_one_host_did_not_read_the_next_one_does_not_get(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        told: list[bool] = []
        port.on_host = told.append
        host = opened(link)
        await turns(lambda: told == [True])
        assert port.write(b"unread") == 6
        os.close(host)
        await turns(lambda: told == [True, False])
        host = opened(link)
        await turns(lambda: told == [True, False, True])
        with pytest.raises(BlockingIOError):
            os.read(host, 100)
        os.close(host)

    play(body, link)


def test_one_shot_hosts_are_heard(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        got = bytearray()
        port.receiver = got.extend
        for number in range(20):
            host = opened(link)
            os.write(host, b"AT%02d\r" % number)
            os.close(host)
            await turns(lambda: len(got) == 5)
            assert bytes(got) == b"AT%02d\r" % number
            got.clear()

    play(body, link)


def test_a_host_that_does_not_read_blocks_nobody(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        trace, port = Trace(loop.time), PtyPort(link)
        uart = Uart(port, trace=trace, pacing=False)
        await port.start()
        host = opened(link)
        await turns(lambda: uart.host_present)
        for _ in range(100):
            uart.send(b"x" * 1000)
        os.close(host)
        await turns(lambda: not uart.host_present)
        lost = [record.fields["lost"] for record in trace.recent() if record.event == "unread"]
        assert len(lost) == 1
        assert 50_000 < lost[0] < 100_000
        await port.stop()

    clock.run(main())


def test_a_host_may_set_what_it_likes_and_the_next_one_finds_it_raw(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        told: list[bool] = []
        port.on_host = told.append
        host = opened(link)
        await turns(lambda: told == [True])
        settings = termios.tcgetattr(host)
        settings[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(host, termios.TCSANOW, settings)
        os.close(host)
        await turns(lambda: told == [True, False])
        host = opened(link)
        assert not termios.tcgetattr(host)[3] & (termios.ECHO | termios.ICANON)
        os.close(host)

    play(body, link)


def test_a_device_locked_for_good_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        told: list[bool] = []
        port.on_host = told.append
        before, genuine = port.device, os.open
        host = opened(link)
        await turns(lambda: told == [True])

        def locked(path: str, *args: int, **more: int) -> int:
            if path == before:
                raise OSError(16, "Device or resource busy")
            return genuine(path, *args, **more)

        monkeypatch.setattr("modemsim.port.pty_port.os.open", locked)
        os.close(host)
        await turns(lambda: told == [True, False])
        monkeypatch.undo()
        assert os.readlink(link) == port.device
        got = bytearray()
        port.receiver = got.extend
        host = opened(link)
        os.write(host, b"AT")
        await turns(lambda: got == b"AT")
        os.close(host)

    play(body, link)


def test_without_inotify_a_host_counts_as_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        def __init__(self, path: str) -> None:
            raise OSError("this system has no inotify")

    monkeypatch.setattr("modemsim.port.pty_port.OpenWatch", Blind)
    link = tmp_path / "port"

    async def body(port: PtyPort) -> None:
        got = bytearray()
        port.receiver = got.extend
        host = opened(link)
        os.write(host, b"AT")
        await turns(lambda: got == b"AT")
        assert port.write(b"OK") == 2
        assert os.read(host, 10) == b"OK"
        os.close(host)
        await asyncio.sleep(0.01)
        assert port.write(b"RDY") == 3

    play(body, link)


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    link = tmp_path / "port"
    lock = tmp_path / "port.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", ECHO_HOLDER, str(link)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        with pytest.raises(PortTaken, match=f"process id {holder.pid};"):
            clock.run(PtyPort(link).start())
        holder.kill()
    assert lock.exists()

    async def body(port: PtyPort) -> None:
        assert lock.read_text().split()[0] == str(os.getpid())
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    play(body, link)


@pytest.mark.realtime
def test_pyserial_talks_to_a_paced_module(tmp_path: Path) -> None:
    link = tmp_path / "port"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        port = PtyPort(link)
        uart = Uart(port, trace=Trace(loop.time), baud=115200)
        line = bytearray()

        def receive(data: bytes) -> None:
            line.extend(data)
            if line.endswith(b"\r"):
                uart.send(bytes(line) + b"\r\nOK\r\n")
                line.clear()

        uart.receiver = receive
        await port.start()

        def host() -> list[bytes]:
            answers = []
            for _ in range(2):
                with serial.Serial(str(link), 115200, timeout=2, exclusive=True) as device:
                    for _ in range(3):
                        device.write(b"AT\r")
                        answers.append(device.read_until(b"OK\r\n"))
            return answers

        with clock.hold():
            answers = await asyncio.to_thread(host)
        assert answers == [b"AT\r\r\nOK\r\n"] * 6
        await port.stop()

    clock.run(main())
