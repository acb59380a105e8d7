"""Campaigns: cases on platforms, from a file that a person writes to jobs, results and tables."""
