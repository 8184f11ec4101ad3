"""The player against a scripted module: what passes, and every way to fail with what the report says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiocoap import Code

from modemsim import clock
from modemsim.testing.actions import ACTIONS, Stage
from modemsim.testing.player import Player
from modemsim.testing.report import Result
from modemsim.testing.transcript import parse

HEAD = "# Shows it.\nprofile: p\nsource: s\n"


class FakeModule:
    """Answers each host line with scripted (delay, bytes) pieces; echoes when told to."""

    def __init__(self, script: dict[str, list[tuple[float, bytes]]], *, echo: bool = False) -> None:
        self.receiver: Callable[[bytes], None] = lambda data: None
        self.received = b""
        self._script = script
        self._echo = echo

    def send(self, data: bytes) -> None:
        self.received += data
        if self._echo:
            self.receiver(data)
        self.say(self._script.get(data.decode("latin-1").rstrip("\r"), []))

    def say(self, pieces: list[tuple[float, bytes]]) -> None:
        loop = asyncio.get_running_loop()
        for delay, piece in pieces:
            loop.call_later(delay, lambda piece=piece: self.receiver(piece))


def lines(delay: float, *texts: str) -> list[tuple[float, bytes]]:
    return [(delay, b"".join(b"\r\n" + text.encode() + b"\r\n" for text in texts))]


def play(
    body: str,
    script: dict[str, list[tuple[float, bytes]]] | None = None,
    *,
    echo: bool = False,
    limit: float | None = None,
    boot: list[tuple[float, bytes]] | None = None,
    stage: Any = None,
) -> tuple[Result, FakeModule]:
    transcript = parse(HEAD + body, "t.at")

    async def main() -> tuple[Result, FakeModule]:
        module = FakeModule(script or {}, echo=echo)
        player = Player(transcript, module, stage=stage, limits=lambda line: limit)
        module.say(boot or [])
        failure = await player.play()
        now = asyncio.get_running_loop().time()
        return Result(transcript, 3, now, failure, tuple(player.log)), module

    return clock.run(main(), virtual=True)


def passes(body: str, script: dict[str, list[tuple[float, bytes]]] | None = None, **more: Any) -> FakeModule:
    result, module = play(body, script, **more)
    result.check()
    assert result.passed
    return module


def fails(body: str, script: dict[str, list[tuple[float, bytes]]] | None = None, **more: Any) -> Result:
    result, _ = play(body, script, **more)
    assert not result.passed
    with pytest.raises(AssertionError):
        result.check()
    return result


# ------------------------------------------------------------------ passes


@pytest.mark.parametrize("echo", [False, True])
def test_a_command_and_its_response(echo: bool) -> None:
    module = passes(
        "> AT+CSQ\n< +CSQ: {rssi=int},0\n< OK\n> AT+X={rssi}\n< OK\n",
        {"AT+CSQ": lines(0.1, "+CSQ: 8,0", "OK"), "AT+X=8": lines(0.1, "OK")},
        echo=echo,
    )
    assert module.received == b"AT+CSQ\rAT+X=8\r"


def test_lines_in_pieces_and_pipelined_commands() -> None:
    pieces = [(0.1, b"\r"), (0.2, b"\n+CSQ"), (0.3, b": 8,0\r"), (0.4, b"\n\r\nOK\r\n")]
    passes(
        "> AT+CSQ\n> AT\n< +CSQ: 8,0\n< OK\n< OK\n",
        {"AT+CSQ": pieces, "AT": lines(0.5, "OK")},
        echo=True,
    )


def test_neighbours_in_any_order() -> None:
    boot = lines(1.0, "RDY") + lines(1.5, "+CPIN: READY") + lines(2.0, "+CFUN: 1")
    passes("< RDY  @ 0.5s..6s\n<| +CFUN: 1\n<| +CPIN: READY\n", boot=boot)


def test_a_group_of_captures_in_any_order() -> None:
    passes("<| A{a=int}\n<| B{b=int}\n< {a}{b}\n", boot=lines(1.0, "B2", "A1", "12"))


def test_the_data_prompt_and_raw_data() -> None:
    script = {
        "AT+SEND": [(0.1, b"\r\n> ")],
        "hello\x1a": [(0.1, b"hello"), (0.2, b"\r\nOK\r\n")],
        "A/": [(0.1, b"A/"), (0.2, b"\r\nOK\r\n")],
    }
    module = passes("> AT+SEND\n< >\n>> hello\\x1a\n< OK\n>> A/\n< OK\n", script)
    assert module.received == b"AT+SEND\rhello\x1aA/"


def test_numeric_result_codes_end_at_a_carriage_return() -> None:
    passes("> ATV0\n< 0\n> AT+N\n< 4\n", {"ATV0": [(0.1, b"0\r")], "AT+N": [(0.1, b"4\r")]}, echo=True)


def test_an_echo_may_be_expected() -> None:
    passes("> AT\n< AT\n< OK\n", {"AT": lines(0.1, "OK")}, echo=True)


def test_a_capture_never_takes_the_echo() -> None:
    passes("> AT+CGMM\n< {model=text}\n< OK\n", {"AT+CGMM": lines(0.1, "BC260Y", "OK")}, echo=True)


def test_quiet_and_waiting() -> None:
    script = {"AT": lines(0.1, "OK") + lines(4.0, "+URC")}
    passes("> AT\n< OK\n! quiet  @ 3s\n< +URC  @ 0.5s..1s\n", script, echo=True)
    passes("> AT\n< OK\n* wait 9s\n< +URC  @ 1s\n", script)


def test_a_response_may_take_the_limit_of_its_command() -> None:
    passes("> AT+COPS=?\n< OK\n", {"AT+COPS=?": lines(120.0, "OK")}, limit=121.0)
    passes("> AT\n< OK\n", {"AT": lines(4.9, "OK")})
    passes("> AT\n< OK\n< +URC\n", {"AT": lines(0.1, "OK") + lines(29.0, "+URC")})


# ------------------------------------------------------------------ failures


def test_another_line_than_expected() -> None:
    script = {"AT+NMGS=1,00": lines(0.25, "+CME ERROR: 954") + lines(0.5, "+LATE")}
    result = fails("> AT\n< OK\n> AT+NMGS=1,00\n< OK\n", script | {"AT": lines(0.1, "OK")})
    assert result.report().splitlines() == [
        "FAIL  t.at:7: expected 'OK' after line 6, but '+CME ERROR: 954' came (seed 3)",
        "      Shows it.",
        "",
        "    line     instant",
        "       4       0.000  >  AT",
        "       5       0.100   < OK",
        "       6       0.100  >  AT+NMGS=1,00",
        "-      7               < OK                                within 0 s..5.033 s",
        "+              0.350   < +CME ERROR: 954",
        "+              0.600   < +LATE",
    ]


def test_nothing_comes() -> None:
    result = fails("> AT\n< OK\n", {"AT": lines(5.5, "OK")}, limit=5.0)
    report = result.report()
    assert "expected 'OK' within 0 s..5.003" in report
    assert "after line 4, but nothing came" in report
    assert report.endswith("+              5.500   < OK")


def test_an_unfinished_line_is_named() -> None:
    result = fails("> AT\n< OK\n", {"AT": [(0.1, b"\r\n> ")]})
    assert "but nothing came except '> ' without an end" in result.report()


def test_too_early_and_too_late() -> None:
    early = fails("< RDY  @ 0.5s..6s\n", boot=lines(0.2, "RDY"))
    assert "'RDY' came too early: 0.200 s after the start, its window is 0.5 s..6 s" in early.report()
    late = fails("<| A  @ 1s\n<| B  @ 9s\n", boot=lines(0.5, "B") + lines(2.0, "A"))
    assert "expected 'A' within 0 s..1 s after the start, but nothing came" in late.report()
    waited = fails("> AT\n* wait 2s\n< OK\n< +A  @ 1s\n", {"AT": lines(0.1, "OK") + lines(1.5, "+A")})
    assert "'+A' came too late: 1.400 s after line 6, its window is 0 s..1 s" in waited.report()


def test_a_line_in_the_quiet() -> None:
    result = fails("> AT\n< OK\n! quiet  @ 3s\n", {"AT": lines(0.1, "OK") + lines(2.0, "+URC")})
    assert "nothing may come for 3 s after line 5, but '+URC' came" in result.report()
    result = fails("! quiet\n", boot=[(1.0, b"+UR")])
    assert "nothing may come, but '+UR' came, without an end" in result.report()


def test_a_line_behind_the_end() -> None:
    result = fails("> AT\n< +A\n", {"AT": lines(0.1, "+A", "OK")})
    assert "'OK' came behind the last step" in result.report()


def test_two_lines_glued_together_do_not_pass_as_one() -> None:
    result = fails("> AT\n< OK\n", {"AT": [(0.1, b"\r\nOK+QLWEVTIND: 3\r\n")]})
    assert "but 'OK+QLWEVTIND: 3' came" in result.report()


# ------------------------------------------------------------------ actions


class FakePlatform:
    """Records what actions ask for; holds one device."""

    def __init__(self) -> None:
        self.device = SimpleNamespace(registered=True, last_heard=1.0, uplinks=[])
        self.store = {"8627": self.device}
        self.down = False
        self.asked: list[tuple[Any, ...]] = []

    def downlink(self, endpoint: str, payload: bytes) -> SimpleNamespace:
        self.asked.append(("downlink", endpoint, payload))
        return SimpleNamespace(state="failed", reason="timeout")

    def forget(self, endpoint: str) -> None:
        self.asked.append(("forget", endpoint))

    def refuse(self, endpoint: str, code: Code | None) -> None:
        self.asked.append(("refuse", endpoint, code))


class FakeSimulation:
    """A status that changes with time, and the switches actions throw."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.platforms = {"ct-iot": FakePlatform()}
        self.connected: dict[str, Any] = {}
        self.services: dict[str, Any] = {}
        self.network = SimpleNamespace(patch=lambda **changes: self.asked.append(("network", changes)))
        self.lwm2m: dict[str, Any] = {"state": "registered", "endpoint": None}

    def status(self) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        emm = {"state": "home" if now > 2 else "searching", "attached": now > 2}
        return {
            "imei": "8627",
            "power": True,
            "emm": emm,
            "rrc": "connected",
            "psm": "awake",
            "chip": "awake",
            "lwm2m": self.lwm2m,
            "sim": None,
        }

    @property
    def endpoint(self) -> str:
        return self.lwm2m["endpoint"] or "8627"

    async def power(self, action: str) -> None:
        if action == "off":
            raise ValueError("it is off already")
        self.asked.append(("power", action))

    def sim_present(self, present: bool) -> None:
        self.asked.append(("sim", present))


def test_every_action_says_what_it_does() -> None:
    usages = [action.usage for action in ACTIONS]
    assert len(usages) == len(set(usages))
    assert all(action.doc.endswith(".") for action in ACTIONS)


def test_actions_reach_the_simulation() -> None:
    simulation = FakeSimulation()
    body = """* power cut
* sim remove
* network outage on
* network coverage 2
* network loss 0.5
* network congested off
* platform down
* platform up
* platform refuse 4.03
* platform forget
* platform send AABB
* platform downlink failed
* platform uplinks 0
* wait attached
* wait registered
* check power true
* check sim none
* check lwm2m.state registered
"""
    passes(body, stage=Stage(simulation))
    assert simulation.asked == [
        ("power", "cut"),
        ("sim", False),
        ("network", {"outage": True}),
        ("network", {"coverage_level": 2}),
        ("network", {"loss": 0.5}),
        ("network", {"congested": False}),
    ]
    platform = simulation.platforms["ct-iot"]
    assert platform.asked == [
        ("refuse", "8627", Code.FORBIDDEN),
        ("forget", "8627"),
        ("downlink", "8627", b"\xaa\xbb"),
    ]
    assert platform.down is False


def test_a_check_with_a_window_waits_for_it() -> None:
    simulation = FakeSimulation()

    def uplink(payload: str, kind: str) -> None:
        found = SimpleNamespace(payload=bytes.fromhex(payload), type=kind)
        simulation.platforms["ct-iot"].device.uplinks.append(found)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(3.0, uplink, "01", "CON")
        body = "* platform uplinks 1  @ 5s\n* platform last 01\n* platform last 01 CON\n"
        player = Player(parse(HEAD + body), FakeModule({}), stage=Stage(simulation))
        assert await player.play() is None
        assert 2.99 < loop.time() < 3.1

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("* power off\n", "'* power off' does not hold: it is off already"),
        ("* check emm.state home\n", "'* check emm.state home' does not hold: emm.state is searching"),
        ("* check lwm2m.mood good\n", "does not hold: the status has no 'lwm2m.mood'"),
        ("* wait idle  @ 10s\n", "does not hold: the module is not idle; its rrc is connected"),
        ("* platform last 00\n", "does not hold: the platform holds no uplink"),
        ("* platform uplinks 2\n", "does not hold: the platform holds 0 uplinks"),
        ("* platform downlink queued\n", "does not hold: no downlink command was sent before"),
        ("* platform send 00\n* platform downlink queued\n", "the downlink command is failed (timeout)"),
    ],
)
def test_actions_that_fail(body: str, problem: str) -> None:
    assert problem in fails(body, stage=Stage(FakeSimulation())).report()


def test_a_device_that_no_platform_knows() -> None:
    simulation = FakeSimulation()
    simulation.lwm2m["endpoint"] = "other"
    report = fails("* platform forget\n", stage=Stage(simulation)).report()
    assert "no platform knows the device other" in report


@pytest.mark.parametrize("count", [0, 1, 5])
def test_lines_that_may_come_any_number_of_times(count: int) -> None:
    told = [f"+P: {number}" for number in range(count)]
    result, _ = play("> AT\n<* +P: {n=int}\n< OK\n", {"AT": lines(0.1, *told, "OK")})
    assert result.failure is None


def test_a_line_of_another_form_ends_the_repetition() -> None:
    result, _ = play("> AT\n<* +P: {n=int}\n< OK\n", {"AT": lines(0.1, "+P: 1", "+Q: 1", "OK")})
    assert result.failure is not None
    assert "'+Q: 1' came" in result.failure.problem
