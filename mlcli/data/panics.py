"""Polars' parsers, which are written in Rust, may panic on damaged files: that is an error of the data like others."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def contained_panics() -> Iterator[None]:
    """Raise what Python sees of a panic as a ValueError; the traceback that Rust prints reaches no screen."""
    import polars as pl

    sys.stderr.flush()
    screen = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    except pl.exceptions.PanicException as error:
        raise ValueError(str(error)) from error
    finally:
        os.dup2(screen, 2)
        os.close(nowhere)
        os.close(screen)
