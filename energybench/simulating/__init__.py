"""Thousands of synthetic experiments in virtual time through the real analysis: the errors of its
results, and the coverage of its intervals.
"""
