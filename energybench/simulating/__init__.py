"""Thousands of synthetic experiments in virtual time through the real analysis: how far off it is,
and whether its intervals cover.
"""
