"""What resbench promises about speed, measured, one file for each subject; see `__main__`."""
