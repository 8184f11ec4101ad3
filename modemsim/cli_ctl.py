"""`modemsim ctl`: talks to a running simulation through its control API, with the standard library only."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import typer

from modemsim.cli_common import FAILED, CliError, fail, parse_address
from modemsim.cli_upgrade import app as upgrade_app

DEFAULT_CONTROL = "127.0.0.1:7001"
ANSWER_LIMIT = 10.0
"""Real seconds a simulation has to answer a request."""

app = typer.Typer(help="Talk to a running simulation (modemsim run ... --control).", no_args_is_help=True)


app.add_typer(upgrade_app, name="upgrade")


@dataclass(frozen=True)
class Client:
    """The control API of one run."""

    control: str
    token: str | None

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The decoded JSON of an answer, None when it has no content; raises CliError."""
        response, connection = self._request(method, path, body, ANSWER_LIMIT)
        text = response.read().decode()
        connection.close()
        return json.loads(text) if text else None

    def stream(self, path: str) -> Iterator[str]:
        """The lines of an answer that may go on for ever."""
        response, connection = self._request("GET", path, None, None)
        try:
            for line in response:
                yield line.decode().rstrip("\n")
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, limit: float | None
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        host, port = parse_address("--control", self.control)
        connection = http.client.HTTPConnection(host, port, timeout=limit)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            fail(
                f"no simulation answers at {self.control} ({error}); start one with 'modemsim run PROFILE "
                f"--control {self.control}' or name another with 'modemsim ctl --control H:P'"
            )
        if response.status >= 400:
            raise CliError(_detail(response), FAILED)
        return response, connection

    def device(self, wanted: str | None = None) -> str:
        """The path of a device at the platform that heard it last; raises CliError.

        Without a name it is the module's, under its endpoint name or, where it uses another (a device id over
        MQTT), the only one there is.
        """
        known = [
            (device["last_heard"] or 0.0, platform["name"], device["endpoint"])
            for platform in self.call("GET", "/platforms")
            for device in self.call("GET", f"/platforms/{quote(platform['name'], safe='')}/devices")
        ]
        name = wanted or self._own_name()
        found = [one for one in known if one[2] == name]
        if not found and wanted is None:
            found = known if len({endpoint for _, _, endpoint in known}) == 1 else []
        if found:
            return _device_path(*max(found)[1:])
        if known and wanted is None:
            raise CliError("there are several devices; name one of 'ctl devices' with --device", FAILED)
        what = "a device" if name is None else f"the device {name}"
        raise CliError(f"no platform knows {what} yet", FAILED)

    def _own_name(self) -> str | None:
        """The module's endpoint name; None where platforms run alone."""
        try:
            module = self.call("GET", "/module")
        except CliError as error:
            if error.code != FAILED:
                raise
            return None
        return str(module["lwm2m"]["endpoint"] or module["imei"])


def _device_path(platform: str, endpoint: str) -> str:
    return f"/platforms/{quote(platform, safe='')}/devices/{quote(endpoint, safe='')}"


def _detail(response: http.client.HTTPResponse) -> str:
    """The sentence of a refused request."""
    text = response.read().decode(errors="replace")
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the simulation answered {response.status} {response.reason}"


Device = Annotated[
    str | None, typer.Option(metavar="ID", help="A device of 'ctl devices' [default: the module's].")
]


@app.callback()
def ctl(
    context: typer.Context,
    control: Annotated[
        str, typer.Option(envvar="MODEMSIM_CONTROL", metavar="H:P", help="Address of the control API.")
    ] = DEFAULT_CONTROL,
    token: Annotated[
        str | None, typer.Option(envvar="MODEMSIM_CONTROL_TOKEN", help="Bearer token, where one is needed.")
    ] = None,
) -> None:
    """Talk to a running simulation (modemsim run ... --control)."""
    context.obj = Client(control, token)


def _client(context: typer.Context) -> Client:
    client = context.obj
    if not isinstance(client, Client):
        raise TypeError("the callback of ctl did not run")
    return client


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted keys, the way a transcript's `* check` writes them."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, bool):
            yield f"{prefix}{key}", str(value).lower()
        else:
            yield f"{prefix}{key}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show(values: Mapping[str, Any]) -> None:
    pairs = list(_flat(values))
    width = max(len(key) for key, _ in pairs)
    for key, value in pairs:
        typer.echo(f"{key:<{width}}  {value}")


@app.command()
def status(context: typer.Context) -> None:
    """Show the module: who it is, power, network, registration, simulated time."""
    _show(_client(context).call("GET", "/module"))


@app.command()
def power(context: typer.Context, action: Annotated[str, typer.Argument(metavar="on|off|reset|cut")]) -> None:
    """Switch the module on or off, reset it, or cut its supply."""
    typer.echo(_client(context).call("POST", "/module/power", {"action": action})["power"])


@app.command()
def energy(
    context: typer.Context,
    battery: Annotated[float | None, typer.Option(metavar="MAH", help="Capacity of the battery.")] = None,
) -> None:
    """Show the charge taken so far, by state, and how long a battery lasts at that rate."""
    query = "" if battery is None else f"?battery_mah={battery}"
    _show(_client(context).call("GET", f"/module/energy{query}"))


@app.command()
def fault(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Without one: list what there is.")
    ] = None,
    parameters: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="End every fault.")] = False,
) -> None:
    """Make module, line or platform misbehave; docs/faults.md has the list."""
    client = _client(context)
    if clear:
        client.call("DELETE", "/faults")
    elif name is None:
        for kind in client.call("GET", "/fault-kinds"):
            typer.echo(f"{kind['usage']}\n    {kind['doc']}")
    else:
        given = dict(word.partition("=")[::2] for word in parameters or [])
        begun = client.call("POST", "/faults", {"name": name, "parameters": given})
        typer.echo(f"{begun['id']}  {begun['name']}")


@app.command()
def wake(context: typer.Context) -> None:
    """Pull the pin that wakes a sleeping chip."""
    typer.echo(_client(context).call("POST", "/module/wake")["chip"])


@app.command()
def sim(context: typer.Context, action: Annotated[str, typer.Argument(metavar="remove|insert")]) -> None:
    """Take the USIM out, or put it in."""
    if action not in ("remove", "insert"):
        fail(f"sim {action}: write remove or insert")
    _client(context).call("POST", "/module/sim", {"present": action == "insert"})


@app.command()
def devices(context: typer.Context) -> None:
    """List the devices of every platform."""
    client = _client(context)
    for platform in client.call("GET", "/platforms"):
        for device in client.call("GET", f"/platforms/{quote(platform['name'], safe='')}/devices"):
            state = "registered" if device["registered"] else "not registered"
            observed = "observed" if device["observed"] else "not observed"
            where = device["address"] or "no address"
            typer.echo(f"{platform['name']}  {device['endpoint']}  {state}, {observed}  {where}")


@app.command()
def ca(context: typer.Context) -> None:
    """Print the certificate of the authority that signs for the platforms' TLS, as PEM."""
    for line in _client(context).stream("/platforms/ca.pem"):
        typer.echo(line)


@app.command()
def provision(
    context: typer.Context,
    platform: Annotated[str, typer.Argument(metavar="PLATFORM")],
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT")],
    remove: Annotated[bool, typer.Option("--remove", help="Delete the device instead.")] = False,
    psk: Annotated[str | None, typer.Option(metavar="HEX", help="Pre-shared key: DTLS only.")] = None,
    identity: Annotated[
        str | None, typer.Option(help="PSK identity [default: the IMEI, else the endpoint].")
    ] = None,
) -> None:
    """Make a device known to a platform (--strict-devices, or with a key), or delete it."""
    body = None if psk is None else {"psk_hex": psk, "psk_identity": identity}
    _client(context).call("DELETE" if remove else "PUT", _device_path(platform, endpoint), body)


@app.command()
def uplinks(context: typer.Context, device: Device = None) -> None:
    """List what the module sent to its platform, oldest first."""
    client = _client(context)
    for uplink in client.call("GET", f"{client.device(device)}/uplinks"):
        typer.echo(
            f"{uplink['time']:10.3f}  {uplink['type']}  {uplink['message_id']:>5}  {uplink['path']}  "
            f"{uplink['payload_hex']}"
        )


@app.command()
def send(
    context: typer.Context, payload: Annotated[str, typer.Argument(metavar="HEX")], device: Device = None
) -> None:
    """Send a downlink command to the module; prints its id."""
    client = _client(context)
    _show_downlink(client.call("POST", f"{client.device(device)}/downlinks", {"payload_hex": payload}))


@app.command()
def downlink(
    context: typer.Context, id: Annotated[str, typer.Argument(metavar="ID")], device: Device = None
) -> None:
    """Show what became of a downlink command."""
    client = _client(context)
    _show_downlink(client.call("GET", f"{client.device(device)}/downlinks/{quote(id, safe='')}"))


def _show_downlink(record: Mapping[str, Any]) -> None:
    reason = f" ({record['reason']})" if record["reason"] else ""
    typer.echo(f"{record['id']}  {record['state']}{reason}  {record['payload_hex']}")


@app.command()
def forget(context: typer.Context, device: Device = None) -> None:
    """Drop the platform's observation, so that the next notification is answered with RST."""
    client = _client(context)
    client.call("POST", f"{client.device(device)}/forget")


def _value(text: str, now: Any) -> Any:
    """What KEY=VALUE means on the wire: text where text is `now`, else JSON ("none" is null) or text."""
    if isinstance(now, str):
        return text
    try:
        return None if text.lower() == "none" else json.loads(text)
    except ValueError:
        return text


@app.command()
def network(
    context: typer.Context,
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE...", help="Any value of the network, for example nat_timeout=60."),
    ] = None,
    coverage_level: Annotated[int | None, typer.Option(help="Coverage enhancement level, 0 to 2.")] = None,
    rsrp: Annotated[int | None, typer.Option(help="Received power in dBm.")] = None,
    outage: Annotated[bool | None, typer.Option("--outage/--no-outage", help="Nothing passes.")] = None,
    loss: Annotated[float | None, typer.Option(help="Share of datagrams lost, 0 to 1.")] = None,
    latency: Annotated[str | None, typer.Option(help="One-way latency, for example 1.2s.")] = None,
    congested: Annotated[
        bool | None, typer.Option("--congested/--no-congested", help="Attach attempts are turned away.")
    ] = None,
    nat_timeout: Annotated[
        str | None,
        typer.Option(metavar="SECONDS", help="Idle time after which the way back is forgotten; none: never."),
    ] = None,
    barred: Annotated[
        bool | None, typer.Option("--barred/--no-barred", help="The cell takes nobody; idle modules leave.")
    ] = None,
    neighbour: Annotated[
        str | None,
        typer.Option(
            metavar="KEY=N,...", help='Another cell: cell_id=1,pci=2,rsrp=-80[,tac=...]; "" for none.'
        ),
    ] = None,
) -> None:
    """Change the access network, and show it as it is then."""
    given = {
        "coverage_level": coverage_level,
        "rsrp": rsrp,
        "outage": outage,
        "loss": loss,
        "latency": latency,
        "congested": congested,
        "barred": barred,
    }
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if neighbour is not None:
        changes["neighbour"] = _cell(neighbour)
    words = [*(values or []), *([] if nat_timeout is None else [f"nat_timeout={nat_timeout}"])]
    client = _client(context)
    _show(client.call("PATCH", "/network", changes | _written(client, words)))


def _written(client: Client, words: list[str]) -> dict[str, Any]:
    """What KEY=VALUE words change in the network; raises CliError."""
    for word in words:
        if "=" not in word:
            fail(f"network {word}: write KEY=VALUE, for example nat_timeout=60")
    now = client.call("GET", "/network") if words else {}
    pairs = [word.partition("=")[::2] for word in words]
    return {key: _value(text, now.get(key)) for key, text in pairs}


def _cell(text: str) -> dict[str, int] | None:
    """A neighbour cell from key=number pairs; None for no text. Raises CliError."""
    cell = {}
    for pair in filter(None, text.split(",")):
        key, _, number = pair.partition("=")
        try:
            cell[key.strip()] = int(number, 0)
        except ValueError:
            raise CliError(f"--neighbour: {pair!r} is not KEY=NUMBER") from None
    return cell or None


@app.command()
def trace(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens next.")] = False,
) -> None:
    """Print everything that happened, one JSON object a line."""
    try:
        for line in _client(context).stream(f"/trace?follow={int(follow)}"):
            typer.echo(line)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
