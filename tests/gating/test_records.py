"""Records: what a gate needs of a measurement, in less than a kilobyte."""

from __future__ import annotations

import msgspec
import pytest

from energybench.gating.records import Record, record, totals_j
from energybench.gating.sensor_errors import digest
from energybench.model import Effect, EffectKind, Estimate
from tests.gating.samples import MACHINE, NAME, measured, sample


def test_energies_are_those_of_one_iteration() -> None:
    """220 W for rounds of 2 s with 100 iterations each: 4.4 J an iteration."""
    made = sample((1.0, 1.1))
    assert totals_j(made, ("cpu.package", "cpu.dram")) == pytest.approx([4.4, 4.84], rel=1e-3)
    assert made.energy_j is not None
    assert made.energy_j[0] == pytest.approx(4.62, rel=1e-3)
    assert made.energy_j[1] < 4.62 < made.energy_j[2]
    assert (made.iterations, made.rounds) == ((100.0, 100.0), 2)
    assert (made.name, made.quality, made.boundary, made.host.ids) == (
        NAME,
        "measured",
        "compute",
        MACHINE,
    )


def test_less_than_a_kilobyte_for_five_rounds() -> None:
    """A node with a package and memory, and a node with eight boards."""
    assert len(msgspec.json.encode(sample())) < 700
    assert len(msgspec.json.encode(sample(gpu_w=(300.0,) * 8))) < 1000


def test_a_record_survives_json() -> None:
    made = sample(gpu_w=(300.0,))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Record) == made


def test_an_estimated_part_is_not_among_the_measured_parts() -> None:
    """The package is an estimate here, the memory has a counter."""
    made = sample(quality="estimated")
    assert made.parts == {"cpu.dram": "measured", "cpu.package": "modelled"}
    assert (set(made.windows_j), made.quality) == ({"cpu.dram"}, "mixed")


@pytest.mark.parametrize("kind", ["missing", "no-reading", "same-register"])
def test_what_both_runs_lack_widens_no_measured_component(kind: EffectKind) -> None:
    """A second socket without a counter, and a counter that repeats another, are bounds of the
    energy, and no uncertainty of its change.
    """
    whole = measured()
    component = whole.components_j["cpu.package"]
    bound = Effect(name=kind, u=100.0, distribution="bound", kind=kind, component="cpu.package")
    components = {
        **whole.components_j,
        "cpu.package": msgspec.structs.replace(component, effects=(*component.effects, bound)),
    }
    assert record(msgspec.structs.replace(whole, components_j=components)).own_u_rel == {}


def test_errors_of_one_run_alone_are_kept() -> None:
    """A counter that may have wrapped is one-sided, by up to 10 % here: as a rectangle of ±10 %."""
    whole = measured()
    component = whole.components_j["cpu.package"]
    gap = Effect(
        name="gap",
        u=0.1 * component.value / 12**0.5,
        distribution="bound",
        kind="gap",
        component="cpu.package",
    )
    components = {
        **whole.components_j,
        "cpu.package": msgspec.structs.replace(component, effects=(*component.effects, gap)),
    }
    kept = record(msgspec.structs.replace(whole, components_j=components)).own_u_rel
    assert kept == {"cpu.package": pytest.approx(0.1 / 3**0.5, rel=0.01)}


def test_sensors_are_named_without_the_machine() -> None:
    """One socket is one sensor, whichever identities of its machine a run saw."""
    names = []
    for ids, host in ((MACHINE, "4d1f"), (MACHINE[1:], "77aa"), ((), "node")):
        whole = measured(host=host, ids=ids)
        component = whole.components_j["cpu.package"]
        effects = tuple(
            msgspec.structs.replace(
                effect, key=f"gain:rapl:package-0:package@{whole.host.identity}"
            )
            if effect.kind == "gain"
            else effect
            for effect in component.effects
        )
        components = {
            **whole.components_j,
            "cpu.package": msgspec.structs.replace(component, effects=effects),
        }
        made = record(msgspec.structs.replace(whole, components_j=components))
        names.append(set(made.sensors["cpu.package"]))
    assert names[0] == names[1] == names[2]
    assert names[0] == {digest("gain:rapl:package-0:package ")}


def test_another_calibration_is_another_sensor() -> None:
    whole = measured()
    channels = tuple(
        msgspec.structs.replace(stats, calibrated_utc="2026-01-01T00:00:00Z")
        if stats.component == "cpu.package"
        else stats
        for stats in whole.channels
    )
    calibrated = record(msgspec.structs.replace(whole, channels=channels))
    before = record(whole)
    assert set(calibrated.sensors["cpu.package"]) != set(before.sensors["cpu.package"])
    assert set(calibrated.sensors["cpu.dram"]) == set(before.sensors["cpu.dram"])


@pytest.mark.parametrize("changes", [{"energy_j": None, "quality": None}, {"partial": True}])
def test_a_run_without_whole_energy_is_a_record_without_energy(changes: dict[str, object]) -> None:
    made = record(msgspec.structs.replace(measured(), **changes))
    assert (made.energy_j, made.quality, made.windows_j) == (None, None, {})
    assert made.cut == ("partial" in changes)


def test_a_component_without_energy_is_left_out() -> None:
    """The logarithm of 0 has no meaning, and a share of 0 no uncertainty."""
    whole = measured()
    nothing = Estimate(value=0.0, low=0.0, high=0.0)
    made = record(
        msgspec.structs.replace(whole, components_j={**whole.components_j, "cpu.dram": nothing})
    )
    assert set(made.windows_j) == {"cpu.package"}


def test_rounds_and_iterations_agree() -> None:
    with pytest.raises(msgspec.ValidationError, match="another length"):
        msgspec.convert(
            {
                "schema": "energybench-ci/1",
                "name": "t",
                "windows_j": {"cpu.package": [1.0, 2.0]},
                "iterations": [1.0],
            },
            Record,
        )
