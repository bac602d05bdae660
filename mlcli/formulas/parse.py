"""Parses formulas such as `log1p(income) / rooms ** 2` with a grammar of its own; nothing is executed."""

import math
import re
from dataclasses import dataclass, field
from typing import NoReturn

from mlcli.formulas.program import (
    COMPARISONS,
    FUNCTIONS,
    NEGATE,
    Apply,
    Formula,
    FormulaError,
    Instruction,
    Load,
    Push,
    fold_constants,
)

MAX_LENGTH = 1000
MAX_DEPTH = 50
MAX_EXPONENT = 100.0

_ALLOWED = "allowed are columns, numbers, + - * / % **, one comparison < <= > >= == !=, parentheses and " + " ".join(
    FUNCTIONS
)
_TOKEN = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?!\w)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|`(?P<ticked>[^`]+)`"
    r"|(?P<text>\"[^\"]+\"|'[^']+')"
    r"|(?P<symbol>\*\*|<=|>=|==|!=|[-+*/%<>(),])"
)
_HINTS = {
    "^": "write ** for powers",
    "=": "write == to compare",
    ".": "write a column whose name has other characters between backticks",
    "&": "multiply two comparisons for 'and'",
    "|": "take the max of two comparisons for 'or'",
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


def parse_formula(text: str) -> Formula:
    """Parse a formula; raises FormulaError, which names the position (from 1) and what is allowed."""
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the formula has {len(text)} characters, at most {MAX_LENGTH} are allowed")
    parser = _Parser(text, _tokenize(text))
    parser.comparison()
    if parser.token.kind != "end":
        parser.fail(f"unexpected {parser.found()}")
    names = tuple(dict.fromkeys(step.name for step in parser.program if isinstance(step, Load)))
    if not names:
        raise FormulaError(f"'{text}' uses no column; a formula needs at least one")
    return Formula(text, names, tuple(parser.program))


def _fail(text: str, position: int, problem: str) -> NoReturn:
    raise FormulaError(f"'{text}', position {position + 1}: {problem}; {_ALLOWED}")


def _tokenize(text: str) -> list[_Token]:
    tokens = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            hint = _HINTS.get(text[position])
            _fail(text, position, f"unexpected {text[position]!r}" + (f" ({hint})" if hint else ""))
        if found.lastgroup != "blank":
            tokens.append(_Token(found.lastgroup, found[found.lastgroup], position))
        position = found.end()
    return [*tokens, _Token("end", "", len(text))]


@dataclass
class _Parser:
    """Recursive descent that emits instructions in postfix order, folding constants on the way."""

    text: str
    tokens: list[_Token]
    program: list[Instruction] = field(default_factory=list)
    at: int = 0
    depth: int = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, problem: str, token: _Token | None = None) -> NoReturn:
        _fail(self.text, (token or self.token).position, problem)

    def take(self, *symbols: str) -> _Token | None:
        token = self.token
        if token.kind != "symbol" or token.text not in symbols:
            return None
        self.at += 1
        return token

    def expect(self, symbol: str) -> None:
        if not self.take(symbol):
            self.fail(f"expected '{symbol}' before {self.found()}")

    def found(self) -> str:
        return repr(self.token.text) if self.token.text else "the end"

    def emit(self, operation: _Token, symbol: str, arity: int) -> None:
        operands = tuple(step.value for step in self.program[-arity:] if isinstance(step, Push))
        if symbol == "**" and isinstance(self.program[-1], Push) and abs(operands[-1]) > MAX_EXPONENT:
            self.fail(f"the exponent must be within ±{MAX_EXPONENT:g}, got {operands[-1]:g}", operation)
        if len(operands) < arity:
            self.program.append(Apply(symbol, arity))
            return
        try:
            self.program[-arity:] = [Push(fold_constants(symbol, operands))]
        except (ValueError, ArithmeticError):
            self.fail(f"'{operation.text}' of these numbers has no finite result", operation)

    def comparison(self) -> None:
        self.sum()
        if operation := self.take(*COMPARISONS):
            self.sum()
            self.emit(operation, operation.text, 2)
            if self.token.text in COMPARISONS:
                self.fail("comparisons cannot be chained")

    def sum(self) -> None:
        self.product()
        while operation := self.take("+", "-"):
            self.product()
            self.emit(operation, operation.text, 2)

    def product(self) -> None:
        self.unary()
        while operation := self.take("*", "/", "%"):
            self.unary()
            self.emit(operation, operation.text, 2)

    def unary(self) -> None:
        # Every way to nest passes through here, so this is where depth is counted.
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep")
        if operation := self.take("+", "-"):
            self.unary()
            if operation.text == "-":
                self.emit(operation, NEGATE, 1)
        else:
            self.power()
        self.depth -= 1

    def power(self) -> None:
        self.atom()
        if operation := self.take("**"):
            self.unary()
            self.emit(operation, "**", 2)

    def atom(self) -> None:
        token = self.token
        if self.take("("):
            self.comparison()
            self.expect(")")
            return
        if token.kind not in ("number", "name", "ticked"):
            self.fail(f"expected a column, a number or '(' before {self.found()}")
        self.at += 1
        if token.kind == "number":
            self.number(token)
        elif token.kind == "name" and self.take("("):
            self.call(token)
        else:
            self.program.append(Load(token.text))

    def number(self, token: _Token) -> None:
        value = float(token.text)
        if math.isinf(value):
            self.fail(f"{token.text} is too large", token)
        self.program.append(Push(value))

    def call(self, function: _Token) -> None:
        if function.text == "col":
            self.quoted_column()
            return
        if function.text not in FUNCTIONS:
            self.fail(f"unknown function '{function.text}'", function)
        arity = 1
        self.comparison()
        while self.take(","):
            self.comparison()
            arity += 1
        self.expect(")")
        if (arity > 1) != (function.text in ("min", "max")):
            wanted = "at least two arguments" if function.text in ("min", "max") else "one argument"
            self.fail(f"{function.text} takes {wanted}, got {arity}", function)
        self.emit(function, function.text, arity)

    def quoted_column(self) -> None:
        token = self.token
        if token.kind != "text":
            self.fail('col takes a column name between quotes, as in col("hours-per-week")')
        self.at += 1
        self.program.append(Load(token.text[1:-1]))
        self.expect(")")
