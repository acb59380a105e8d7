"""The command line: one file a subcommand, `main.py` the table of contents.

The only place that prints.
"""
