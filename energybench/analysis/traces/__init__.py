"""From raw samples to a curve of energy over time."""
