"""Workloads: real algorithms that count their work and verify their result.

One file or folder each.
"""
