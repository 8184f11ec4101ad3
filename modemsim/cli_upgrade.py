"""`modemsim ctl upgrade`: firmware updates at the platforms of a running simulation."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from modemsim.cli_common import fail, read_file

app = typer.Typer(help="Update the firmware of devices as a console does.", no_args_is_help=True)

Platform = Annotated[str, typer.Argument(metavar="PLATFORM", help="ct-iot or aep.")]


def _call(
    context: typer.Context, method: str, platform: str, path: str, body: Mapping[str, Any] | None = None
) -> Any:
    return context.obj.call(method, f"/platforms/{quote(platform, safe='')}/{path}", body)


@app.command()
def product(context: typer.Context, platform: Platform, profile: Annotated[Path, typer.Argument()]) -> None:
    """Take the profile JSON of a product."""
    try:
        devices = json.loads(read_file(profile))["devices"]
    except (ValueError, KeyError, TypeError):
        fail(f'{profile}: a profile is {{"devices": [...]}}')
    for added in _call(context, "POST", platform, "products", {"devices": devices}):
        updates = "updates" if added["upgradable"] else "no updates"
        names = (added["manufacturer"], added["model"], added["device_type"], added["protocol"])
        typer.echo(f"{'  '.join(names)}  {updates}")


@app.command()
def key(
    context: typer.Context,
    platform: Platform,
    manufacturer: Annotated[str, typer.Argument()],
    pem: Annotated[Path, typer.Argument(help="public.pem")],
) -> None:
    """Take the public key of a manufacturer."""
    text = read_file(pem).decode("ascii", "replace")
    _call(context, "POST", platform, "keys", {"manufacturer": manufacturer, "pem": text})


@app.command()
def package(
    context: typer.Context,
    platform: Platform,
    file: Annotated[Path, typer.Argument(help="The signed zip file (ct-iot) or the package itself (aep).")],
    version: Annotated[str, typer.Option(help="Revision after the update.")],
    manufacturer: Annotated[str, typer.Option()] = "",
    model: Annotated[str, typer.Option()] = "",
    device_type: Annotated[str, typer.Option()] = "",
    protocol: Annotated[str, typer.Option()] = "CoAP",
    source_version: Annotated[list[str] | None, typer.Option(help="May be repeated; none: any.")] = None,
) -> None:
    """Upload a package; prints its id."""
    data = read_file(file)
    body = {
        "name": file.name,
        "content": base64.b64encode(data).decode(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "version": version,
        "manufacturer": manufacturer,
        "model": model,
        "device_type": device_type,
        "protocol": protocol,
        "source_versions": source_version or [],
    }
    typer.echo(_call(context, "POST", platform, "packages", body)["id"])


@app.command()
def group(
    context: typer.Context,
    platform: Platform,
    name: Annotated[str, typer.Argument()],
    devices: Annotated[list[str], typer.Argument(metavar="ENDPOINT...")],
) -> None:
    """Make a group of devices."""
    _call(context, "PUT", platform, f"groups/{quote(name, safe='')}", {"devices": devices})


@app.command()
def start(
    context: typer.Context,
    platform: Platform,
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="Id of the package.")],
    device: Annotated[list[str] | None, typer.Option(help="Endpoint name; may be repeated.")] = None,
    group: Annotated[str | None, typer.Option(help="A group of devices.")] = None,
    retries: Annotated[int, typer.Option(help="How often a device is tried again, 0 to 5.")] = 0,
    secure: Annotated[bool, typer.Option("--secure", help="Offer the package by coaps.")] = False,
    name: Annotated[str, typer.Option()] = "upgrade",
) -> None:
    """Make an upgrade task; it starts when its devices register or send."""
    body = {
        "name": name,
        "package": package,
        "devices": device or [],
        "group": group,
        "retries": retries,
        "secure": secure,
    }
    _show(_call(context, "POST", platform, "upgrades", body))


@app.command()
def tasks(context: typer.Context, platform: Platform) -> None:
    """List the upgrade tasks."""
    for task in _call(context, "GET", platform, "upgrades"):
        _show(task)


@app.command()
def show(
    context: typer.Context, platform: Platform, id: Annotated[str, typer.Argument(metavar="ID")]
) -> None:
    """Show one upgrade task."""
    _show(_call(context, "GET", platform, f"upgrades/{quote(id, safe='')}"))


@app.command()
def cancel(
    context: typer.Context, platform: Platform, id: Annotated[str, typer.Argument(metavar="ID")]
) -> None:
    """Cancel what is not over of an upgrade task."""
    _show(_call(context, "POST", platform, f"upgrades/{quote(id, safe='')}/cancel"))


def _show(task: Mapping[str, Any]) -> None:
    typer.echo(f"{task['id']}  {task['state']}  {task['name']}")
    for device in task["devices"]:
        result = "" if device["result"] is None else f", result {device['result']}"
        typer.echo(f"   {device['endpoint']}  {device['state']}  {device['description']}{result}")
