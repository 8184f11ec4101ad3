"""Eclipse Leshan as a child process, spoken to in JSON lines: a LwM2M server that nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent / "leshan"
VERSION = "2.0.0-M18"
PATIENCE = 25.0
"""Real seconds an answer or event may take; a Java process on a busy machine is slow at first."""


class Missing(Exception):
    """Leshan cannot be run here; the message says what is missing."""


def build() -> None:
    """Fetch the libraries and compile the harness, once; raises Missing."""
    source, built = HOME / "src/main/java/Harness.java", HOME / "target/classes/Harness.class"
    if shutil.which("java") is None or (shutil.which("mvn") is None and not built.exists()):
        raise Missing("Leshan needs java and mvn (default-jdk-headless, maven), which are not installed here")
    if built.exists() and built.stat().st_mtime >= source.stat().st_mtime:
        return
    goals = ["compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"]
    done = subprocess.run(["mvn", "-B", "-q", *goals], cwd=HOME, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"Leshan could not be built: {done.stdout.strip().splitlines()[:1]}")


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Process:
    """The running server; it outlives the loops of the tests, each of which attaches to it."""

    def __init__(self) -> None:
        build()
        self.port, self.secure_port = free_port(), free_port()
        self.child = subprocess.Popen(
            ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", "target/classes:target/lib/*", "Harness",
             str(self.port), str(self.secure_port), "models"],
            cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.child.stdout is not None
        if not self.child.stdout.readline():
            raise Missing("Leshan did not start")
        os.set_blocking(self.child.stdout.fileno(), False)

    def stop(self) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()


class Leshan:
    """A server process as one test sees it."""

    def __init__(self, process: Process) -> None:
        self.port, self.secure_port = process.port, process.secure_port
        assert process.child.stdin is not None
        assert process.child.stdout is not None
        self._input, self._output = process.child.stdin, process.child.stdout
        self._partial = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._output.fileno(), self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._output.fileno())

    def _readable(self) -> None:
        *lines, self._partial = (self._partial + (self._output.read() or b"")).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "id" in said:
                self._answers[said["id"]] = said
            else:
                self.events.append(said)
        self._news.set()

    async def _until(self, found: Any, what: str) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                while (result := found()) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{what} did not come; events: {self.events}") from None
        return result

    async def ask(self, op: str, ep: str, path: str = "", **fields: Any) -> tuple[str, Any]:
        """One command; its CoAP code as a string ("205", "timeout") and the value it brought."""
        self._number += 1
        number = self._number
        command = {"id": number, "op": op, "ep": ep, "path": path, **fields}
        self._input.write(json.dumps(command).encode() + b"\n")
        self._input.flush()
        answer = await self._until(lambda: self._answers.get(number), f"an answer to {command}")
        return str(answer["code"]), answer.get("value")

    async def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """The next event of that name whose fields have these values; it is taken out of `events`."""

        def found() -> dict[str, Any] | None:
            for event in self.events:
                if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                    self.events.remove(event)
                    return event
            return None

        result: dict[str, Any] = await self._until(found, f"the event {name} {fields}")
        return result
