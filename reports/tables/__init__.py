"""The results as one table of typed columns, made from the nouns."""
