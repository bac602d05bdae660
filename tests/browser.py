"""A real browser, driven through the pipe that Chromium reads commands from (the DevTools protocol)."""

import fcntl
import itertools
import json
import os
import shutil
import subprocess
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome")
# A page looked at in a test asks for nothing but itself; nor does the browser.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip


def find_browser():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page: sends commands and keeps the events that come between their answers."""

    def __init__(self, to_browser, from_browser):
        self.to_browser, self.from_browser = to_browser, from_browser
        self.numbers, self.session, self.events = itertools.count(1), None, []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.to_browser.write(json.dumps(message).encode() + b"\0")
        self.to_browser.flush()
        while (answer := self._receive()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, page, width, height=900, phone=False):
        """Load a file, or an address, at a width in CSS pixels and wait until it is laid out."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.events.clear()
        self.send("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def evaluate(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def named(self, method):
        """The parameters of the events of a name since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def _receive(self):
        letters = bytearray()
        while (letter := self.from_browser.read(1)) != b"\0":
            assert letter, "the browser is gone"
            letters += letter
        return json.loads(letters)


@contextmanager
def open_browser(profile):
    """A tab of a browser of its own, which keeps its files in the new folder `profile`."""
    read_commands, write_commands = os.pipe()
    read_answers, write_answers = os.pipe()
    # The browser reads from descriptor 3 and writes to 4; these may be in the way of each other.
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_commands, write_answers)]
    process = subprocess.Popen(
        [find_browser(), *OPTIONS, f"--user-data-dir={profile}"],
        preexec_fn=lambda: [os.dup2(end, number) for end, number in zip(theirs, (3, 4), strict=True)],
        pass_fds=(3, 4), env={**os.environ, "HOME": str(profile)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for end in (read_commands, write_answers, *theirs):
        os.close(end)
    try:
        with os.fdopen(write_commands, "wb") as to_browser, os.fdopen(read_answers, "rb") as from_browser:
            yield Tab(to_browser, from_browser)
    finally:
        process.kill()
        process.wait()
