"""The kind of sensor behind a curve: the power that the sensor sees, and the register that it
shows.
"""
