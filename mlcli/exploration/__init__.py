"""A dataset as pictures before anything is trained on it: distributions, holes, ties between columns, examples."""
