"""A host that sleeps between reports, for modules of every family: it wakes, sends, and hears what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation


@dataclass(frozen=True)
class Family:
    """How a host of one family opens a session and sends; `{data}` is the payload as hex digits."""

    profile: str
    setup: tuple[str, ...]
    open: tuple[tuple[str, str], ...]
    send: str
    acked: str
    failed: tuple[str, ...]
    platform: str
    overrides: tuple[str, ...] = ()
    wakes: bool = True


FAMILIES = {
    "bc260y": Family(
        "bc260y", ("AT+NCFG=0,86400",), (('AT+NCDPOPEN="221.229.214.202",5683', "+QLWEVTIND: 3"),), "AT+NMGS={size},{data},101",
        "+QLWEVTIND: 4", ("+QLWEVTIND: 5", "+QLWEVTIND: 10"), "aep",
    ),
    "sim7020": Family(
        "sim7020", ('AT+CPSMS=1,,,"01011111","00000001"', "AT+CPSMSTATUS=1"),
        (('AT+CTM2MINIT="221.229.214.202",5683,86400,0,0', "OK"), ("AT+CTM2MREG", "+CTM2M: obsrv,0")),
        'AT+CTM2MSEND="{data}"', "+CTM2M: send,0", ("+CTM2M: send,1", "+CTM2M: send,2"), "aep",
        ('settings."+IPR.rate".default=115200',),
    ),
    "ec800e": Family(
        "ec800e",
        ('AT+QLWCFG="auto_ack",1', 'AT+QLWCONFIG=0,"221.229.214.202",5683,"868543060974334",86400,3,0',
         "AT+QLWADDOBJ=19,0,1,0", "AT+QLWADDOBJ=19,1,1,0", 'AT+QSCLK=3,2,"01011111","00000001"'),
        (("AT+QLWREG", '"observe"'),),
        'AT+QLWNOTIFY=19,0,0,2,4,"{data}",0,1', '"report_ack",0', ('"report_ack",',), "aep",
    ),
    "bc35": Family(
        "bc35", ("AT+NCDP=180.101.147.115",), (("AT+NRB", "+QLWEVTIND:3"),),
        "AT+QLWULDATAEX={size},{data},0x0100", "+QLWULDATASTATUS:4", ("+QLWULDATASTATUS:",), "ct-iot",
    ),
}  # fmt: skip


class Reporter:
    """Sends numbered reports and keeps what the module said about each."""

    def __init__(self, family: Family, simulation: Simulation, port: MemoryPort) -> None:
        self.family, self.simulation, self.port = family, simulation, port
        self.outcomes: dict[int, str] = {}
        self.refusals = 0
        self._text = ""

    async def until(self, marks: tuple[str, ...], limit: float) -> str | None:
        """The first of these texts to come; None when none does in time."""
        deadline = asyncio.get_running_loop().time() + limit
        while True:
            self._text += self.port.host_read().decode("latin-1")
            found = [(self._text.index(mark), mark) for mark in marks if mark in self._text]
            if found:
                place, mark = min(found, key=lambda one: (one[0], -len(one[1])))
                self._text = self._text[place + len(mark) :]
                return mark
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return None
            await asyncio.sleep(min(0.25, left))

    async def ask(self, line: str, limit: float = 6.0, tries: int = 5) -> bool:
        """Whether the module says OK, after waking it as often as it takes."""
        for _ in range(tries):
            self._text = ""
            self.port.host_read()
            self.port.host_write(line.encode() + b"\r")
            end = await self.until(("\r\nOK\r\n", "ERROR"), limit)
            if end == "\r\nOK\r\n":
                return True
            if end is not None:
                self.refusals += 1
                return False
            self.simulation.wake()
            await asyncio.sleep(3)
        return False

    async def open(self) -> bool:
        """Attach and register."""
        for _ in range(120):
            await asyncio.sleep(1)
            if self.simulation.ue.radio.attached:
                break
        await asyncio.sleep(3)
        done = [await self.ask(line) for line in self.family.setup]
        for line, mark in self.family.open:
            done.append(await self.ask(line))
            if mark != "OK":
                done.append(await self.until((mark,), 130) is not None)
        return all(done)

    async def report(self, number: int) -> str:
        """Send one; "acked", "failed" (the module says so) or "refused" (not taken)."""
        data = f"{number:08X}"
        line = self.family.send.format(size=4, data=data)
        before = self.refusals
        if not await self.ask(line):
            self.outcomes[number] = outcome = "refused" if self.refusals > before else "silent"
            return outcome
        mark = await self.until((self.family.acked, *self.family.failed), 130)
        outcome = "acked" if mark == self.family.acked else "failed" if mark else "silent"
        self.outcomes[number] = outcome
        return outcome
