"""Bearer and radio together: what CSCON shows around a datagram."""

from __future__ import annotations

import asyncio
from typing import Any

from modemsim import clock, net, radio
from modemsim.timing import Delay, Timing
from modemsim.trace import Trace


def test_rai_releases_after_the_uplink_is_out() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        seconds = dict.fromkeys((*radio.DELAYS, *net.DELAYS), 1.0) | {"inactivity": 20.0}
        timing = Timing({name: Delay.exact(value) for name, value in seconds.items()})
        trace = Trace(loop.time)
        events: list[tuple[float, Any]] = []

        def publish(event: str, **values: Any) -> None:
            if event == "rrc":
                events.append((loop.time(), values["mode"]))

        module = radio.Radio(radio.Network(), lambda: "460110000000001", timing, publish, trace)
        builtin = {"ct-iot": ("127.0.0.1", 9)}
        bearer = net.Bearer(module, net.Routes(builtin, offline=True), timing, trace)
        udp = bearer.udp()
        udp.send(b"too early", ("180.101.147.115", 5683))
        module.switch_on()
        await module.attach()
        await asyncio.sleep(99)
        udp.send(b"hello", ("180.101.147.115", 5683), rai=1)
        await asyncio.sleep(100)
        assert events == [(0.0, 1), (21.0, 0), (101.0, 1), (103.0, 0)]
        carried = [(record.time, record.event) for record in trace.recent() if "size" in record.fields]
        assert carried == [(0.0, "lost"), (102.0, "uplink")]
        module.kill()
        udp.send(b"too late", ("180.101.147.115", 5683))
        await asyncio.sleep(10)
        assert [record.event for record in trace.recent()][-2:] == ["power_cut", "lost"]
        bearer.close()

    clock.run(main(), virtual=True)
