"""The page holds all it shows, escapes what comes from data, and fits a desktop and a phone."""

import functools
import re
from html.parser import HTMLParser

import pytest

from mlcli.errors import UsageError
from mlcli.reports import data_page as page
from mlcli.reports.data_page import render_data_page, require_page_name, write_data_page
from tests.terminal.test_show import SHOWN, pictures, shown, table

NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
VOID = {"meta", "br", "img", "link", "input"}


class Balanced(HTMLParser):
    """Tags that are open, and every element with its attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parse(html):
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return parser.seen


@functools.cache
def rendered(what):
    return render_data_page(SHOWN[what]())


@pytest.mark.parametrize("what", SHOWN)
def test_the_page_loads_and_runs_nothing(what):
    html = rendered(what)
    for tag, attributes in parse(html):
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not [name for name in attributes if name.startswith("on")]
        loaded = [value for name, value in attributes.items() if name in ("src", "srcset", "href", "data")]
        assert all(value.startswith("data:image/png") for value in loaded)
    assert "http://" not in html
    assert "https://" not in html
    assert "\x1b" not in html


def test_what_comes_from_data_is_escaped():
    rows = table(2, "category")
    renamed = {column.name: f"{NASTY}{i}" for i, column in enumerate((*rows.features, *rows.targets))}
    frame = rows.frame.rename(renamed)
    features = tuple(type(column)(renamed[column.name], column.kind) for column in rows.features)
    targets = tuple(type(column)(renamed[column.name], column.kind) for column in rows.targets)
    html = render_data_page(shown(type(rows)(frame, features, targets), "classification"))
    assert "script" not in {tag for tag, _ in parse(html)}
    assert "&lt;script&gt;" in html


def test_every_column_and_class_is_there():
    html = rendered("many columns")
    assert html.count('<article class="card">') == 54  # 50 numbers, three columns more and the target
    assert "Show 23 more columns" in html
    assert html.count("<details>") == 1


def test_a_page_has_room_for_so_many_columns(monkeypatch):
    monkeypatch.setattr(page, "MAX_CARDS", 10)
    html = render_data_page(SHOWN["many columns"]())
    assert html.count('<article class="card">') == 11
    assert "43 more columns are not shown here" in html
    assert "53 columns" in html


def test_pictures_are_held_by_the_page():
    html = render_data_page(shown(pictures((8, 8)), "classification"))
    assert len(re.findall(r'<img [^>]*src="data:image/png;base64,', html)) == 3 * (1 + 8)


def test_a_page_is_written_whole(tmp_path):
    write_data_page(SHOWN["a number"](), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("name", ["a.svg", "a", "html", "a.pdf"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"ends in \.html"):
        require_page_name(tmp_path / name)


@pytest.mark.parametrize("what", SHOWN)
def test_no_page_is_wider_than_its_window(tab, tmp_path, what):
    path = tmp_path / "page.html"
    path.write_text(rendered(what), encoding="utf-8")
    for width in (1280, 390):
        tab.open(path, width, phone=width < 500)
        tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        asked = [event["request"]["url"] for event in tab.named("Network.requestWillBeSent")]
        assert [url for url in asked if not url.startswith("data:image/png")] == [path.as_uri()]
        assert not [one for name in ("Log.entryAdded", "Runtime.exceptionThrown") for one in tab.named(name)]
