"""Pure functions: traces → energies → measurement → comparison → projection.

No file access, no clock, no sensor.
"""
