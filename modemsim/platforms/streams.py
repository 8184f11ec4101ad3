"""What the services over a stream connection have in common."""

from __future__ import annotations

import asyncio
import contextlib


def cut(writer: asyncio.StreamWriter) -> None:
    """Reset a connection at once; nothing happens to one that has ended."""
    with contextlib.suppress(AttributeError):  # Python 3.11.2: a TLS transport that was closed twice
        writer.transport.abort()
