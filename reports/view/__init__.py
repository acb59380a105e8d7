"""A document in words: what every format shows."""
