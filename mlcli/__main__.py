"""`python -m mlcli`."""

from mlcli.cli import run_process

run_process()
