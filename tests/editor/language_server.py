"""A language server driven as an editor does it: JSON-RPC messages over its standard streams."""

import json
import subprocess
import time


class Editor:
    """Opens documents and asks about places in them; places count lines and columns from 0."""

    def __init__(self, command, settings):
        self.settings = settings
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.n_asked = 0
        self.told = {}
        capabilities = {
            "textDocument": {"publishDiagnostics": {}, "hover": {}, "completion": {}},
            "workspace": {"configuration": True},
        }
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": settings})

    def close(self):
        self.process.kill()
        self.process.communicate()

    def open(self, path):
        self.path = path
        text = path.read_text()
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})

    def problems(self, seconds=20):
        """Messages on the open document, each with the text that is underlined."""
        end = time.monotonic() + seconds
        while self.path.as_uri() not in self.told and time.monotonic() < end:
            self._read()
        lines = self.path.read_text().splitlines()
        found = []
        for problem in self.told[self.path.as_uri()]:
            start, stop = problem["range"]["start"], problem["range"]["end"]
            found.append((problem["message"], lines[start["line"]][start["character"] : stop["character"]]))
        return found

    def hover(self, line, column):
        answer = self.ask("textDocument/hover", self._place(line, column))
        return answer["contents"]["value"] if answer else ""

    def completions(self, line, column):
        answer = self.ask("textDocument/completion", self._place(line, column))
        return {item["label"] for item in (answer["items"] if isinstance(answer, dict) else answer or [])}

    def _place(self, line, column):
        return {"textDocument": {"uri": self.path.as_uri()}, "position": {"line": line, "character": column}}

    def ask(self, method, parameters):
        self.n_asked += 1
        self._send({"id": self.n_asked, "method": method, "params": parameters})
        while True:
            message = self._read()
            if message.get("id") == self.n_asked and "method" not in message:
                return message.get("result")

    def tell(self, method, parameters):
        self._send({"method": method, "params": parameters})

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _read(self):
        """The next message; the server's own questions are answered, and what it publishes is kept."""
        headers = {}
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b": ")
            headers[name] = value
        message = json.loads(self.process.stdout.read(int(headers[b"Content-Length"])))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.told[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            wanted = message.get("params", {}).get("items", [])
            result = [self.settings.get(item["section"]) for item in wanted] if wanted else None
            self._send({"id": message["id"], "result": result})
        return message
