"""The part of the control API that begins, lists and ends faults."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException

from modemsim.control import models
from modemsim.control.module import FoundSimulation
from modemsim.faults import FAULTS, Fault, FaultError

router = APIRouter()


@router.get("/fault-kinds")
async def kinds() -> list[models.FaultKind]:
    """The faults there are."""
    return [
        models.FaultKind(
            name=kind.name,
            doc=kind.doc,
            usage=kind.usage,
            parameters={name: parameter.doc for name, parameter in kind.parameters.items()},
        )
        for kind in FAULTS.values()
    ]


@router.get("/faults")
async def begun(simulation: FoundSimulation) -> list[models.FaultRecord]:
    """The faults that were begun and not ended by a request."""
    return [_record(fault) for fault in simulation.faults]


@router.post("/faults", status_code=201)
async def begin(simulation: FoundSimulation, request: models.FaultRequest) -> models.FaultRecord:
    """Begin a fault."""
    try:
        return _record(simulation.faults.begin(request.name, request.parameters))
    except FaultError as error:
        raise HTTPException(422, str(error)) from None


@router.delete("/faults", status_code=204)
async def clear(simulation: FoundSimulation) -> None:
    """End every fault."""
    simulation.faults.clear()


@router.delete("/faults/{id}", status_code=204)
async def end(simulation: FoundSimulation, id: int) -> None:
    """End one fault."""
    try:
        simulation.faults.end(id)
    except KeyError:
        raise HTTPException(404, f"there is no fault {id}") from None


def _record(fault: Fault) -> models.FaultRecord:
    return models.FaultRecord.model_validate(
        {
            "id": fault.id,
            "name": fault.name,
            "parameters": {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in fault.parameters.items()
            },
        }
    )
