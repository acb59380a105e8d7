"""Run directories: the only place that writes them.

No database, no lock: a shared parallel file system will do.
"""
