"""A document in words: the common content of the formats."""
