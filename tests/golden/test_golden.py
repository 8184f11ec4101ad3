"""Every transcript under this folder, each with several seeds: a dialogue holds whatever the delays are."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemsim.testing import load, play

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.rglob("*.at"))
SEEDS = range(3)
MANY_SEEDS = range(20)
WITH_MANY_SEEDS = (
    "bc260y/guide_4_1_2.at",
    "bc260y/guide_4_2_2.at",
    "bc260y/guide_5_1_6_2.at",
    "bc260y/guide_5_2_5.at",
    "sim7020/cloud_note_6_2.at",
    "sim7020/aep_note_3.at",
    "sim7020/aep_note_5.at",
    "sim7020/cloud_note_5.at",
    "sim7020/cloud_note_6_1_3.at",
    "sim7020/network_4_1.at",
    "sim7020/network_4_2.at",
    "bc35/guide_3_2.at",
    "bc35/bc95_field_log.at",
    "ec800e/guide_4_1_3_1.at",
    "ec800e/guide_4_2_3.at",
    "ec800e/guide_4_3_3.at",
    "ec800e/guide_4_1_3_2.at",
    "ec800e/guide_4_1_4_1.at",
    "ec800e/guide_4_1_4_2.at",
    "ec800e/guide_6_1_start.at",
)
"""The dialogues of the vendors' guides, which hosts follow to the letter."""


def _name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


PLAYS = [
    pytest.param(path, seed, id=f"{_name(path)}-{seed}")
    for path in FILES
    for seed in (MANY_SEEDS if _name(path) in WITH_MANY_SEEDS else SEEDS)
]


@pytest.mark.parametrize(("path", "seed"), PLAYS)
def test_transcript(path: Path, seed: int) -> None:
    play(path, seed=seed).check()


def test_files_with_many_seeds_exist() -> None:
    assert set(WITH_MANY_SEEDS) <= {_name(path) for path in FILES}


def test_no_two_transcripts_show_the_same() -> None:
    summaries = [load(path).summary for path in FILES]
    assert sorted(summaries) == sorted(set(summaries))
