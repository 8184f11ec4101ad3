"""`--interop-report FILE`: the interoperability tables, written by the run that made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from leshan_server import VERSION, Missing, Process

Results = dict[tuple[str, ...], dict[str, bool]]
CASES: pytest.StashKey[Results] = pytest.StashKey()
FAMILIES: pytest.StashKey[Results] = pytest.StashKey()
WORDS = {True: "pass", False: "**fail**", None: ""}

HEAD = """# Interoperability

Written by `make interop`. Each line ran against Eclipse Leshan {leshan} (Californium and Scandium, Java): the server is a
process of its own, the datagrams are real, the host works the module by AT commands.

## Every family

Registration, observation, a confirmed uplink, a downlink and deregistration.

| commands | plain | PSK_WITH_AES_128_CCM_8 | PSK_WITH_AES_128_CBC_SHA256 |
|---|---|---|---|
{families}
The Neul family (bc35, bc28, bc95) runs with `--set lwm2m.notify_observe_option=true`. As captured from a real BC68 its
notifications carry no Observe option, and Californium takes such a message for the end of the observation.

## The list

With a BC260Y; numbers are those of OMA's enabler test specification where it has one.

| id | what | LwM2M 1.0 | LwM2M 1.1 |
|---|---|---|---|
{cases}
## Other peers

`tests/interop` also runs libcoap (GnuTLS and OpenSSL builds) as client of a built-in platform and as server of a module,
`openssl` as server of both DTLS and TLS and as client of the platforms' TLS, aiocoap as a plain peer, Mosquitto as the
server of every family's MQTT client, plain and over TLS, and tshark as the reader of captures, encrypted ones with their
key log.
Bootstrap runs against a server made for the tests: no other one can be had from a package index here.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interop-report", metavar="FILE", help="write the interoperability tables to FILE")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CASES] = {}
    config.stash[FAMILIES] = {}


@pytest.fixture(scope="session")
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    """The running Leshan; without it the test is skipped with a line that says what is missing."""
    if request.config.getoption("--interop-report", None) is None:
        pytest.skip("Leshan, which is fetched from Maven Central, runs with 'make interop'")  # takes Java
    try:
        process = Process()
    except Missing as problem:
        pytest.skip(str(problem))  # a peer that needs Java and Maven
    yield process
    process.stop()


@pytest.fixture
def record_interop(request: pytest.FixtureRequest) -> Callable[[str, str, str, bool], None]:
    """Notes the result of a case for one version."""
    results = request.config.stash[CASES]

    def note(number: str, what: str, version: str, passed: bool) -> None:
        results.setdefault((number, what), {})[version] = passed

    return note


@pytest.fixture
def record_family(request: pytest.FixtureRequest) -> Callable[[str, str, bool], None]:
    """Notes the result of a family for one kind of security."""
    results = request.config.stash[FAMILIES]

    def note(family: str, security: str, passed: bool) -> None:
        results.setdefault((family,), {})[security] = passed

    return note


def _rows(results: Mapping[tuple[str, ...], Mapping[str, bool]], columns: tuple[str, ...]) -> str:
    return "".join(
        f"| {' | '.join([*name, *(WORDS[shown.get(column)] for column in columns)])} |\n"
        for name, shown in results.items()
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--interop-report", None)
    cases, families = session.config.stash[CASES], session.config.stash[FAMILIES]
    if path is None or not cases or not families:
        return
    text = HEAD.format(
        leshan=VERSION,
        families=_rows(families, ("plain", "ccm8", "cbc")),
        cases=_rows(cases, ("1.0", "1.1")),
    )
    Path(path).write_text(text, encoding="utf-8")
