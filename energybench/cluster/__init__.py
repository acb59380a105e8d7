"""Jobs on several nodes: a reader on each node, their parts merged, and Slurm's own programs."""
