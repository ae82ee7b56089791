"""Figures: each function takes what the statistics computed and gives the figure, its data and its caption.

None needs a window. MPLBACKEND may name one that this interpreter lacks, as in a shell of a notebook, and matplotlib
would refuse to be imported: it is told of the name only afterwards, and takes it if it can.
"""

import contextlib
import os
import sys

if "matplotlib" not in sys.modules and (_backend := os.environ.pop("MPLBACKEND", None)):
    try:
        import matplotlib as mpl
    finally:
        os.environ["MPLBACKEND"] = _backend
    with contextlib.suppress(ValueError):
        mpl.rcParams["backend"] = _backend
