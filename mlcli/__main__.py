"""`python -m mlcli`."""

from mlcli.cli import main

main()
