"""Folders of the repository."""

from pathlib import Path

DOCS = Path(__file__).parent.parent
ROOT = DOCS.parent
