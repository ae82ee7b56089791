"""Tune every arm of a comparison alike: one Optuna study for each arm, then fresh seeds for the winners.

`reader` reads a search file into a `search.Search`; `session` does the search: `workers` take trials (`trial`) from the
storage one by one, `winners` makes an ordinary grid of the best of each arm, and `trials_file` keeps all trials next to
the records, for the report.
"""
