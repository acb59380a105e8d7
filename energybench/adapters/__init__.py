"""Applications as adapters: from a program's own output to work, figure of merit and check."""
