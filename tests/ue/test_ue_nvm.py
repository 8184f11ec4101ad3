"""NVM and settings: what survives what, and that a damaged document is never fatal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ue_bench import Bench, on_bench

from modemsim.profile import Setting
from modemsim.trace import Trace
from modemsim.ue.nvm import Nvm, StateError
from modemsim.ue.settings import Settings

DECLARED = {
    "ram": Setting(default=0, save="ram"),
    "sleep": Setting(default=0, save="sleep"),
    "nvm": Setting(default=0, save="nvm"),
    "reboot": Setting(default=0, save="reboot"),
    "profile": Setting(default=0, save="profile"),
}


def trace() -> Trace:
    return Trace(lambda: 0.0)


def changed(nvm: Nvm) -> Settings:
    settings = Settings(DECLARED, nvm)
    for key in DECLARED:
        settings.set(key, 1)
    return settings


def values(settings: Settings) -> dict[str, int]:
    return {key: settings.get(key) for key in DECLARED}


def test_a_change_is_in_force_at_once_except_for_class_reboot() -> None:
    assert values(changed(Nvm(None, "m", trace()))) == {
        "ram": 1,
        "sleep": 1,
        "nvm": 1,
        "reboot": 0,
        "profile": 1,
    }


def test_a_restart_keeps_what_is_stored() -> None:
    settings = changed(Nvm(None, "m", trace()))
    settings.restart()
    assert values(settings) == {"ram": 0, "sleep": 0, "nvm": 1, "reboot": 1, "profile": 0}


def test_deep_sleep_also_keeps_class_sleep() -> None:
    settings = changed(Nvm(None, "m", trace()))
    settings.restart(from_deep_sleep=True)
    assert values(settings) == {"ram": 0, "sleep": 1, "nvm": 1, "reboot": 1, "profile": 0}


def test_the_profile_is_stored_recalled_and_reset() -> None:
    settings = changed(Nvm(None, "m", trace()))
    settings.store_profile()
    settings.factory_profile()
    assert values(settings) == {"ram": 0, "sleep": 1, "nvm": 1, "reboot": 0, "profile": 0}
    settings.stored_profile()
    assert settings.get("profile") == 1
    settings.factory_reset()
    settings.restart()
    assert set(values(settings).values()) == {0}


def test_who_listens_hears_what_is_in_force_and_each_other_value_that_comes() -> None:
    told: list[tuple[str, int]] = []
    settings = Settings(DECLARED, Nvm(None, "m", trace()))
    settings.listen(lambda key, value: told.append((key, value)))
    assert told == [(key, 0) for key in DECLARED]
    for change, expected in (
        (lambda: settings.set("profile", 1), [("profile", 1)]),
        (lambda: settings.set("profile", 1), []),
        (lambda: settings.set("reboot", 1), []),
        (lambda: settings.set("sleep", 1), [("sleep", 1)]),
        (settings.factory_profile, [("profile", 0)]),
        (settings.store_profile, []),
        (lambda: settings.set("profile", 2), [("profile", 2)]),
        (settings.stored_profile, [("profile", 0)]),
        (lambda: settings.restart(from_deep_sleep=True), [("reboot", 1)]),
        (settings.restart, [("sleep", 0)]),
    ):
        told.clear()
        change()
        assert told == expected


def test_values_that_change_together_are_all_in_force_when_they_are_told() -> None:
    seen: list[dict[str, int]] = []
    settings = changed(Nvm(None, "m", trace()))
    settings.listen(lambda key, value: seen.append(values(settings)))
    seen.clear()
    settings.factory_profile()
    assert [(all_["ram"], all_["profile"]) for all_ in seen] == [(0, 0), (0, 0)]


def test_an_unknown_setting_has_no_value_and_cannot_be_set() -> None:
    settings = Settings(DECLARED, Nvm(None, "m", trace()))
    assert settings.get("nothing") is None
    with pytest.raises(KeyError):
        settings.set("nothing", 1)


def test_state_survives_the_process(tmp_path: Path) -> None:
    changed(Nvm(tmp_path / "deep" / "state", "m", trace()))
    again = Settings(DECLARED, Nvm(tmp_path / "deep" / "state", "m", trace()))
    assert (again.get("nvm"), again.get("reboot"), again.get("ram")) == (1, 1, 0)
    assert [path.name for path in (tmp_path / "deep" / "state").iterdir()] == ["nvm.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 9}', b"\xff\xfe", b'{"version": 1, "profile": "m"}',
                                     b'{"version": 1, "profile": "m", "sections": [1]}'])  # fmt: skip
def test_a_damaged_document_is_kept_aside_and_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "nvm.json").write_bytes(content)
    record = trace()
    nvm = Nvm(tmp_path, "m", record)
    assert nvm.section("settings") == {}
    assert (tmp_path / "nvm.corrupt-1.json").read_bytes() == content
    assert [(r.layer, r.event) for r in record.recent()] == [("nvm", "corrupt")]
    (tmp_path / "nvm.json").write_bytes(b"again")
    Nvm(tmp_path, "m", record)
    assert (tmp_path / "nvm.corrupt-2.json").exists()


@pytest.mark.parametrize("value", [99, -1, "idle", None, [1]])
def test_a_number_without_a_meaning_counts_as_absent(tmp_path: Path, value: object) -> None:
    sections = {"firmware": {"state": value, "result": value, "revision": "BC260YCNAAR02A99"}}
    document = {"version": 1, "profile": "bc260y", "sections": sections}
    (tmp_path / "nvm.json").write_text(json.dumps(document))

    async def work(bench: Bench) -> list[str]:
        simulation = bench.simulation
        unknown = [r.fields for r in simulation.trace.recent() if (r.layer, r.event) == ("nvm", "unknown")]
        assert unknown == [
            {"section": "firmware", "key": key, "value": value, "used": 0} for key in ("state", "result")
        ]
        assert (simulation.ue.firmware.object.state, simulation.ue.firmware.object.result) == (0, 0)
        await bench.attached()
        return await bench.ask("AT+CGMR")

    assert "BC260YCNAAR02A99" in " ".join(on_bench(work, state_dir=tmp_path))


def test_the_state_of_another_module_is_refused_and_not_touched(tmp_path: Path) -> None:
    changed(Nvm(tmp_path, "bc35", trace()))
    before = (tmp_path / "nvm.json").read_bytes()
    with pytest.raises(StateError, match="holds the state of a bc35, not of a bc260y"):
        Nvm(tmp_path, "bc260y", trace())
    assert (tmp_path / "nvm.json").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be made"):
        Nvm(tmp_path / "file" / "state", "m", trace())


def test_a_cut_between_writes_leaves_the_old_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = changed(Nvm(tmp_path, "m", trace()))
    monkeypatch.setattr("os.replace", _power_cut)
    with pytest.raises(RuntimeError, match="power cut"):
        settings.set("nvm", 2)
    monkeypatch.undo()
    assert json.loads((tmp_path / "nvm.json").read_text())["sections"]["settings"]["nvm"] == 1
    assert Settings(DECLARED, Nvm(tmp_path, "m", trace())).get("nvm") == 1


def _power_cut(source: Path, target: Path) -> None:
    raise RuntimeError("power cut")
