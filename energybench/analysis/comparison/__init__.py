"""Baseline against candidate, pairs, studies."""
