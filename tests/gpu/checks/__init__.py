"""Checks by theme. Each is a function from a Setting to rows, which are kept one by one as they come."""
