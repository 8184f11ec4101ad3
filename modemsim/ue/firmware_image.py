"""The package format of this simulator: what a firmware update of a simulated module is made of.

A package is a line MAGIC, a line of JSON filled up to HEADER octets, and the body. No vendor's package is
public; what is inside does not matter to a host or a platform, who it is for and whether it is whole does.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import asdict, dataclass

MAGIC = b"MODEMSIM-FIRMWARE 1\n"
HEADER = 512
"""Octets of the lines before the body, filled up with blanks."""


class ImageError(ValueError):
    """These octets are no package of this simulator; the message says why."""


class CorruptImage(ImageError):
    """A package of this simulator that is not as it was made."""


@dataclass(frozen=True)
class Image:
    """The header of a package: for which module, revisions before and after, octets of the body, digest."""

    module: str
    source: str
    target: str
    size: int
    sha256: str


def parse_size(text: str) -> int:
    """Octets of "1536" or "200k"; raises ImageError."""
    number, kilo = (text[:-1], 1024) if text.endswith("k") else (text, 1)
    if not number.isdecimal() or len(number) > 9:
        raise ImageError(f"{text!r} is no size; write 1536 or 200k")
    return int(number) * kilo


def build(module: str, source: str, target: str, size: int) -> bytes:
    """A package of exactly `size` octets; raises ImageError when they do not even hold the header."""
    if size < HEADER:
        raise ImageError(f"a package has at least {HEADER} octets")
    body = random.Random(f"{module}/{source}/{target}").randbytes(size - HEADER)
    image = Image(module, source, target, len(body), hashlib.sha256(body).hexdigest())
    header = MAGIC + json.dumps(asdict(image), separators=(",", ":")).encode()
    if len(header) >= HEADER:
        raise ImageError("the names of module and revisions are too long")
    return header.ljust(HEADER - 1) + b"\n" + body


def header_of(package: bytes) -> Image:
    """The header of a package, also of one that is not whole yet; raises ImageError."""
    if not package.startswith(MAGIC):
        raise ImageError("this is no package of modemsim")
    try:
        return Image(**json.loads(package[len(MAGIC) : HEADER]))
    except (ValueError, TypeError) as problem:
        raise CorruptImage(f"the header is damaged: {problem}") from None


def check(package: bytes) -> Image:
    """The header of a whole package; raises ImageError, or CorruptImage when length or digest are wrong."""
    image = header_of(package)
    body = package[HEADER:]
    if len(body) != image.size:
        raise CorruptImage(f"the body has {len(body)} octets instead of {image.size}")
    if hashlib.sha256(body).hexdigest() != image.sha256:
        raise CorruptImage("the SHA-256 of the body is not the one in the header")
    return image
