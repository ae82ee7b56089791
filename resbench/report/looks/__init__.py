"""Looks at a comparison while its seeds come in: planned ones, and in `unplanned.py` those that were not planned.

`single.py` tests one comparison at one look, `sequential.py` a family over all looks, and `futility.py` stops what is hopeless.
`judge.py`, on top of `verdicts.py`, judges a study by them.
"""
