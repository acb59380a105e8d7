"""The timing of a machine's sensors, and the limits of its devices."""
