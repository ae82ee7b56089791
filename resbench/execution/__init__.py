"""Runs on machines: here, on Ray, on Slurm."""
