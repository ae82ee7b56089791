"""What tests share: made-up studies, commands that are killed, a browser, a Slurm of one node."""
