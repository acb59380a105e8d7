"""The JSON contract "energybench/1": the keys that a reader may rely on, in documents printed by
the real commands.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.process import REPLAYS, energybench, in_process

pytestmark = pytest.mark.xdist_group("json_contract")  # runs that the module's tests share

ESTIMATE = {"value", "low", "high", "confidence", "effects"}
MEASUREMENT = {
    "schema",
    "kind",
    "id",
    "label",
    "workload",
    "command",
    "boundary",
    "quality",
    "energy_j",
    "components_j",
    "time_s",
    "power_w",
    "idle_power_w",
    "net_energy_j",
    "work",
    "energy_per_work_j",
    "verification",
    "repeats",
    "regions",
    "channels",
    "nodes",
    "host",
    "doubts",
}
COMPARISON = {
    "schema",
    "kind",
    "baseline",
    "candidate",
    "energy_ratio",
    "speedup",
    "net_energy_ratio",
    "node_hours",
    "energy_delay_ratio",
    "verdict",
    "doubts",
}
PROJECTION = {
    "schema",
    "kind",
    "scenario",
    "lines",
    "saved_mwh_per_month",
    "saved_cost_per_month",
    "currency",
    "saved_tco2e_per_month",
    "claims",
    "doubts",
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A measurement of each replayed node, their comparison, and a projection of it."""
    folder = tmp_path_factory.mktemp("contract")
    result: dict[str, Any] = {}
    for name in ("cpu", "gpu"):
        ran = energybench(
            "measure",
            "--replay",
            str(REPLAYS / f"{name}-node.toml"),
            "--label",
            name,
            "--json",
            cwd=folder,
        )
        result[name] = ran.json
    compared = in_process("compare", result["cpu"]["id"], result["gpu"]["id"], "--json", cwd=folder)
    result["comparison"] = compared.json
    (folder / "ratio.json").write_text(compared.out)
    result["projection"] = in_process(
        "project", "--scenario", "example-centre", "ratio.json", "--json", cwd=folder
    ).json
    result["claims"] = in_process("project", "--scenario", "nersc-2023", "--json", cwd=folder).json
    return result


def is_estimate(value: Any) -> bool:
    """Value inside its interval, 95 %, effects with all their keys."""
    return (
        set(value) == ESTIMATE
        and value["low"] <= value["value"] <= value["high"]
        and value["confidence"] == 0.95
        and all(
            set(effect)
            == {"name", "u", "distribution", "dof", "key", "kind", "component", "device", "sensor"}
            for effect in value["effects"]
        )
    )


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_measurement(documents: dict[str, Any], name: str) -> None:
    """Every key, estimates where the contract has estimates, energies that add up."""
    result = documents[name]
    assert set(result) >= MEASUREMENT
    assert (result["schema"], result["kind"]) == ("energybench/1", "measurement")
    for key in (
        "energy_j",
        "time_s",
        "power_w",
        "idle_power_w",
        "net_energy_j",
        "energy_per_work_j",
    ):
        assert is_estimate(result[key]), key
    assert all(is_estimate(value) for value in result["components_j"].values())
    assert sum(value["value"] for value in result["components_j"].values()) == pytest.approx(
        result["energy_j"]["value"]
    )
    assert {"name", "parts"} <= set(result["boundary"])
    assert all(
        {"component", "state", "low_w", "high_w"} <= set(part)
        for part in result["boundary"]["parts"]
    )
    assert all(
        {"start_s", "end_s", "energy_j", "components_j", "work"} <= set(repeat)
        for repeat in result["repeats"]
    )
    assert sum(r["energy_j"] for r in result["repeats"]) / len(result["repeats"]) == pytest.approx(
        result["energy_j"]["value"]
    )
    assert all({"label", "energy_j", "time_s"} <= set(region) for region in result["regions"])
    assert all(
        {"collector", "device", "component", "kind", "period_s", "samples", "missed", "failed"}
        <= set(c)
        for c in result["channels"]
    )
    assert all(
        {"quantity", "value", "tolerance", "passed"} == set(check)
        for check in result["verification"]
    )
    assert {"amount", "unit", "flops", "bytes", "fingerprint", "precision"} <= set(result["work"])


def test_comparison(documents: dict[str, Any]) -> None:
    """energy_ratio = E_baseline / E_candidate, speedup = T_baseline / T_candidate."""
    result = documents["comparison"]
    assert set(result) >= COMPARISON
    assert all(
        is_estimate(result[key])
        for key in ("energy_ratio", "speedup", "net_energy_ratio", "energy_delay_ratio")
    )
    assert result["energy_ratio"]["value"] == pytest.approx(
        documents["cpu"]["energy_j"]["value"] / documents["gpu"]["energy_j"]["value"]
    )
    assert result["speedup"]["value"] == pytest.approx(
        documents["cpu"]["time_s"]["value"] / documents["gpu"]["time_s"]["value"]
    )
    assert result["node_hours"] == pytest.approx(
        [documents[name]["time_s"]["value"] / 3600 for name in ("cpu", "gpu")]
    )
    assert result["verdict"] in ("better", "worse", "equivalent", "inconclusive")
    assert (result["baseline"], result["candidate"]) == (
        documents["cpu"]["id"],
        documents["gpu"]["id"],
    )


@pytest.mark.parametrize("name", ["projection", "claims"])
def test_projection(documents: dict[str, Any], name: str) -> None:
    """Line by line with formula and inputs, each an Estimate; claims with what is claimed, derived,
    and whether it fits.
    """
    result = documents[name]
    assert set(result) >= PROJECTION
    # a publication that names no fleet has no saving, and a solution in its place
    if name == "claims":
        assert result["saved_mwh_per_month"] is None
        expected = {"unknowns", "holds", "contested", "fails", "tensions", "implied"}
        assert expected == set(result["solution"])
    else:
        assert is_estimate(result["saved_mwh_per_month"])
    assert all(
        {"name", "value", "unit", "formula", "inputs"} <= set(line) and is_estimate(line["value"])
        for line in result["lines"]
    )
    assert all(is_estimate(used["value"]) for line in result["lines"] for used in line["inputs"])
    assert all(
        {"name", "claimed", "derived", "verdict", "why"} <= set(claim) for claim in result["claims"]
    )
    assert bool(result["claims"]) == (name == "claims")
    assert all({"code", "message", "remedy"} <= set(doubt) for doubt in result["doubts"])
