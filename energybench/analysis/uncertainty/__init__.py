"""Effects, how they combine, and what repeats tell."""
