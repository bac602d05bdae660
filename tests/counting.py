"""The work of a function as a number that no clock and no other process changes."""

import cProfile


def count_calls(function, *arguments):
    """Functions called, Python's and C's, while this one runs."""
    profile = cProfile.Profile()
    profile.runcall(function, *arguments)
    return sum(entry.callcount for entry in profile.getstats())
