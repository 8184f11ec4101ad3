"""Peers that pip cannot install: found, or the test says which is missing."""

from __future__ import annotations

import shutil

import pytest


def program(*names: str) -> str:
    """Path of the first of these programs; skips the test with a line that says what is missing."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip(f"needs {' or '.join(names)}, which is not installed here")  # a peer from Debian
