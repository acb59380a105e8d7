"""Doubts: weaknesses of a result, and the closed list of their codes.

The meaning of each code, its effect on a result and the remedy stand in data/doubts.toml, which
`energybench explain CODE` prints.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from energybench.model.base import Noun

DoubtCode = Literal[
    # sensors, and how they were read
    "boards-hidden",
    "broken-plugin",
    "clock-offset",
    "counter-power-disagree",
    "counter-reset",
    "counter-scope",
    "counter-kind",
    "counter-slow",
    "cuda-order",
    "failed-reads",
    "gpu-unreadable",
    "implausible-reads",
    "in-step-unseen",
    "jitter",
    "lag-unseen",
    "measuring-stopped",
    "meter-unreadable",
    "meter-rows-left-out",
    "meter-interleaved",
    "meter-name-contradicts",
    "meter-one-feed",
    "meter-outliers",
    "meter-slope",
    "meter-smooths",
    "meter-spike",
    "mig-parent",
    "missed-samples",
    "period-unknown",
    "pm-clock",
    "power-implausible",
    "power-saturated",
    "rapl-unreadable",
    "register-unclear",
    "reading-gap",
    "sampling-counter",
    "samples-lost",
    "sampling-error",
    "sensor-lost",
    "sensor-note",
    "sensor-silent",
    "slow-reads",
    "stuck-sensor",
    "unusable",
    "visible-device-unknown",
    "wrap-ambiguous",
    # profiles and limits from a calibration
    "above-limit",
    "limit-low",
    "limit-unknown",
    "limit-unsteady",
    "limits-disturbed",
    "limits-old",
    "limits-refused",
    "profile-broken",
    "profile-old",
    "profile-refused",
    # the boundary
    "estimated-cpu",
    "estimated-part",
    "estimated",
    "idle-accelerators",
    "memory-modelled",
    "node-meter-unused",
    "not-measured",
    "part-left-out",
    "part-missing",
    "part-of-job",
    # the run and its repeats
    "at-power-limit",
    "attached",
    "block-not-measured",
    "blocks-overlap",
    "read-in-block",
    "checkpoint-beyond",
    "clock-drift",
    "clock-error-unknown",
    "clocks-apart",
    "counted-again",
    "cut-off",
    "descendants-run",
    "edges-unsynchronised",
    "finished",
    "idle-drift",
    "input-unread",
    "interleaved",
    "interrupted",
    "measured-elsewhere",
    "job-record-damaged",
    "meter-of-some-nodes",
    "min-window-missed",
    "net-refused",
    "node-clock",
    "node-missing",
    "node-partial",
    "node-power-unknown",
    "nodes-unread",
    "not-settled",
    "other-load",
    "output-cut",
    "output-unmatched",
    "output-unread",
    "program-gone",
    "ranks-unread",
    "recovered",
    "region-options",
    "region-cut",
    "region-short",
    "region-work",
    "regions-left-out",
    "rounds-left-out",
    "replayed",
    "requeued",
    "sampler-gone",
    "shared-node",
    "short-window",
    "signal-handled",
    "signal-passed-on",
    "single-repeat",
    "stdin-once",
    "target-missed",
    "temperature-drift",
    "throttled",
    "trend",
    "verification-failed",
    "work-failed",
    "work-later",
    # workloads
    "bf16-emulated",
    "crowded",
    "delta-large",
    "diverging",
    "goal-trivial",
    "guessable-seed",
    "known-seed",
    "samples-repeat",
    "shuffled-batches",
    "unscaled",
    "weak-privacy",
    "workload-note",
    # comparisons
    "cores-unused",
    "forced-boundary",
    "forced-precision",
    "forced-verification",
    "forced-work",
    "boards-differ",
    "governors-differ",
    "idle-unknown",
    "one-node",
    "power-capped",
    "same-run",
    "scatter-unknown",
    "time-x-assumed-power",
    "unverified",
    "versions-differ",
    "work-unproven",
    # projections
    "assumed-inputs",
    "unstated-inputs",
    "claims-with-own-inputs",
    "comparison-incomplete",
    "components-only",
    "dated-prices",
    "fleet-not-published",
    "full-load",
    "idle-above-run",
    "inferred-inputs",
    "largest-speedup",
    "no-sci-score",
    "not-counted-twice",
    "other-application",
    "label-contradicts-workload",
    "pue-not-described",
    "ratio-inconsistent",
    "saving-not-shown",
    "scenario-note",
    "whole-load-moves",
]


class Doubt(Noun, frozen=True, kw_only=True):
    """A weakness of a result, and a remedy.

    code     kind of weakness, from the closed list above
    message  the weakness in words, with its figures; begins with the labels in `about`
    remedy   a person's remedy for the weakness
    about    labels of the results from which the doubt was carried, outermost first; empty if the
             doubt arose in its own result
    subject  affected channel, device or part of the result; "" for the whole result
    """

    code: DoubtCode
    message: str
    remedy: str
    about: tuple[str, ...] = ()
    subject: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, words in (("message", self.message), ("remedy", self.remedy)):
            if not words.strip():
                raise ValueError(f"the doubt {self.code} has an empty {name}")

    def carried_from(self, label: str) -> Doubt:
        """The same doubt for a result derived from the result `label`."""
        return msgspec.structs.replace(
            self, message=f"{label}: {self.message}", about=(label, *self.about)
        )

    @property
    def own_message(self) -> str:
        """The message without the labels that `carried_from` put before it."""
        return self.message[sum(len(label) + len(": ") for label in self.about) :]
