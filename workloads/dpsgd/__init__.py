"""dpsgd: training under differential privacy, and what it costs in joules beside the same training
without it.
"""

from energybench_workloads.dpsgd.workload import Dpsgd

__all__ = ["Dpsgd"]
