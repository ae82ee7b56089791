"""The answer of a study in a few sentences, from its comparisons and not from its verdicts.

`parts.py` says what each comparison found, `findings.py` puts those together that one sentence can say, the files of the
kinds of sentence say them, and `answer.py` chooses and orders.
"""
