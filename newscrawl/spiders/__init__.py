"""One file an outlet, with everything known about it and nothing else."""
