"""`python -m mlcli`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory: a folder of data may hold a torch.py of someone else's

from mlcli.cli import run_process

run_process()
