"""Run directories: only this package writes them.

There is no database and no lock: a shared parallel file system is enough.
"""
