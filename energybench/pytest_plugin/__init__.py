"""Energy of tests under pytest: `pytest --benchmark-energy`.

PYTEST_DONT_REWRITE: pytest need not rewrite assertions here.
"""
