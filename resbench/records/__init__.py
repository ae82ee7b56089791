"""The question of a study and the records of its runs."""
