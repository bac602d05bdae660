"""Small problems to train on."""

import pytest

from tests.training import contexts


@pytest.fixture
def make_context():
    """Builds a context on 60 seeded rows with 4 inputs; keyword arguments are config sections."""
    return contexts.make_context
