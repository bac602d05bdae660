"""The command line, run in this process."""

import pytest

from mlcli.cli.app import main


def mlcli(*arguments):
    """Run a command that must succeed, without its report."""
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "-q"])
    assert not leaving.value.code, arguments
