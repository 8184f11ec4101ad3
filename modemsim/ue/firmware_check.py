"""Whether a package is one for this module: asked at the end of a download, and before it is applied."""

from __future__ import annotations

from modemsim.lwm2m.firmware import DownloadFailed, UpdateResult
from modemsim.ue import firmware_image
from modemsim.ue.firmware_image import Image


def downloaded(data: bytes, module: str, installed: str | None) -> Image:
    """The header of a package that may become state 2; `installed`: the revision it must be made for, if any.

    Raises DownloadFailed.
    """
    try:
        image = firmware_image.check(data)
    except firmware_image.CorruptImage as problem:
        raise DownloadFailed(UpdateResult.INTEGRITY, str(problem)) from None
    except firmware_image.ImageError as problem:
        raise DownloadFailed(UpdateResult.UNSUPPORTED_PACKAGE, str(problem)) from None
    if image.module != module:
        raise DownloadFailed(UpdateResult.UNSUPPORTED_PACKAGE, f"a package for {image.module}")
    if installed not in (None, image.source):
        raise DownloadFailed(UpdateResult.INTEGRITY, f"a package for revision {image.source}")
    return image


def obstacle(data: bytes, module: str, installed: str) -> tuple[str | None, str]:
    """Why a package cannot be applied (a key of `words.update_error`), if so, and its target."""
    try:
        image = firmware_image.check(data)
    except firmware_image.ImageError:
        return "damaged", ""
    if image.module != module:
        return "module", image.target
    return (None if image.source == installed else "source"), image.target
