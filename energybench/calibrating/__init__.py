"""How this machine's sensors behave, and what its devices reach."""
