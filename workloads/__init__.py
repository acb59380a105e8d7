"""Workloads: real algorithms, with counted work and a verified result.

Every workload is a folder of modules; helpers shared by several workloads are files beside them.
"""
