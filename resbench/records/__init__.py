"""What was asked of a study and what its runs left."""
