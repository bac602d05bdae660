"""When a bundle counts as made."""

import pytest

from mlcli.errors import UsageError
from mlcli.runs.manifest import creation_time


def test_the_time_of_the_source_is_that_of_a_bundle(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert creation_time() == "2023-11-14T22:13:20.000000+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    assert creation_time() > "2025"


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "9" * 17, "²"])
def test_another_time_is_refused(monkeypatch, value):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    with pytest.raises(UsageError, match=f"SOURCE_DATE_EPOCH is '{value}'; expected whole seconds since 1970"):
        creation_time()
