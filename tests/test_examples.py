"""Every example runs as it is printed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.realtime
def test_the_ci_job_delivers_a_report(tmp_path: Path) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AT_PORT": free_port(),
        "CONTROL_PORT": free_port(),
        "SPEED": "20",
    }
    done = subprocess.run(
        [shutil.which("sh") or "sh", str(EXAMPLES / "ci.sh")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "delivered; the platform answered +NNMI: 4,AAAA0000" in done.stdout
    assert "\nthe platform has the report\n" in done.stdout
    assert (tmp_path / "modemsim.jsonl").stat().st_size > 0
