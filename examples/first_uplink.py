"""A host program as a meter might run it: connect to the platform, send five bytes, print what comes back.

python examples/first_uplink.py /tmp/modemsim/bc260y
python examples/first_uplink.py socket://127.0.0.1:7000
"""

from __future__ import annotations

import sys
import time

import serial

PLATFORM = "180.101.147.115"


class Module:
    """The host's side of the serial line: one command at a time, URCs kept apart."""

    def __init__(self, url: str, baud: int = 9600) -> None:
        self.line = serial.serial_for_url(url, baud, timeout=0.2)
        self.urcs: list[str] = []

    def read_line(self) -> str:
        """The next line that is not blank; empty when none came within the time-out."""
        return self.line.readline().decode("ascii", "replace").strip()

    def command(self, text: str, limit: float = 5.0) -> list[str]:
        """Send a command; its information lines, or RuntimeError for an error result."""
        self.line.write(f"{text}\r".encode())
        lines: list[str] = []
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            said = self.read_line()
            if said == "OK":
                return lines
            if said == "ERROR" or said.startswith("+CME ERROR"):
                raise RuntimeError(f"{text}: {said}")
            if said.startswith(("+QLWEVTIND", "+NNMI", "+IP")):
                self.urcs.append(said)
            elif said and said != text:
                lines.append(said)
        raise TimeoutError(text)

    def wait(self, wanted: str, limit: float = 130.0) -> str:
        """The first URC that starts with `wanted`."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            for urc in self.urcs:
                if urc.startswith(wanted):
                    self.urcs.remove(urc)
                    return urc
            said = self.read_line()
            if said:
                self.urcs.append(said)
        raise TimeoutError(wanted)


def main(url: str) -> None:
    """The whole life of one report."""
    module = Module(url)
    module.command("ATE0")
    while '"' not in "".join(module.command("AT+CGPADDR?")):
        time.sleep(0.5)
    module.command(f'AT+NCDPOPEN="{PLATFORM}",5683')
    module.wait("+QLWEVTIND: 3")
    module.command("AT+NMGS=5,68656C6C6F,100")
    module.wait("+QLWEVTIND: 4")
    print("delivered; the platform answered", module.wait("+NNMI: "))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/tmp/modemsim/bc260y")
