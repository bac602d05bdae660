"""Cases of a test: few of them in every run, all with --campaign."""


def cases(names, values, few):
    """A decorator that stands where `pytest.mark.parametrize` would; the folder's conftest.py reads it."""

    def mark(test):
        test.cases = (names, list(values), few)
        return test

    return mark
