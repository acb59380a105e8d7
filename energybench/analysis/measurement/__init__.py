"""Traces and windows to a measurement, and what weakens it."""
