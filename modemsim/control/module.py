"""The module and its network in the control API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from modemsim.control import models
from modemsim.radio.network import Network
from modemsim.simulation import Simulation

router = APIRouter()


async def _simulation(request: Request) -> Simulation:
    simulation: Simulation = request.app.state.simulation
    return simulation


FoundSimulation = Annotated[Simulation, Depends(_simulation)]


@router.get("/module")
async def module(simulation: FoundSimulation) -> models.Module:
    """The running module: who it is and the state of everything in it."""
    return models.Module.model_validate(simulation.status())


@router.get("/module/energy")
async def energy(
    simulation: FoundSimulation, battery_mah: Annotated[float | None, Query(gt=0)] = None
) -> models.Energy:
    """The charge taken so far, and how long a battery lasts at that rate."""
    return models.Energy.model_validate(simulation.energy(battery_mah))


@router.post("/module/power")
async def power(simulation: FoundSimulation, request: models.PowerRequest) -> models.Module:
    """Switch the module on or off, reset it, or cut its supply."""
    try:
        await simulation.power(request.action)
    except ValueError as error:
        raise HTTPException(409, str(error)) from None
    return models.Module.model_validate(simulation.status())


@router.post("/module/wake")
async def wake(simulation: FoundSimulation) -> models.Module:
    """Pull the pin that wakes a sleeping chip."""
    simulation.wake()
    return models.Module.model_validate(simulation.status())


@router.post("/module/sim")
async def sim(simulation: FoundSimulation, request: models.SimRequest) -> models.Module:
    """Put the USIM in, or take it out."""
    simulation.sim_present(request.present)
    return models.Module.model_validate(simulation.status())


@router.get("/network")
async def network(simulation: FoundSimulation) -> models.Network:
    """The access network as it is now."""
    return _network(simulation.network)


@router.patch("/network")
async def change_network(simulation: FoundSimulation, changes: models.NetworkChanges) -> models.Network:
    """Change the access network, all values or none."""
    try:
        simulation.network.patch(**changes.model_dump(exclude_unset=True))
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    return _network(simulation.network)


def _network(network: Network) -> models.Network:
    values = network.values()
    latency = values["latency"]
    return models.Network.model_validate(
        values | {"latency": None if latency is None else (latency.low, latency.mode, latency.high)}
    )
