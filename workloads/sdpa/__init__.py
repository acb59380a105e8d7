"""sdpa: scaled-dot-product attention, eager against torch's fused kernels."""

from energybench_workloads.sdpa.workload import Sdpa

__all__ = ["Sdpa"]
