"""`modemsim firmware`: packages for simulated modules, and the consoles' offline signing tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modemsim.cli_common import fail, read_file

app = typer.Typer(help="Make, show and sign firmware packages.", no_args_is_help=True)

Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write.")]
Password = Annotated[
    str | None, typer.Option(envvar="MODEMSIM_KEY_PASSWORD", help="Password of the private key.")
]


@app.command()
def build(
    profile: Annotated[str, typer.Option(help="Module the package is for.")],
    target: Annotated[str, typer.Option("--to", help="Revision after the update.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Revision before it [default: the profile's].")
    ] = None,
    size: Annotated[str, typer.Option(help="Octets of the package, for example 200k.")] = "200k",
    out: Out = None,
) -> None:
    """Make a package that takes a module from one revision to another."""
    from modemsim.profile import ProfileError, load
    from modemsim.ue import firmware_image

    try:
        module = load(profile)
        package = firmware_image.build(
            module.name, source or module.identity.revision, target, firmware_image.parse_size(size)
        )
    except (ProfileError, firmware_image.ImageError) as problem:
        fail(str(problem))
    file = out or Path(f"{source or module.identity.revision}_TO_{target}.bin")
    _write(file, package)
    typer.echo(file)


@app.command()
def info(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Show for which module and revisions a package is, and whether it is whole; exit code 1 if it is not."""
    from modemsim.ue import firmware_image

    data = read_file(file)
    try:
        image = firmware_image.header_of(data)
        firmware_image.check(data)
    except firmware_image.CorruptImage as problem:
        typer.echo(f"damaged: {problem}")
        raise typer.Exit(1) from None
    except firmware_image.ImageError as problem:
        fail(f"{file}: {problem}")
    for name, value in (
        ("module", image.module),
        ("from", image.source),
        ("to", image.target),
        ("octets", len(data)),
        ("sha256", image.sha256),
    ):
        typer.echo(f"{name:<7} {value}")


@app.command()
def keys(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where private.pem and public.pem go.")],
    algorithm: Annotated[str, typer.Option(help="rsa: RSA2048+SHA256; ecdsa: ECDSA_256K1+SHA256.")] = "rsa",
    password: Password = None,
) -> None:
    """Make a key pair; the private key is encrypted with the password."""
    from modemsim.platforms.signing import Algorithm, SigningError, make_keys

    algorithms = {"rsa": Algorithm.RSA, "ecdsa": Algorithm.ECDSA}
    if algorithm not in algorithms:
        fail(f"--algorithm {algorithm}: choose rsa or ecdsa")
    try:
        pair = make_keys(algorithms[algorithm], password or "")
    except SigningError as problem:
        fail(f"{problem}; give one with --password or MODEMSIM_KEY_PASSWORD")
    folder.mkdir(parents=True, exist_ok=True)
    private = folder / "private.pem"
    _write(private, pair.private)
    private.chmod(0o600)
    _write(folder / "public.pem", pair.public)
    typer.echo(f"{private} {folder / 'public.pem'}")


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The package, or a zip with it.")],
    key: Annotated[Path, typer.Option(help="The private key (PEM).")],
    password: Password = None,
    out: Out = None,
) -> None:
    """Sign a package for a console that wants signatures; prints the name of the zip file."""
    from modemsim.platforms.signing import SigningError
    from modemsim.platforms.signing import sign as sign_package

    try:
        signed = sign_package(read_file(file), file.name, read_file(key), password)
    except SigningError as problem:
        fail(str(problem))
    target = out or file.with_name(f"{file.stem}_signed.zip")
    _write(target, signed)
    typer.echo(target)


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as problem:
        fail(f"{file}: cannot be written: {problem.strerror}")
