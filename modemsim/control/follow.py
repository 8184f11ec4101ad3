"""The trace as a stream of JSON lines for HTTP clients that follow it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from modemsim.trace import Record, Trace

NDJSON = "application/x-ndjson"
BACKLOG = 10_000
"""Records kept for a client that reads slowly; older ones are dropped and counted in the stream."""


class Follower:
    """Hands the trace of a run to any number of clients until `close`."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._wakers: set[asyncio.Event] = set()
        self._closed = False

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for waker in self._wakers:
            waker.set()

    async def lines(self, *, follow: bool) -> AsyncIterator[str]:
        """The records still kept, then with `follow` every new one, as JSON lines."""
        pending: deque[Record] = deque(self._trace.recent(), maxlen=BACKLOG)
        if not follow:
            for record in pending:
                yield record.to_json() + "\n"
            return
        waker = asyncio.Event()
        lost = 0

        def sink(record: Record) -> None:
            nonlocal lost
            lost += len(pending) == BACKLOG
            pending.append(record)
            waker.set()

        unsubscribe = self._trace.subscribe(sink)
        self._wakers.add(waker)
        try:
            while True:
                waker.clear()
                while pending:
                    if lost:
                        missing, lost = lost, 0
                        yield json.dumps({"layer": "trace", "event": "lost", "records": missing}) + "\n"
                    yield pending.popleft().to_json() + "\n"
                if self._closed:
                    return
                await waker.wait()
        finally:
            unsubscribe()
            self._wakers.discard(waker)


router = APIRouter()


async def _follower(request: Request) -> Follower:
    follower: Follower = request.app.state.follower
    return follower


@router.get("/trace", response_class=StreamingResponse)
async def trace(
    follower: Annotated[Follower, Depends(_follower)], follow: Annotated[bool, Query()] = False
) -> StreamingResponse:
    """Everything that happened, one JSON object a line; `follow=1` goes on with what happens next."""
    return StreamingResponse(follower.lines(follow=follow), media_type=NDJSON)
