"""Every family's own socket commands with the echo host: each byte there and back, sockets beside each other."""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import pytest
from ue_bench import FAST, Bench, on_bench

from modemsim.ue.module import Ue
from modemsim.ue.sockets import Sockets

MEGABYTE = 1 << 20
PAUSE = 0.02
"""Seconds between commands of a host program; lines come out in them."""
ECHO = "192.0.2.7"
OK, REFUSED = b"\r\nOK\r\n", b"ERROR"


@dataclass(frozen=True)
class Pushed:
    """How received data stands in the output: behind a head with socket and length, as bytes or hex digits."""

    head: bytes
    digits: int = 0
    """Hex digits for one of the length that is told; 0: bytes."""


class Host:
    """A host program: takes pushed data out of the output, finds answers in what is left."""

    def __init__(self, bench: Bench, pushed: Pushed | None = None) -> None:
        self.bench = bench
        self.got: dict[int, bytearray] = defaultdict(bytearray)
        self._pushed = pushed
        self._text = bytearray()

    def take(self) -> int:
        """Take what has come; the number of bytes in which answers may be looked for."""
        self._text += self.bench.port.host_read()
        while self._pushed is not None and (found := re.search(self._pushed.head, self._text)):
            end = found.end() + int(found[2]) * max(1, self._pushed.digits)
            if len(self._text) < end:
                return found.start()
            data = bytes(self._text[found.end() : end])
            self.got[int(found[1])] += bytes.fromhex(data.decode()) if self._pushed.digits else data
            del self._text[found.start() : end]
        return len(self._text)

    async def reply(self, *marks: bytes) -> tuple[bytes, bytes]:
        """The mark that comes first, and what stands before it."""
        async with asyncio.timeout(60):
            while True:
                shown = bytes(self._text[: self.take()])
                found = min(((shown.find(mark), mark) for mark in marks if mark in shown), default=None)
                if found is not None:
                    del self._text[: found[0] + len(found[1])]
                    return found[1], shown[: found[0]]
                await asyncio.sleep(0.001)

    def write(self, data: bytes) -> None:
        self.bench.port.host_write(data)

    async def ask(self, line: str) -> tuple[bool, bytes]:
        """Whether it was answered with OK, and the lines before that."""
        self.write(line.encode() + b"\r")
        mark, before = await self.reply(OK, REFUSED)
        return mark == OK, before

    async def prompted(self, line: str, data: bytes, done: bytes) -> bool:
        """Give data behind the prompt; whether it was taken."""
        self.write(line.encode() + b"\r")
        assert (await self.reply(b">", REFUSED))[0] == b">"
        self.write(data)
        return (await self.reply(done, b"FAIL", REFUSED))[0] == done


class Family(Protocol):
    """The socket commands of one family: opening, sending and reading by whatever way it has."""

    profile: str
    largest: int
    pushed: Pushed | None

    def sockets(self, ue: Ue) -> Sockets:
        """The table its sockets are in."""
        return ue.sockets

    async def open(self, host: Host, id: int) -> int: ...
    async def send(self, host: Host, id: int, data: bytes) -> bool: ...
    async def read(self, host: Host, id: int, most: int) -> None: ...


class Neul(Family):
    """NSOCR, NSOCO, NSOSD and NSORF: hex digits both ways, read by hand."""

    profile, largest, pushed = "bc35", 1358, None

    async def open(self, host: Host, id: int) -> int:
        fine, answer = await host.ask("AT+NSOCR=STREAM,6,0,1")
        assert fine
        made = int(answer.split()[-1])
        assert (await host.ask(f"AT+NSOCO={made},{ECHO},7"))[0]
        return made

    async def send(self, host: Host, id: int, data: bytes) -> bool:
        return (await host.ask(f"AT+NSOSD={id},{len(data)},{data.hex().upper()}"))[0]

    async def read(self, host: Host, id: int, most: int) -> None:
        fine, answer = await host.ask(f"AT+NSORF={id},{most}")
        assert fine
        for line in answer.split():
            if line.count(b",") == 5:
                _, sender, port, length, digits, _ = line.decode().split(",")
                assert (sender, port, len(digits)) == (ECHO, "7", 2 * int(length))
                host.got[id] += bytes.fromhex(digits)


class Simcom(Family):
    """CSOC, CSOCON, CSOSEND with hex digits or CSODSEND with bytes, +CSONMI in both formats."""

    profile, largest = "sim7020", 512

    def __init__(self, *, prompt: bool, text: bool) -> None:
        self.prompt, self.text = prompt, text
        self.pushed: Pushed | None = Pushed(rb"\r\n\+CSONMI: (\d+),(\d+),", 0 if text else 1)

    async def open(self, host: Host, id: int) -> int:
        assert (await host.ask(f"AT+CSORCVFLAG={int(self.text)}"))[0]
        fine, answer = await host.ask("AT+CSOC=1,1,1")
        assert fine
        assert b"+CSOC: %d" % id in answer
        assert (await host.ask(f'AT+CSOCON={id},7,"{ECHO}"'))[0]
        return id

    async def send(self, host: Host, id: int, data: bytes) -> bool:
        if self.prompt:
            return await host.prompted(
                f"AT+CSODSEND={id},{len(data)}", data, b"DATA ACCEPT: %d\r\n" % len(data)
            )
        return (await host.ask(f"AT+CSOSEND={id},{2 * len(data)},{data.hex()}"))[0]

    async def read(self, host: Host, id: int, most: int) -> None:
        host.take()


class Quectel(Family):
    """QIOPEN and QISEND behind its prompt, `+QIURC: "recv"`; as bytes or hex digits (QICFG dataformat)."""

    def __init__(self, profile: str, *, digits: bool) -> None:
        self.profile, self.digits = profile, digits
        self.largest = 1024
        self.context = int(profile == "ec800e")
        tail = rb"\r\n" if profile == "ec800e" else rb'"'
        self.pushed: Pushed | None = Pushed(rb'\r\n\+QIURC: "recv",(\d+),(\d+),' + tail, 2 if digits else 0)

    async def open(self, host: Host, id: int) -> int:
        flag = int(self.digits)
        assert (await host.ask(f'AT+QICFG="dataformat",{flag},{flag}'))[0]
        assert (await host.ask(f'AT+QIOPEN={self.context},{id},"TCP","{ECHO}",7,0,1'))[0]
        await host.reply(b"+QIOPEN: %d,0\r\n" % id)
        return id

    async def send(self, host: Host, id: int, data: bytes) -> bool:
        given = data.hex().encode() if self.digits else data
        return await host.prompted(f"AT+QISEND={id},{len(data)}", given, b"SEND OK\r\n")

    async def read(self, host: Host, id: int, most: int) -> None:
        host.take()


class Cip(Family):
    """CIPSTART and CIPSEND of several connections; pushed behind +RECEIVE, or read by CIPRXGET."""

    profile, largest = "sim7020", 1460

    def __init__(self, *, quick: bool, by_hand: bool) -> None:
        self.quick, self.by_hand = quick, by_hand
        head = rb"\r\n\+CIPRXGET: 2,(\d+),\d+,(\d+)\r\n" if by_hand else rb"\r\n\+RECEIVE,(\d+),(\d+):\r\n"
        self.pushed: Pushed | None = Pushed(head)

    def sockets(self, ue: Ue) -> Sockets:
        return ue.ip.cip.sockets

    async def open(self, host: Host, id: int) -> int:
        if id == 0:
            settings = "AT+CIPMUX=1", f"AT+CIPRXGET={int(self.by_hand)}", f"AT+CIPQSEND={int(self.quick)}"
            for line in (*settings, "AT+CSTT", "AT+CIICR"):
                assert (await host.ask(line))[0]
            host.write(b"AT+CIFSR\r")
            await host.reply(b"\r\n100.")
        assert (await host.ask(f'AT+CIPSTART={id},"TCP","{ECHO}",7'))[0]
        await host.reply(b"%d,CONNECT OK\r\n" % id)
        return id

    async def send(self, host: Host, id: int, data: bytes) -> bool:
        done = b"DATA ACCEPT:%d,%d\r\n" % (id, len(data)) if self.quick else b"%d,SEND OK\r\n" % id
        return await host.prompted(f"AT+CIPSEND={id},{len(data)}", data, done)

    async def read(self, host: Host, id: int, most: int) -> None:
        if self.by_hand:
            assert (await host.ask(f"AT+CIPRXGET=2,{id},{most}"))[0]
        else:
            host.take()


FAMILIES: dict[str, Family] = {
    "bc35": Neul(),
    "sim7020-CSOSEND-hex": Simcom(prompt=False, text=False),
    "sim7020-CSODSEND-hex": Simcom(prompt=True, text=False),
    "sim7020-CSODSEND-raw": Simcom(prompt=True, text=True),
    "sim7020-CIP-push": Cip(quick=False, by_hand=False),
    "sim7020-CIP-quick-push": Cip(quick=True, by_hand=False),
    "sim7020-CIP-by-hand": Cip(quick=True, by_hand=True),
    "bc260y-hex": Quectel("bc260y", digits=True),
    "ec800e-raw": Quectel("ec800e", digits=False),
    "ec800e-hex": Quectel("ec800e", digits=True),
}


def with_host(family: Family, work: Callable[[Host], Awaitable[None]]) -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        await work(Host(bench, family.pushed))

    on_bench(main, family.profile, overrides=FAST)


async def exchange(host: Host, family: Family, wanted: dict[int, bytes], stream: random.Random) -> None:
    """Send each socket its bytes in pieces of any size and read on until all are back; nothing piles up."""
    sent = dict.fromkeys(wanted, 0)
    ue = host.bench.simulation.ue
    table = ue.profile.sockets
    while any(len(host.got[id]) < len(data) for id, data in wanted.items()):
        for id in stream.sample(sorted(wanted), len(wanted)):
            start = sent[id]
            piece = wanted[id][start : start + stream.randint(1, family.largest)]
            if piece and await family.send(host, id, piece):
                sent[id] += len(piece)
            else:
                await asyncio.sleep(0.05)
            await asyncio.sleep(PAUSE)
            await family.read(host, id, stream.randint(1, family.largest))
            link = family.sockets(ue).get(id)
            assert link is not None
            assert link.tcp is not None
            assert len(link.buffer) <= table.buffer
            assert link.tcp.unacked <= table.send_buffer
            assert ue.terminal.urcs_waiting <= 2 * len(wanted)
    assert sent == {id: len(data) for id, data in wanted.items()}
    assert {id: bytes(host.got[id]) for id in wanted} == wanted


@pytest.mark.parametrize("name", FAMILIES)
def test_a_megabyte_goes_there_and_back_byte_for_byte(name: str) -> None:
    async def work(host: Host) -> None:
        id = await family.open(host, 0)
        await exchange(host, family, {id: stream.randbytes(MEGABYTE)}, stream)

    family, stream = FAMILIES[name], random.Random(name)
    with_host(family, work)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("bc35", 6),
        ("sim7020-CSOSEND-hex", 5),
        ("sim7020-CSODSEND-raw", 5),
        ("sim7020-CIP-push", 6),
        ("sim7020-CIP-by-hand", 6),
        ("bc260y-hex", 5),
        ("ec800e-raw", 6),
    ],
)
def test_sockets_at_once_carry_their_own_bytes(name: str, count: int) -> None:
    async def work(host: Host) -> None:
        ids = [await family.open(host, number) for number in range(count)]
        assert len(set(ids)) == count
        await exchange(host, family, {id: stream.randbytes(1 << 15) for id in ids}, stream)

    family, stream = FAMILIES[name], random.Random(name)
    with_host(family, work)
