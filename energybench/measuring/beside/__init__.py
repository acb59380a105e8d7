"""The sampling process beside a Python program that measures its own blocks."""
