"""Free file names."""

from pathlib import Path

import pytest

from mlcli.errors import UsageError
from mlcli.io.paths import free_path, refuse_overwriting


def test_a_name_for_the_file_is_one_that_is_free(workspace):
    assert str(free_path(Path("circle.yaml"))) == "circle.yaml"
    (workspace / "circle.yaml").touch()
    (workspace / "circle-2.yaml").symlink_to("nowhere")
    assert str(free_path(Path("circle.yaml"))) == "circle-3.yaml"


def test_nothing_is_written_over(workspace):
    refuse_overwriting(Path("new.yaml"))
    (workspace / "dangling").symlink_to("nowhere")
    for name in ("dangling", "configs"):
        with pytest.raises(UsageError, match="already exists and is not overwritten; name another file with -o"):
            refuse_overwriting(Path(name))
