"""llms.txt: what the pages are about, for programs that read documentation (https://llmstxt.org)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docs.generate.places import DOCS

HEAD = """# mlcli

> Train neural networks on tables and small images from one YAML file, without a line of Python.

`mlcli init TABLE.csv --target COLUMN` writes a configuration; `mlcli train`, `mlcli evaluate`, `mlcli improve` and
`mlcli predict NEW.csv` follow. Every command takes `--json` or writes files that programs read. For programs:
`mlcli schema` prints the JSON Schema of the configuration, `mlcli schema --commands` all commands with their options
and exit codes, and `mlcli explain --json` each key with its meaning.
"""
CONTENTS = re.compile(r"```{toctree}\n:hidden:\n:caption: (?P<caption>[^\n]+)\n\n(?P<pages>.*?)\n```", flags=re.DOTALL)
SENTENCE = re.compile(r".+?[.:](?=\s|$)", flags=re.DOTALL)


def llms_text() -> str:
    """The contents of index.md: each page with its title and first sentence."""
    return HEAD + "".join(_sections((DOCS / "index.md").read_text(encoding="utf-8")))


def _sections(index: str) -> Iterator[str]:
    for section in CONTENTS.finditer(index):
        yield f"\n## {section['caption']}\n\n"
        yield from (f"- {_entry(page)}\n" for page in section["pages"].split())


def _entry(page: str) -> str:
    title, *paragraphs = (DOCS / f"{page}.md").read_text(encoding="utf-8").split("\n\n")
    told = next(text for text in paragraphs if not text.startswith(("Made by", "Machine:", "|", "```")))
    found = SENTENCE.match(re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", told))
    return f"[{title.removeprefix('# ')}]({page}.md): {' '.join((found[0] if found else told).split()).rstrip(':')}"
