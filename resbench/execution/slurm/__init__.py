"""Runs as Slurm job arrays: `engine` submits them, `job` is what a node does, `collect` takes in what was left alone."""
