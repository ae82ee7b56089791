"""What every name of a grid file means: its fields, their values, probes and metrics."""
