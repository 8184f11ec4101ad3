"""More of what transcripts can do: services of AEP, power saving, and LwM2M requests of any kind.

`modemsim.testing` imports this for its effect: the entries go into the table of actions.
"""

from __future__ import annotations

from modemsim.testing.action_table import (
    COUNT,
    HEX,
    SWITCH,
    ActionFailed,
    Parameter,
    Stage,
    action,
    until,
    words_of,
)
from modemsim.testing.actions import _platform as platform_of

__all__: list[str] = []


@action("platform command", COUNT, HEX)
async def platform_command(stage: Stage, limit: float | None, service: int, body: bytes) -> None:
    """Send a command of this service id with this body to the module, under a new task id (AEP)."""
    try:
        stage.downlink = platform_of(stage).command(stage.simulation.endpoint, service, body)
    except (TypeError, ValueError) as error:
        raise ActionFailed(str(error)) from None


@action("platform response", HEX)
async def platform_response(stage: Stage, limit: float | None, body: bytes) -> None:
    """Check the module's response to the command sent last."""
    downlink = stage.downlink
    if downlink is None:
        raise ActionFailed("no downlink command was sent before")
    await until(lambda: downlink.response == body, limit or 0.0, lambda: f"it is {downlink.response!r}")


@action("platform queue", SWITCH)
async def platform_queue(stage: Stage, limit: float | None, on: bool) -> None:
    """Let commands to the module wait until it is heard, as for one that saves power, or no longer."""
    platform_of(stage).save_power(stage.simulation.endpoint, on)


@action("platform observe", Parameter("PATH", str))
async def platform_observe(stage: Stage, limit: float | None, path: str) -> None:
    """Observe one more path of the module."""
    platform_of(stage).ask(stage.simulation.endpoint, "observe", path)


@action("platform cancel", Parameter("PATH", str))
async def platform_cancel(stage: Stage, limit: float | None, path: str) -> None:
    """End the observation of such a path."""
    platform_of(stage).ask(stage.simulation.endpoint, "cancel", path)


@action("platform read", Parameter("PATH", str))
async def platform_read(stage: Stage, limit: float | None, path: str) -> None:
    """Read a path of the module."""
    stage.question = platform_of(stage).ask(stage.simulation.endpoint, "read", path)


@action("platform write", Parameter("PATH", str), HEX, words_of("text", "tlv", "octets", optional=True))
async def platform_write(
    stage: Stage, limit: float | None, path: str, payload: bytes, form: str = "octets"
) -> None:
    """Write a path of the module, as octets, text or TLV."""
    stage.question = platform_of(stage).ask(stage.simulation.endpoint, "write", path, payload, form)


@action("platform execute", Parameter("PATH", str))
async def platform_execute(stage: Stage, limit: float | None, path: str) -> None:
    """Execute a resource of the module."""
    stage.question = platform_of(stage).ask(stage.simulation.endpoint, "execute", path)


@action("platform answer", Parameter("2.05|4.04|none", str), Parameter("HEX", bytes.fromhex, optional=True))
async def platform_answer(stage: Stage, limit: float | None, code: str, payload: bytes | None = None) -> None:
    """Check code, and if given payload, of the module's answer to the last such question."""

    def got() -> tuple[str, bytes]:
        question = stage.question
        if question is None:
            raise ActionFailed("the platform has asked nothing before")
        return question.code or "none", question.payload

    def holds() -> bool:
        found = got()
        return found[0] == code and payload in (None, found[1])

    await until(holds, limit or 0.0, lambda: f"it is {got()[0]} {got()[1].hex().upper()}")


@action("platform ca", Parameter("NAME", str))
async def platform_ca(stage: Stage, limit: float | None, name: str) -> None:
    """Put the certificate of the platforms' authority where AT+QFUPL would, as a file of this name."""
    authority = stage.simulation.world.authority
    if authority is None:
        raise ActionFailed("this run has no platforms that would have an authority")
    try:
        stage.simulation.ue.ip.files.store(name, authority.certificate)
    except ValueError as error:
        raise ActionFailed(f"the module cannot keep {name}: {error}") from None
