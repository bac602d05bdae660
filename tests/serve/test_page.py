"""The page in a browser; skipped where there is no Chromium."""

import json
import time

import pytest

from tests.serve.servers import Asked, fetch, listening
from tests.serve.test_app import pictures

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def served(kinds):
    """The port of a server of two models."""
    with Asked({"kinds": kinds, "pictures": pictures()}) as asked, listening(asked) as port:
        yield port


def until(tab, expression, seconds=60.0):
    """Wait until an expression of the page is true."""
    end = time.monotonic() + seconds
    while not tab.evaluate(f"Boolean({expression})"):
        assert time.monotonic() < end, (expression, tab.evaluate("document.body.innerText"))
    return tab.evaluate(expression)


def change(tab, column, value, event="input"):
    tab.evaluate(
        f"(cell => {{ cell.value = {json.dumps(value)}; cell.dispatchEvent(new Event('{event}')); }})"
        f"(document.getElementById({json.dumps('column ' + column)}))"
    )


HEADLINE = "document.querySelector('#headline').innerText"
COMPLAINTS = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_row_is_answered_as_it_is_changed(tab, served, in_kinds, width, scheme):
    """Class, probabilities, what if, contributions; nothing asked of elsewhere, nothing wider than the window."""
    address = f"http://127.0.0.1:{served}/"
    tab.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    tab.open(address, width, phone=width < 500)
    until(tab, f"{HEADLINE}.includes('%') && document.querySelector('#curve svg') && !explanation.hidden")
    row = {"age": 47, "plan": "gold", "member": False, "since": "2024-02-03"}
    change(tab, "age", "47")
    change(tab, "plan", "gold", "change")
    change(tab, "since", "2024-02-03", "change")
    tab.evaluate("document.getElementById('column member').click()")
    expected = fetch(served, "POST", "/models/kinds/predict", row).json["predictions"][0]
    share = expected[f"probability_{expected['prediction']}"]
    shown = f"{expected['prediction']} {100 * share:.1f} %"
    until(tab, f"{HEADLINE}.replace(/\\s+/g, ' ') === {json.dumps(shown)}")
    assert tab.evaluate("document.querySelectorAll('#bars .track').length") == 2
    until(tab, "document.querySelectorAll('#contributions .who').length >= 4 && !explanation.hidden")
    points = until(tab, "document.querySelector('#curve polyline').getAttribute('points')").split()
    assert len(points) == 41
    tab.evaluate("(along => { along.value = 'plan'; along.dispatchEvent(new Event('change')); })(along)")
    until(tab, "document.querySelectorAll('#curve rect').length === 3")
    change(tab, "age", "900")
    until(tab, "document.querySelector('#warnings').innerText.includes('far outside')")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (scheme == "light")
    asked_for = [event["request"]["url"] for event in tab.named("Network.requestWillBeSent")]
    assert not [url for url in asked_for if not url.startswith((address, "data:"))]
    assert not [complaint for name in COMPLAINTS for complaint in tab.named(name)]


def test_a_picture_is_drawn(tab, served):
    tab.open(f"http://127.0.0.1:{served}/", 1280)
    until(tab, "models.options.length === 2")
    tab.evaluate("(() => { models.value = 'pictures'; models.dispatchEvent(new Event('change')); })()")
    until(tab, f"document.querySelector('#drawing') && {HEADLINE} !== '…'")
    assert tab.evaluate("row.image.flat().reduce((a, b) => a + b)") == 0
    x, y = json.loads(tab.evaluate("(b => JSON.stringify([b.x, b.y]))(drawing.getBoundingClientRect())"))
    for kind, at in (("mousePressed", 60), ("mouseMoved", 140), ("mouseReleased", 140)):
        tab.send("Input.dispatchMouseEvent", type=kind, x=x + at, y=y + 80, button="left", clickCount=1, buttons=1)
    until(tab, "row.image.flat().reduce((a, b) => a + b) > 0")
    assert not [complaint for name in COMPLAINTS for complaint in tab.named(name)]


def test_the_page_asks_for_the_token(tab, kinds):
    with Asked({"kinds": kinds}, token=TOKEN) as asked, listening(asked) as port:
        tab.open(f"http://127.0.0.1:{port}/", 390, phone=True)
        until(tab, "!login.hidden && !notice.hidden")
        assert "kinds" not in tab.evaluate("document.body.innerText")
        tab.evaluate(f"(() => {{ token.value = '{TOKEN}'; login.requestSubmit(); }})()")
        until(tab, f"login.hidden && {HEADLINE}.includes('%')")
        tab.evaluate("sessionStorage.clear()")
