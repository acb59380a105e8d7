"""Energy of a boundary and its parts in each window."""
