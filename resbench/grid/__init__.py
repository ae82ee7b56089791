"""The question: a grid file, its cells and its runs."""
