"""Verdicts in words that go no further than the numbers: generated, so that no one is tempted.

`sentence.py` puts together what the other files say; nothing that judges depends on words.
"""
