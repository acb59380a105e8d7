"""The constraints of BoAmps' JSON schemas on the fields that a report of energybench has.

Written by hand from the schemas report, algorithm, dataset, measure and hardware of the repository
Boavizta/BoAmps, folder `model` (2026; CC BY 4.0): names, types, enumerations, required fields and
limits, without the descriptions. Like the original (JSON Schema, draft 4), further properties are
allowed; `closed` forbids them, to find a misspelt field.
"""

from __future__ import annotations

from typing import Any

TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}


def thing(required: str, **properties: Any) -> dict[str, Any]:
    """An object with the properties, of which those named are required."""
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return schema | ({"required": required.split()} if required else {})


def words(*allowed: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(allowed)}


def several(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": item}


def texts(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), TEXT)


def numbers(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), NUMBER)


ALGORITHM = thing(
    "",
    **texts("trainingType algorithmType algorithmName algorithmUri foundationModelName"),
    **texts("foundationModelUri framework frameworkVersion classPath optimizer quantization"),
    **numbers("parametersNumber layersNumber epochsNumber"),
)
DATASET = thing(
    "dataUsage dataType",
    dataUsage=words("input", "output"),
    dataType=words(
        *("tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word"),
        "other",
    ),
    **numbers("dataSize dataQuantity"),
    **texts("shape sourceUri owner"),
    source=words("public", "private", "other"),
)
MEASURE = thing(
    "measurementMethod powerConsumption",
    **texts("measurementMethod manufacturer version cpuTrackingMode gpuTrackingMode"),
    **texts("measurementDateTime"),
    **numbers("powerCalibrationMeasurement durationCalibrationMeasurement powerConsumption"),
    **numbers("measurementDuration"),
    averageUtilizationCpu=SHARE,
    averageUtilizationGpu=SHARE,
)
HARDWARE = thing(
    "componentType nbComponent",
    **texts("componentName componentType manufacturer family series"),
    nbComponent=WHOLE,
    memorySize=WHOLE,
    share=SHARE,
)
PUBLISHER = thing(
    "confidentialityLevel",
    **texts("name division projectName publicKey"),
    confidentialityLevel=words("public", "internal", "confidential", "secret"),
)
REPORT = thing(
    "task measures infrastructure",
    header=thing(
        "reportDatetime",
        **texts("licensing formatVersion formatVersionSpecificationUri reportId reportDatetime"),
        reportStatus=words("draft", "final", "corrective", "other"),
        publisher=PUBLISHER,
    ),
    task=thing(
        "taskStage taskFamily algorithms dataset",
        **texts("taskStage taskFamily taskDescription"),
        nbRequest=NUMBER,
        algorithms=several(ALGORITHM),
        dataset=several(DATASET),
        measuredAccuracy=SHARE,
        estimatedAccuracy=words("veryPoor", "poor", "average", "good", "veryGood"),
    ),
    measures=several(MEASURE),
    system=thing("os", **texts("os distribution distributionVersion")),
    software=thing("language", **texts("language version")),
    infrastructure=thing(
        "infraType components",
        infraType=words("publicCloud", "privateCloud", "onPremise", "other"),
        **texts("cloudProvider cloudInstance cloudService"),
        components=several(HARDWARE),
    ),
    environment=thing(
        "country",
        **texts("country location"),
        **numbers("latitude longitude powerSourceCarbonIntensity"),
        powerSupplierType=words("public", "private", "internal", "other"),
        powerSource=words("solar", "wind", "nuclear", "hydroelectric", "gas", "coal", "other"),
    ),
    quality=words("high", "medium", "low"),
)


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with no further properties in any object."""
    changed = dict(schema)
    if "properties" in schema:
        changed["properties"] = {k: closed(v) for k, v in schema["properties"].items()}
        changed["additionalProperties"] = False
    if "items" in schema:
        changed["items"] = closed(schema["items"])
    return changed
