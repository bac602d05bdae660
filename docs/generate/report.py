"""The picture of a page's head, taken by a browser."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.browser import find_browser

SIZE = "900,1180"


def picture_page(page: Path, picture: Path) -> None:
    """Look at a page as a reader does; without a browser the picture stays as it is."""
    if browser := find_browser():
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={SIZE}")
        command = [browser, *options, f"--screenshot={picture}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
