"""What the commands of the command line share: errors of one sentence, addresses, tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

FAILED, UNUSABLE = 1, 2
"""Exit codes besides 0: what was asked for did not hold; it could not be tried at all."""

LOOPBACK = "127.0.0.1"


class CliError(Exception):
    """Ends the program with one sentence on standard error and an exit code."""

    def __init__(self, message: str, code: int = UNUSABLE) -> None:
        super().__init__(message)
        self.code = code


def fail(message: str) -> NoReturn:
    """End with exit code 2 and one sentence."""
    raise CliError(message)


def read_file(file: Path) -> bytes:
    """What a file holds; CliError names one that cannot be read."""
    try:
        return file.read_bytes()
    except OSError as problem:
        fail(f"{file}: cannot be read: {problem.strerror}")


def warn(message: str) -> None:
    """Say something on standard error and go on."""
    if sys.stderr is not None:
        print(f"modemsim: {message}", file=sys.stderr, flush=True)


def parse_address(option: str, text: str) -> tuple[str, int]:
    """Host and port from "127.0.0.1:7000", "[::1]:7000" or "7000" (loopback); CliError names the option."""
    host, _, port = text.rpartition(":")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        fail(f"{option} {text}: put an IPv6 address in brackets, for example [::1]:7000")
    if not (port.isascii() and port.isdecimal() and int(port) < 65536) or (":" in text and not host):
        fail(f"{option} {text}: write HOST:PORT, for example 127.0.0.1:7000")
    return host.strip("[]") or LOOPBACK, int(port)
