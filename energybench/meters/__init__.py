"""A meter of your own: read, aligned, attached, and turned into gains."""
