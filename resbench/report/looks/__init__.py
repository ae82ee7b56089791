"""Looks at a comparison while its seeds come in: planned ones (`single`, `sequential`, `futility`, `words`), and `unplanned` ones.

`judge.py`, on top of `verdicts.py`, judges a study by them.
"""
