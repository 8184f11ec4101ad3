"""Settings the host can change, each with its factory default and saving class."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from modemsim.profile import Setting
from modemsim.ue.nvm import Nvm

SECTION = "settings"


class Settings:
    """The values in force now, by key such as "+CSCON.n"; saving classes decide what outlives a restart."""

    def __init__(self, declared: Mapping[str, Setting], nvm: Nvm) -> None:
        self._declared = declared
        self._nvm = nvm
        self._stored = {k: v for k, v in nvm.section(SECTION).items() if k in declared}
        self._values: dict[str, Any] = {}
        self._hear: Callable[[str, Any], None] = lambda key, value: None
        self.restart()

    def listen(self, hear: Callable[[str, Any], None]) -> None:
        """Tell of every value in force, and from now on of each that takes the place of another one."""
        self._hear = hear
        for key, value in tuple(self._values.items()):
            hear(key, value)

    def __contains__(self, key: str) -> bool:
        return key in self._declared

    def get(self, key: str) -> Any:
        """The value in force; None for a setting the profile does not have."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> None:
        """Change a setting; stored at once or later as its saving class says."""
        save = self._declared[key].save
        if save in ("nvm", "reboot"):
            self._stored[key] = value
            self._nvm.store(SECTION, self._stored)
        if save != "reboot":
            self._bring({key: value})

    def store(self, keys: Iterable[str]) -> None:
        """Make the values in force of these settings outlive a restart, whatever their class."""
        self._stored.update({key: self._values[key] for key in keys})
        self._nvm.store(SECTION, self._stored)

    def pending(self, key: str) -> Any:
        """The value a restart will bring into force (differs from `get` for class "reboot")."""
        return self._stored.get(key, self._values.get(key))

    def default(self, key: str) -> Any:
        """The factory value of a setting."""
        return self._declared[key].default

    def store_profile(self) -> None:
        """AT&W: store every setting of class "profile"."""
        for key, setting in self._declared.items():
            if setting.save == "profile":
                self._stored[key] = self._values[key]
        self._nvm.store(SECTION, self._stored)

    def factory_profile(self) -> None:
        """AT&F: bring the factory values of class "profile" and "ram" into force (nothing is stored)."""
        self._bring({k: one.default for k, one in self._declared.items() if one.save in ("profile", "ram")})

    def stored_profile(self) -> None:
        """ATZ: bring the stored values of class "profile" into force, else the factory values."""
        profile = (key for key, setting in self._declared.items() if setting.save == "profile")
        self._bring({key: self._start_value(key) for key in profile})

    def factory_reset(self) -> None:
        """Forget everything stored, as a factory reset does; takes effect at the next restart."""
        self._stored.clear()
        self._nvm.store(SECTION, self._stored)

    def restart(self, *, from_deep_sleep: bool = False, keep: Collection[str] = ()) -> None:
        """Values after a start: stored ones, else factory; deep sleep keeps class "sleep" and `keep`."""
        kept = {key for key, one in self._declared.items() if one.save == "sleep"} | {*keep}
        lost = (key for key in self._declared if not (from_deep_sleep and key in kept))
        self._bring({key: self._start_value(key) for key in lost})

    def _start_value(self, key: str) -> Any:
        return self._stored.get(key, self._declared[key].default)

    def _bring(self, values: Mapping[str, Any]) -> None:
        """Bring values into force together, then tell of those that were others before."""
        changed = [key for key, value in values.items() if self._values.get(key) != value]
        self._values.update(values)
        for key in changed:
            self._hear(key, self._values[key])
