"""Applications of others, run as they are with input decks of our own, and read by adapters."""

from pathlib import Path

from energybench_workloads.applications.application import Application

_HERE = Path(__file__).parent


def lammps() -> Application:
    return Application(_HERE / "lammps.toml")


def gromacs() -> Application:
    return Application(_HERE / "gromacs.toml")


def hpcc() -> Application:
    return Application(_HERE / "hpcc.toml")
