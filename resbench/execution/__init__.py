"""Runs on machines: `session` carries a grid through, `task` is one run, `driver` gives runs to an engine."""
