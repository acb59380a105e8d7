"""dpsgd: a network trained with and without differential privacy, with three ways of clipping, and
the guarantee of the noise stated with every private run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.model import Memory, Progress, StudyPlan, Verification, Work, WorkRecord
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    affinity,
    fingerprint,
    require_memory,
    require_torch,
    short,
    torch_device,
    use_threads,
)
from energybench_workloads.dpsgd import privacy, studies
from energybench_workloads.dpsgd.spec import SETTINGS, SIZES, Spec, read, sealed
from energybench_workloads.settings import Scalar, check_size

if TYPE_CHECKING:
    from energybench_workloads.dpsgd.training import Trained, Training

# Of the problem: raise the version when the same settings no longer give the same examples and
# network
VERSION = 1
# Generous memory for a parameter, and for an activation value: weights, sums, values needed by the
# backward pass
ROOM_BYTES = 64


class Dpsgd:
    """Training under differential privacy: DP-SGD against plain SGD, clipped by hooks, ghost norms
    or book-keeping (docs/workloads/dpsgd.md).
    """

    name = "dpsgd"
    about = (
        "training under differential privacy beside plain SGD: explicit (hooks), ghost or "
        "book-keeping"
    )
    sizes: Sequence[str] = tuple(SIZES)
    studies: Mapping[str, str] = studies.STUDIES
    secret_settings = ("seed",)  # noise and batches follow from the seed

    def __init__(self) -> None:
        self._spec = read("smoke", {})
        self._training: Training | None = None
        self._trained: Trained | None = None
        self._opened = 0  # steps in the checkpoint when it was opened
        self._flops = 0.0  # of one example's forward pass

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        check_size(self.name, size, self.sizes)
        spec = read(size, settings)
        require_torch()
        if spec.private:
            privacy.require_libraries()
        if spec.epsilon is not None:
            rate, times = spec.exposures(spec.planned)
            spec = spec._replace(
                noise=privacy.noise_for(spec.epsilon, spec.accountant, rate, times, spec.delta)
            )
        self.close()
        self._prepare(spec, device, region)

    def _prepare(self, spec: Spec, device: str, region: RegionFactory) -> None:
        from energybench_workloads.dpsgd.cost import forward_flops, values
        from energybench_workloads.dpsgd.data import examples
        from energybench_workloads.dpsgd.training import Training

        # The examples, and whether the device has enough memory
        place = torch_device(device)
        use_threads(spec.threads)
        data = examples(spec)
        parameters, activations = values(spec, data.x[:1])
        needed = float(ROOM_BYTES * (parameters + activations * spec.physical))
        if spec.mode == "explicit":
            needed += 4.0 * parameters * spec.physical  # a gradient of every example
        require_memory(
            self.name, spec.size.network, place, needed if place.type == "cpu" else 0.0, needed
        )

        # The training, from its checkpoint if there is one
        training = Training(spec, data, place)
        training.go_on()
        training.due(spec.steps)
        self._opened = training.done

        # A first step, in which libraries choose their algorithms; a run restores the weights
        with region("compile"):
            training.network.train()
            training.step_once()
        self._flops = forward_flops(spec, data.x[:1])
        self._spec, self._training, self._trained = spec, training, None
        self._fingerprint = fingerprint(self._problem(spec), data.digest)

    def _problem(self, spec: Spec) -> dict[str, Any]:
        """The identity of the work: the network and the examples.

        Clipping and learning rate stay out, because runs are compared across their values.
        """
        problem: dict[str, Any] = {
            "workload": self.name,
            "version": VERSION,
            "network": spec.size.network,
            "norm": spec.norm,
            "seed": sealed(spec.seed),
            "unit": spec.unit,
            "records": spec.records,
            "examples": spec.examples,
            "held": spec.held,
        }
        if spec.accuracy:
            return {**problem, "accuracy": spec.accuracy, "every": spec.every}
        return {
            **problem,
            "batch": spec.batch,
            "steps": spec.steps,
            "sampling": spec.sampling,
            "every": spec.every,
        }

    def settings(self) -> Mapping[str, Scalar]:
        spec = self._spec
        settings: dict[str, Scalar] = {key: getattr(spec, key) for key in SETTINGS}
        if self._training is None:
            return settings
        import torch

        return {
            **settings,
            "network": spec.size.network,
            "parameters": sum(p.numel() for p in self._training.network.parameters()),
            "sampling_rate": spec.rate,
            "affinity": affinity(),
            "threads": torch.get_num_threads(),
            "checkpoint": Path(spec.checkpoint).name,
        }

    def checkpoint(self) -> str | None:
        return str(Path(self._spec.checkpoint).absolute()) if self._spec.checkpoint else None

    def finished(self) -> bool:
        return self._prepared().finished()

    def run(self, region: RegionFactory) -> Work:
        self._trained = self._prepared().train(self._spec.steps, region)
        return self._work(self._trained)

    def rehearse(self, region: RegionFactory) -> Work:
        return self._work(self._prepared().train(self._spec.steps, region, keep=False))

    def _work(self, trained: Trained) -> Work:
        goal = self._spec.accuracy > 0
        return Work(
            amount=1.0 if goal else float(max(trained.examples, 1)),
            unit=f"training to accuracy {short(self._spec.accuracy)}" if goal else "example",
            fingerprint=self._fingerprint,
            precision="equal-accuracy" if goal else "equal-precision",
            flops=3.0 * self._flops * trained.examples,
            arithmetic="fp32",
        )

    def memory(self) -> Memory:
        """Memory of one step, with weights, momentum and gradients."""
        from energybench_workloads.memory import counted, fits

        training = self._prepared()
        training.network.train()
        weights_and_momentum = 2.0 * sum(p.nbytes for p in training.network.parameters())
        with fits(self.name):
            used = counted(training.step_once, weights_and_momentum, training.device)
        training.disturbed()
        return used

    def verify(self) -> Sequence[Verification]:
        training, trained = self._prepared(), self._last_run()
        from energybench_workloads.dpsgd import checks

        results = [checks.finite(training, trained), *checks.private(training)]
        if self._spec.accuracy:
            results.append(checks.reached(trained.scores[-1][1], self._spec.accuracy))
        return results

    def record(self) -> WorkRecord:
        """Privacy statement, accuracy and curves of the last run."""
        from energybench_workloads.dpsgd.record import record

        training, trained = self._prepared(), self._last_run()
        steps, drawn = trained.steps, trained.examples
        if self._spec.checkpoint:  # over the runs since the checkpoint was opened
            steps, drawn = trained.steps - self._opened, training.drawn
        per_step = (1.0 if self._spec.accuracy else max(drawn, 1)) / steps
        return record(
            self._spec,
            trained,
            training.accuracy(),
            per_step,
            self._progress(training, trained, per_step),
            training.data,
        )

    def _progress(self, training: Training, trained: Trained, per_step: float) -> Progress | None:
        if not self._spec.checkpoint:
            return None
        return Progress(
            training=training.identity(),
            first=float(self._opened),
            last=float(trained.steps),
            unit="step",
            work_per_unit=per_step,
        )

    def plan(self, study: str, device: str, settings: Mapping[str, str]) -> StudyPlan:
        return studies.plan(study, settings)

    def _prepared(self) -> Training:
        if self._training is None:
            raise RuntimeError("dpsgd: run before setup")
        return self._training

    def _last_run(self) -> Trained:
        if self._trained is None:
            raise RuntimeError("dpsgd: verify before run")
        return self._trained

    def close(self) -> None:
        """Release the training made by set-up."""
        if self._training is not None:
            self._training.close()
            self._training = None
