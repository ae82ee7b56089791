"""What explains a result, measured next to training."""
