import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data():
    """The folder of real datasets, where the tester has one."""
    folder = os.environ.get("MLCLI_TEST_DATA")
    if not folder:
        pytest.skip("MLCLI_TEST_DATA names no folder with real datasets")
    return Path(folder)
