"""The page of the control API: served to anybody, loads nothing from elsewhere, asks only for what there is."""

from __future__ import annotations

import re

import httpx

from modemsim import clock
from modemsim.control.app import PAGE, PREFIX, create_app
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

_CALL = re.compile(r'(?:call|ask)\("(\w+)", ["`]([^"`]+)["`]')
_BUTTON = re.compile(r'data-(post|patch)="([^"]+)" ?(?:data-body=\'([^\']+)\')?')


def shape(path: str) -> str:
    """A path with its variables blanked, as the page and as the description write them."""
    path = path.replace("${path}", "platforms/{name}/devices/{endpoint}")
    return re.sub(r"\$?\{[^}]*\}", "{}", path)


def test_the_page_needs_no_token_and_what_it_asks_for_exists() -> None:
    async def main() -> None:
        simulation = Simulation(Options("bc260y"))
        transport = httpx.ASGITransport(create_app(simulation, "s3cret"))
        async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
            page = await client.get("/")
            assert (page.status_code, page.text) == (200, PAGE.read_text())
            assert page.headers["content-security-policy"] == "default-src 'self' 'unsafe-inline'"
            described = (await client.get("/openapi.json")).json()["paths"]
        known = {
            f"{method.upper()} {shape(path.removeprefix(PREFIX + '/'))}"
            for path, operations in described.items()
            for method in operations
        }
        wanted = {f"{method} {shape(path)}" for method, path in _CALL.findall(page.text)}
        wanted |= {f"{method.upper()} {path}" for method, path, _ in _BUTTON.findall(page.text)}
        assert len(wanted) >= 10
        assert wanted <= known

    clock.run(main(), virtual=True)


def test_the_bodies_of_its_buttons_are_accepted() -> None:
    async def main() -> None:
        simulation = Simulation(Options("bc260y"))
        await simulation.start(MemoryPort())
        transport = httpx.ASGITransport(create_app(simulation))
        async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
            buttons = _BUTTON.findall(PAGE.read_text())
            assert {path for _, path, _ in buttons} == {"module/wake", "module/sim", "network"}
            for method, path, body in buttons:
                answer = await client.request(method.upper(), f"{PREFIX}/{path}", content=body or None,
                                              headers={"Content-Type": "application/json"})  # fmt: skip
                assert answer.status_code == 200, answer.text
        await simulation.stop()

    clock.run(main(), virtual=True)


def test_it_loads_nothing_from_elsewhere() -> None:
    text = PAGE.read_text()
    assert not re.search(r"https?://|src=|@import|innerHTML = [^']", text)
