"""Statements of the publisher of a document: who, when, which baseline and why."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import NonNegative, Noun

Paper = Literal["a4", "letter"]


class Logo(Noun, frozen=True, kw_only=True):
    """A picture without scripts. data: the file in base64."""

    media_type: Literal["image/png", "image/svg+xml"]
    data: str


class Publication(Noun, frozen=True, kw_only=True):
    """Statements that a document for outsiders needs. A report prints "not stated" for "".

    tested             date or dates of the test
    hardware_available, software_available
                       dates from which anybody can buy or obtain what was tested
    baseline, why_baseline
                       the baseline, and the reason for the choice
    tuned, tuned_candidate
                       who tuned the side of the baseline and that of the candidate, and how
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
    provisioned_w: dict[str, NonNegative] = {}
    logo: Logo | None = None
    footnotes: tuple[str, ...] = ()
    paper: Paper = "a4"
