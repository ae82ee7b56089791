"""Documents of what a study says, for programs: the numbers that its texts are rounded from."""
