"""The built site: without a warning, and whole without a network. Behind --campaign; the extra `docs` builds it."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# What a page fetches by itself; links that a reader may follow are no part of it.
FETCHED = re.compile(r"<(?:script|img|iframe|link|source)\b[^>]*?(?:src|href)=\"((?:https?:)?//[^\"]+)\"")
FETCHED_BY_STYLE = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")]+)")


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<script src="https://a.org/x.js">', ["https://a.org/x.js"]),
        ('<link rel="stylesheet" href="//a.org/x.css">', ["//a.org/x.css"]),
        ('<a href="https://a.org">', []),
        ('<img alt="" src="pictures/x.svg">', []),
    ],
)
def test_what_counts_as_fetched(page, found):
    assert FETCHED.findall(page) == found


def test_it_is_built_without_a_warning_and_fetches_nothing(tmp_path, pytestconfig):
    if not pytestconfig.getoption("--campaign"):
        pytest.skip("builds the site only with --campaign")
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", ROOT / "docs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages, styles = list(tmp_path.rglob("*.html")), list(tmp_path.rglob("*.css"))
    assert len(pages) > 15
    assert not [found for page in pages for found in FETCHED.findall(page.read_text())]
    assert not [found for style in styles for found in FETCHED_BY_STYLE.findall(style.read_text())]
