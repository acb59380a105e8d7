"""OpenMetrics: text that the parser of Prometheus' own client accepts, with every number of CSV."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from energybench.model import Document
from energybench_reports.openmetrics import OpenMetrics
from energybench_reports.tables.table import table
from tests.reports.foreign import LABELS, labelled
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.samples import SAMPLES


def parsed(document: Document) -> list[Metric]:
    """The families, read by prometheus_client, which refuses a wrong name, unit or escape."""
    text = OpenMetrics().render(document).decode()
    assert text.endswith("\n# EOF\n")
    return list(text_string_to_metric_families(text))


@pytest.mark.parametrize("sample", SAMPLES)
def test_has_every_number_of_the_table(sample: str) -> None:
    """Value, low and high of each row, digit by digit; exact values are marked."""
    document = SAMPLES[sample]()
    samples = [s for f in parsed(document) if f.type == "gauge" for s in f.samples]
    rows = list(table(document))
    expected = [row.value for row in rows if row.value is not None]
    for row in rows:
        if row.kind in ("interval", "range"):
            expected += [number for number in (row.low, row.high) if number is not None]
    assert sorted(sample.value for sample in samples) == sorted(expected)
    with_ends = [s for s in samples if s.labels["kind"] != "exact"]
    assert sum(row.kind == "exact" for row in rows) == len(samples) - len(with_ends)


@pytest.mark.parametrize("sample", ["comparison", "study", "claims"])
def test_names_end_with_their_unit(sample: str) -> None:
    """An energy is in joules by its name, a ratio is a ratio, and a low end stands before the unit.
    A unit of a scenario is a label.
    """
    families = {family.name: family for family in parsed(SAMPLES[sample]())}
    for family in families.values():
        assert family.name.endswith(family.unit)
    if sample == "comparison":
        assert families["energybench_measurement_energy_low_joules"].unit == "joules"
        assert families["energybench_comparison_energy_ratio"].unit == "ratio"
        assert families["energybench_comparison_speedup_ratio"].unit == "ratio"
    if sample == "claims":
        lines = families["energybench_projection_line"]
        assert lines.unit == ""
        assert {line.labels.get("unit") for line in lines.samples} >= {"MWh"}


def test_an_info_names_each_result() -> None:
    """Host, workload and doubts stand beside the numbers, in one info for each result."""
    [info] = [f for f in parsed(SAMPLES["comparison"]()) if f.type == "info"]
    hosts = [sample.labels.get("host") for sample in info.samples]
    assert hosts[:2] == ["nid001", "nid101"]
    assert {sample.name for sample in info.samples} == {"energybench_result_info"}


@pytest.mark.parametrize("label", LABELS.values(), ids=list(LABELS))
@pytest.mark.parametrize("sample", ["comparison", "study", "claims"])
def test_foreign_text_stays_in_its_label(sample: str, label: str) -> None:
    """The parser gives the text back as it is, on one line; numbers and names are unchanged."""
    families, plain = parsed(labelled(sample, label)), parsed(SAMPLES[sample]())
    assert [(f.name, [s.value for s in f.samples]) for f in families] == [
        (f.name, [s.value for s in f.samples]) for f in plain
    ]
    line = " ".join(label.split())
    for family in families:
        assert all(s.labels["label"].startswith(line) for s in family.samples)


def test_the_same_result_twice_gives_no_two_equal_samples() -> None:
    """Prometheus refuses a file in which two samples have one name and the same labels."""
    run = cpu_node()
    twins = [run, run, msgspec.structs.replace(run, regions=run.regions * 2)]
    keys = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in parsed(Document(title="t", results=tuple(twins)))
        for sample in family.samples
    ]
    assert len(keys) == len(set(keys))


def test_nothing_measured_is_no_sample() -> None:
    """A run that lost its sensor has no metric of its energy, rather than one of 0."""
    names = {family.name for family in parsed(SAMPLES["partial"]())}
    assert "energybench_measurement_time_seconds" in names
    assert "energybench_measurement_energy_joules" not in names
