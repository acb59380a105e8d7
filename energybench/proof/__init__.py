"""Bundles: the proof of a publication in one file, and its check without a network."""
