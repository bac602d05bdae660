"""Small problems to train on."""

import pytest

from tests.training import jobs


@pytest.fixture
def make_job():
    """Builds a job on 60 seeded rows with 4 inputs; keyword arguments are config sections."""
    return jobs.make_job
