"""Tune every arm of a comparison alike: one Optuna study for each arm, then fresh seeds for the winners.

A search file is read by `file.py` into a `search.Search`; `work.py` runs workers, each of which takes trials (`trial.py`)
from the storage (`storage.py`) one by one; `winners.py` makes an ordinary grid of the best of each arm; `told.py` keeps all
trials beside the records, for the report.
"""
