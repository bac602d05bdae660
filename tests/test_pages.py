"""README.md and docs/ say what the program does: every block of code of theirs is run, in the order of the page."""

import re

import pytest

from docs.generate.commands import commands_page
from docs.generate.keys import keys_page
from docs.generate.llms import llms_text
from tests.conftest import CONFIGS, ROOT
from tests.pages import PAGES, STAND_INS, WIDTH, Reader, agrees, blocks_of, run_in_process

LINK = re.compile(r"(?<!\\)\]\(([^)\s#]+)(?:#[^)]*)?\)")
PICTURE = re.compile(r'<img[^>]* src="([^"]+)"')


def named(page):
    return str(page.relative_to(ROOT))


@pytest.mark.usefixtures("without_figures")  # which no page prints
@pytest.mark.parametrize("page", PAGES, ids=named)
def test_its_blocks_do_what_they_show(workspace, monkeypatch, capfd, pytestconfig, page):
    monkeypatch.setenv("COLUMNS", WIDTH)
    anew = [] if pytestconfig.getoption("--write-pages") else None
    for name, lines in STAND_INS.items():
        (workspace / name).write_text("\n".join(lines) + "\n")
    reader = Reader(run_in_process(capfd), anew)
    for block in blocks_of(page):
        reader.follow(block)
    text = page.read_text()
    for shown, printed in anew or ():
        assert shown in text
        text = text.replace(shown, printed, 1)
    if anew:
        page.write_text(text)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_its_links_lead_to_files(page):
    text = page.read_text()
    for target in [*LINK.findall(text), *PICTURE.findall(text)]:
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize(
    ("page", "make"), [("commands.md", commands_page), ("keys.md", keys_page), ("llms.txt", llms_text)]
)
def test_what_comes_from_the_program_is_up_to_date(page, make):
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == make(), "write it anew: python -m docs.generate"


def test_the_gallery_shows_every_config():
    shown = re.findall(r"^## (\w+)$", (ROOT / "docs/gallery.md").read_text(), flags=re.MULTILINE)
    assert sorted(shown) == sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def test_every_page_is_in_the_contents():
    docs = ROOT / "docs"
    listed = set(re.findall(r"^[\w/-]+$", (docs / "index.md").read_text(), flags=re.MULTILINE))
    pages = {str(page.relative_to(docs).with_suffix("")) for page in docs.rglob("*.md")} - {"index"}
    assert pages <= listed


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a b", "a b", True),
        ("a b", "a   b", True),
        ("a b", "a c", False),
        ("a b", "a b c", False),
        ("a b", "x\na b", False),
        ("…\na b", "x\ny\na b", True),
        ("a …", "a b c", True),
        ("12 rows", "13 rows", False),
        ("loss 0.41", "loss 0.44", True),
        ("loss 0.41", "loss 0.61", False),
        ("−1.50", "−1.49", True),
        ("−1.50", "1.50", False),
        ("1,095.44", "1,100.2", True),
        ("a (b)\n\nc", "a (b)\nc\n", True),
    ],
)
def test_what_agrees(shown, printed, same):
    assert agrees(shown.splitlines(), printed) is same
