"""`python -m mlcli`, and the `mlcli` program."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working directory: a folder of data may hold a torch.py of someone else's

from mlcli.io.signals import leave_on_signals


def main() -> None:
    """Take signals before the commands are imported, which takes a while."""
    leave_on_signals()
    from mlcli.cli.app import run_process

    run_process()


if __name__ == "__main__":
    main()
