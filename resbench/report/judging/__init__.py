"""Two files of results, made by whatever program, judged by the rules of a claim between two cells of a grid."""
