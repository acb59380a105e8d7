"""Statements of the publisher of a document: who, when, which baseline and why."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import NonNegative, Noun

Paper = Literal["a4", "letter"]


class Logo(Noun, frozen=True, kw_only=True):
    """A picture without scripts. data: the file in base64."""

    media_type: Literal["image/png", "image/svg+xml"]
    data: str


class Unmetered(Noun, frozen=True, kw_only=True):
    """A part without a meter, outside every figure, at its maximum specified power.

    part     "interconnect", "storage"
    most_w   maximum specified power of the whole part
    formula  how most_w follows from the maker's sheet: "2 switches x 400 W"
    source   the maker's sheet
    """

    part: str
    most_w: NonNegative
    formula: str = ""
    source: str = ""


class Publication(Noun, frozen=True, kw_only=True):
    """Statements that a document for outsiders needs. A report prints "not stated" for "".

    tested             date or dates of the test
    hardware_available, software_available
                       dates from which anybody can buy or obtain what was tested
    baseline, why_baseline
                       the baseline, and the reason for the choice
    tuned, tuned_candidate
                       who tuned the side of the baseline and that of the candidate, and how
    parameters         tunable parameters that differ from their defaults, with both values
    nodes_chosen       how the measured nodes were chosen, and among how many
    extrapolation      factor from the measured nodes to the stated machine, and its reason
    meter              meters with their documented accuracy and point in the power path, and how a
                       loss and the clocks of several meters were corrected
    room_temperature   temperature of the air at the inlet, and the sensor that read it
    service_level      latency at which the work was done, for work that answers requests
    unmetered          parts without a meter, at their maximum specified power
    provisioned_w      power that the operator sets aside for a node, by the label of its run
    footnotes          printed under the first page, in the given order
    """

    title: str = ""
    publisher: str = ""
    sponsor: str = ""
    tester: str = ""
    tested: str = ""
    hardware_available: str = ""
    software_available: str = ""
    contact: str = ""
    licence: str = ""
    baseline: str = ""
    why_baseline: str = ""
    tuned: str = ""
    tuned_candidate: str = ""
    parameters: str = ""
    nodes_chosen: str = ""
    extrapolation: str = ""
    meter: str = ""
    room_temperature: str = ""
    service_level: str = ""
    unmetered: tuple[Unmetered, ...] = ()
    provisioned_w: dict[str, NonNegative] = {}
    logo: Logo | None = None
    footnotes: tuple[str, ...] = ()
    paper: Paper = "a4"
