"""A real pyserial host over rfc2217://, and a host that opens the pseudo-terminal at the wrong rate."""

from __future__ import annotations

import asyncio
import os
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import serial

from modemsim import clock
from modemsim.options import Options
from modemsim.port.base import Port
from modemsim.port.pty_port import PtyPort
from modemsim.port.rfc2217_port import Rfc2217Port
from modemsim.simulation import Simulation
from modemsim.ue.sleep import Chip

pytestmark = [pytest.mark.realtime, pytest.mark.filterwarnings("ignore:set.*deprecated:DeprecationWarning")]
T = TypeVar("T")
SPEED = 5.0


def run(port: Port, host: Callable[[Simulation], Any], **options: Any) -> Any:
    """Run a module on the port and `host` in a thread beside it."""

    async def main() -> Any:
        simulation = Simulation(Options(**{"profile": "bc260y", **options}))
        await simulation.start(port)
        try:
            return await asyncio.get_running_loop().run_in_executor(None, host, simulation)
        finally:
            await simulation.stop()

    return clock.run(main(), speed=SPEED)


def until(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_pyserial_sees_ri_on_an_unsolicited_line_and_wakes_the_module_with_dtr() -> None:
    def host(simulation: Simulation) -> None:
        with serial.serial_for_url(simulation_url(simulation), 9600, timeout=3) as line:
            assert until(lambda: simulation.ue.radio.attached)
            line.reset_input_buffer()
            line.write(b'AT+QCFG="wakeupRXD",0\r')
            assert b"OK" in line.read_until(b"OK\r\n")
            assert until(lambda: simulation.ue.sleeper.state is Chip.DEEP, 30)
            assert b"ENTER DEEPSLEEP" in line.read_until(b'DEEPSLEEP"\r\n')
            line.write(b"AT\r")
            time.sleep(0.3)
            assert line.in_waiting == 0
            line.dtr = False
            assert until(lambda: not port.lines.dtr)
            line.dtr = True
            assert until(lambda: bool(line.ri))
            assert b"EXIT DEEPSLEEP" in line.read_until(b'DEEPSLEEP"\r\n')
            assert until(lambda: not line.ri)
            assert (line.cts, line.dsr, line.cd) == (True, True, True)
            line.write(b"AT\r")
            assert b"OK" in line.read_until(b"OK\r\n")

    port = Rfc2217Port("127.0.0.1", 0)
    run(port, host, overrides=('serial.ri_pulse="2s"',))


def test_a_pyserial_host_stops_the_module_with_rts() -> None:
    def host(simulation: Simulation) -> None:
        with serial.serial_for_url(simulation_url(simulation), 115200, timeout=0.5) as line:
            assert until(lambda: simulation.ue.terminal.heard or simulation.ue.radio.attached)
            line.write(b"AT+IFC=2,2\r")
            assert b"OK" in line.read_until(b"OK\r\n")
            line.rts = False
            assert until(lambda: not port.lines.rts)
            line.write(b"AT\r")
            assert b"OK" not in line.read(50)
            line.rts = True
            assert b"OK" in line.read_until(b"OK\r\n")

    port = Rfc2217Port("127.0.0.1", 0)
    run(port, host, profile="ec800e")


def test_a_pyserial_host_sees_cts_go_off_while_it_is_far_ahead() -> None:
    def host(simulation: Simulation) -> None:
        with serial.serial_for_url(simulation_url(simulation), 115200, timeout=3) as line:
            assert until(lambda: simulation.ue.radio.attached)
            line.write(b"AT+IFC=2,2\r")
            assert b"OK" in line.read_until(b"OK\r\n")
            line.write(b"AT+CSQ\r" * 500)
            assert until(lambda: not line.cts)
            assert until(lambda: bool(line.cts))

    run(Rfc2217Port("127.0.0.1", 0), host, profile="ec800e")


def simulation_url(simulation: Simulation) -> str:
    return simulation.uart.port.name


def test_a_host_at_another_rate_sees_garbage_until_it_takes_the_modules() -> None:
    def host(simulation: Simulation) -> None:
        with serial.serial_for_url(simulation_url(simulation), 115200, timeout=1) as line:
            assert until(lambda: simulation.ue.terminal.running)
            time.sleep(0.5)
            line.reset_input_buffer()
            line.write(b"AT\r")
            assert b"OK" not in line.read(50)
            line.baudrate = 9600
            time.sleep(0.2)
            line.write(b"\r")
            line.read(50)
            line.write(b"AT\r")
            assert b"OK" in line.read_until(b"OK\r\n")

    run(Rfc2217Port("127.0.0.1", 0), host, baud_check=True)


def test_a_pty_host_at_the_wrong_rate_sees_garbage(tmp_path: Path) -> None:
    def host(simulation: Simulation) -> tuple[bytes, bytes]:
        file = os.open(tmp_path / "tty", os.O_RDWR | os.O_NOCTTY)
        try:
            assert until(lambda: simulation.ue.terminal.running)
            told = []
            for rate in (termios.B115200, termios.B9600):
                attributes = termios.tcgetattr(file)
                attributes[4] = attributes[5] = rate
                termios.tcsetattr(file, termios.TCSANOW, attributes)
                time.sleep(0.3)
                termios.tcflush(file, termios.TCIOFLUSH)
                os.write(file, b"\r")
                time.sleep(0.3)
                os.write(file, b"AT\r")
                time.sleep(0.5)
                told.append(os.read(file, 1000))
            return told[0], told[1]
        finally:
            os.close(file)

    wrong, right = run(PtyPort(tmp_path / "tty"), host, baud_check=True)
    assert b"OK" not in wrong
    assert b"OK\r\n" in right
