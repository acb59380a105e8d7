"""Charts of the html report."""
