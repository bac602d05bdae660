"""Names of the keys and the values they take, for shell completion, without heavy imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "sections"
ROOT = "Config"


@dataclass
class _Source:
    """Classes and type aliases of the modules that hold the sections."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    aliases: dict[str, ast.expr] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)

    def read(self, module: str) -> None:
        """Take up a module, and those of this room that it imports."""
        path = FOLDER / f"{module}.py"
        if module in self.modules or not path.is_file():
            return
        self.modules.add(module)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.ImportFrom(module=str(name)) if name.startswith("mlcli.config.sections."):
                    self.read(name.rpartition(".")[2])
                case ast.ClassDef(name=name):
                    self.classes[name] = node
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.aliases[name] = value

    def fields(self, name: str) -> Iterator[tuple[str, ast.expr]]:
        """Keys of a section with their annotations, those of its bases first."""
        if (section := self.classes.get(name)) is None:
            return
        for base in section.bases:
            if isinstance(base, ast.Name):
                yield from self.fields(base.id)
        for node in section.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node.target.id, node.annotation

    def parts(self, annotation: ast.expr) -> Iterator[tuple[str, bool]]:
        """Names of sections in an annotation (True) and words that the key takes (False)."""
        match annotation:
            case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
                words = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                for word in words:
                    if isinstance(word, ast.Constant):
                        yield str(word.value), False
                    else:  # another Literal by its name
                        yield from self.parts(word)
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
                yield from self.parts(inner)
            case ast.BinOp(left=left, right=right):
                yield from self.parts(left)
                yield from self.parts(right)
            case ast.Name(id=name) if name in self.aliases:
                yield from self.parts(self.aliases[name])
            case ast.Name(id=name) if name in self.classes:
                yield name, True
            case ast.Name(id="bool"):
                yield from (("true", False), ("false", False))
            case ast.Constant(value=None):
                yield "null", False


def key_words() -> dict[str, tuple[str, ...]]:
    """Every dotted key, but for those under names of the user's own, with the words it takes, if any."""
    source = _Source()
    source.read("config")
    found: dict[str, dict[str, None]] = {}
    _collect(source, ROOT, "", found)
    return {key: tuple(words) for key, words in found.items()}


def words_of(module: str, alias: str) -> tuple[str, ...]:
    """The words of a Literal that has a name, in one of the sections' modules."""
    source = _Source()
    source.read(module)
    return tuple(word for word, _ in source.parts(source.aliases[alias]))


def _collect(source: _Source, section: str, above: str, found: dict[str, dict[str, None]]) -> None:
    for name, annotation in source.fields(section):
        key = f"{above}{name}"
        words = found.setdefault(key, {})
        for part, is_section in source.parts(annotation):
            if is_section:
                _collect(source, part, f"{key}.", found)
            else:
                words[part] = None
