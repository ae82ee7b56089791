"""Runs as tasks of a Ray cluster: `cluster` is where it is, `engine` makes the engine, `tasks` is the engine."""
