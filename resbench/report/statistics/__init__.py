"""Intervals, contrasts, families, power and factors: arrays in, numbers out; nothing here knows of a study."""
