"""Rule books of the field, applied to a measurement."""
