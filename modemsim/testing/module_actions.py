"""Actions of transcripts on a module that sleeps, on what the network grants it, and on faults."""

from __future__ import annotations

import shlex

from modemsim.faults import FAULTS
from modemsim.testing.action_table import SWITCH, Parameter, Stage, action, words_of


def _fault(text: str) -> tuple[str, dict[str, str]]:
    """Name and parameters of a fault, each NAME=VALUE with shell quotes where needed; checked at once."""
    name, *rest = shlex.split(text) or [""]
    if name == "clear" and not rest:
        return name, {}
    parameters = dict(word.partition("=")[::2] for word in rest)
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
    FAULTS[name].values(parameters)
    return name, parameters


@action("wake")
async def wake(stage: Stage, limit: float | None) -> None:
    """Pull the pin that wakes a sleeping chip (PSM_EINT, PWRKEY, DTR: whatever the module has)."""
    stage.simulation.wake()


@action("network", words_of("psm", "edrx", "keeps_downlinks"), SWITCH)
async def network_saving(stage: Stage, limit: float | None, value: str, on: bool) -> None:
    """Let the network grant PSM, grant eDRX, or keep what comes for a module in PSM; or not."""
    stage.simulation.network.patch(**{value: on})


@action("fault", Parameter("NAME [KEY=VALUE]...|clear", _fault), rest=True)
async def fault(stage: Stage, limit: float | None, wanted: tuple[str, dict[str, str]]) -> None:
    """Begin a fault of the list in faults.md, or end all."""
    name, parameters = wanted
    if name == "clear":
        stage.simulation.faults.clear()
    else:
        stage.simulation.faults.begin(name, parameters)
