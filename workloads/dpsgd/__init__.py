"""dpsgd: training under differential privacy, and the cost of privacy in joules, beside the same
training without privacy.
"""

from energybench_workloads.dpsgd.workload import Dpsgd

__all__ = ["Dpsgd"]
