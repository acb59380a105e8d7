"""The Python interface: measured blocks of a program, and results as tables."""
