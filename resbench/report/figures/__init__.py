"""Figures: each function takes what the statistics computed and gives the figure, its data and its caption."""
