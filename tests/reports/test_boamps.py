"""BoAmps: valid by the schema, readable by codecarbon's classes, and honest about the unknown."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from codecarbon.output_methods.boamps.models import BoAmpsReport

from energybench.errors import BadInput
from energybench.model import Document, Doubt, Estimate, Publication
from energybench_reports.boamps import BoAmps
from tests.reports.boamps_schema import REPORT, closed
from tests.reports.foreign import LABELS, labelled
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.samples import SAMPLES, carried

replace = msgspec.structs.replace
VALIDATOR = jsonschema.Draft4Validator(REPORT)
STRICT = jsonschema.Draft4Validator(closed(REPORT))
WITH_RUNS = ["comparison", "unused", "estimated", "hostile", "job", "training"]


def reports(document: Document) -> list[dict[str, Any]]:
    return [json.loads(content) for content in BoAmps().render(document).values()]


@pytest.mark.parametrize("sample", WITH_RUNS)
def test_is_valid_by_the_schema(sample: str) -> None:
    """Required fields, types and enumerations. Without our own object no field is unknown, neither
    to the schema nor to the classes of codecarbon, which give the same report back.
    """
    for report in reports(SAMPLES[sample]()):
        VALIDATOR.validate(report)
        del report["energybench"]
        STRICT.validate(report)
        assert BoAmpsReport.from_dict(report).to_dict() == report


def test_energy_is_in_kilowatt_hours_and_time_in_seconds() -> None:
    """The measure is one repeat, with the interval of each number beside it."""
    run = cpu_node()
    assert run.energy_j is not None
    [report] = reports(Document(title="t", results=(run,), version="1.0"))
    [measure] = report["measures"]
    assert measure["powerConsumption"] == pytest.approx(run.energy_j.value / 3.6e6, rel=1e-12)
    assert measure["measurementDuration"] == run.time_s.value
    intervals = report["energybench"]["intervals"]
    assert intervals["powerConsumption"]["low"] == pytest.approx(run.energy_j.low / 3.6e6)
    for name, ends in intervals.items():
        assert ends["low"] <= measure[name] <= ends["high"]
    numbers = {name for name, value in measure.items() if isinstance(value, float)}
    # the duration of the idle phases is read from a clock
    assert numbers - {"durationCalibrationMeasurement"} == set(intervals)


def test_hardware_is_that_of_all_nodes() -> None:
    """Processors, boards and memory of the sample: two CPU sockets and four boards."""
    report = reports(SAMPLES["comparison"]())[1]
    kinds = {c["componentType"]: c["nbComponent"] for c in report["infrastructure"]["components"]}
    assert kinds["gpu"] == 4
    assert report["measures"][0]["gpuTrackingMode"] == "nvml"


def test_the_unknown_is_not_invented() -> None:
    """Country, stage and family are "not stated" or absent; utilisation and language too."""
    command = replace(cpu_node(), workload=None, command=("./solver",))
    [report] = reports(Document(title="t", results=(command,)))
    assert "environment" not in report
    assert report["infrastructure"]["infraType"] == "other"
    assert report["task"]["taskStage"] == report["task"]["taskFamily"] == "not stated"
    assert "software" not in report
    assert report["task"]["algorithms"] == [{"algorithmName": "./solver"}]
    assert not any("tilization" in name for name in report["measures"][0])


def test_a_stated_carbon_intensity_is_passed_on() -> None:
    """A run has the intensity of its own projection, and none of a projection of other runs."""
    for report in reports(SAMPLES["comparison"]()):
        assert "environment" not in report
    first, second = reports(carried(SAMPLES["comparison"]()))
    for report in (first, second):
        assert report["environment"]["powerSourceCarbonIntensity"] == 179.0
        assert report["energybench"]["intervals"]["powerSourceCarbonIntensity"]["low"] == 150.0


@pytest.mark.parametrize(
    ("half_width", "word"), [(0.05, "high"), (0.2, "medium"), (0.5, "low"), (0.6, None)]
)
def test_quality_is_the_error_of_the_energy(half_width: float, word: str | None) -> None:
    """The words of the schema: ±10 %, ±25 %, ±50 %."""
    energy = Estimate(value=1.0, low=1 - half_width, high=1 + half_width)
    [report] = reports(Document(title="t", results=(replace(cpu_node(), energy_j=energy),)))
    assert report.get("quality") == word


def test_the_quality_of_what_was_replayed_is_low() -> None:
    """However narrow its interval is."""
    doubt = Doubt(code="replayed", message="a recording", remedy="measure")
    run = replace(cpu_node(), doubts=(doubt,))
    [report] = reports(Document(title="t", results=(run,)))
    assert report["quality"] == "low"


def test_the_publisher_is_named() -> None:
    """A publication states who publishes, and under which licence."""
    statement = Publication(publisher="A centre", licence="CC BY 4.0")
    [report] = reports(Document(title="t", results=(cpu_node(),), publication=statement))
    assert report["header"]["publisher"] == {"name": "A centre", "confidentialityLevel": "public"}
    assert report["header"]["licensing"] == "CC BY 4.0"
    assert report["header"]["reportStatus"] == "final"
    doubt = Doubt(code="replayed", message="a recording", remedy="measure")
    replayed = replace(cpu_node(), doubts=(doubt,))
    [draft] = reports(Document(title="t", results=(replayed,), publication=statement))
    assert draft["header"]["reportStatus"] == "draft"
    VALIDATOR.validate(report)


def test_each_run_has_a_file() -> None:
    """Two runs with one id too; a run without an energy has none, and none at all is refused."""
    run = cpu_node()
    lost = SAMPLES["partial"]().results[0]
    files = BoAmps().render(Document(title="t", results=(run, run, lost)))
    assert list(files) == [
        f"boamps_report_{run.id}.json",
        f"boamps_report_{run.id}-2.json",
    ]
    with pytest.raises(BadInput, match="no run of the document has an energy"):
        BoAmps().render(SAMPLES["claims"]())


@pytest.mark.parametrize("label", LABELS.values(), ids=list(LABELS))
def test_foreign_text_stays_in_its_field(label: str) -> None:
    """The same numbers and fields; the text is on one line, and the file has a plain name."""
    document = labelled("comparison", label)
    line = " ".join(label.split())
    for report, plain in zip(reports(document), reports(SAMPLES["comparison"]()), strict=True):
        VALIDATOR.validate(report)
        assert report["energybench"]["label"].startswith(line)
        assert report["measures"][0]["powerConsumption"] == plain["measures"][0]["powerConsumption"]
        assert report.keys() >= plain.keys() - {"environment"}
    for name in BoAmps().render(document):
        assert name.isascii()
        assert len(name) < 90
