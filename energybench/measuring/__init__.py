"""Sampling beside the work, never in its process."""
