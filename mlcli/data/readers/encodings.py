"""The encoding of text, by its byte order mark and validity, or else guessed from the words it gives."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

import numpy as np

BLOCK = 1 << 24
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Of equally plausible ones the first is taken; gb18030, cp932 and cp949 include GBK, Shift-JIS and EUC-KR.
_GUESSED = (
    *("cp1252", "latin-1", "mac_roman", "cp850", "cp1250", "iso8859-2", "cp1254", "cp1251", "koi8-r", "cp866"),
    *("cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "cp949", "gb18030", "big5"),
)
# First and last first byte of the characters in common use, and the least second byte.
_USUAL_PAIRS = {
    "cp932": ((0x82, 0x83, 0x40), (0x88, 0x97, 0x40)),
    "euc_jp": ((0xA4, 0xA5, 0xA1),),
    "cp949": ((0xB0, 0xC8, 0xA1),),
    "gb18030": ((0xB0, 0xD7, 0xA1),),
    "big5": ((0xA4, 0xC6, 0x40),),
}
_LEVELS = {
    1.0: "áéíóúñüöäßçàèêâôîïëûùåæãõ" + "оеаинтсрвлкмдпуяыьгзбч",
    0.9: "øąćęłńśźżčďěňřšťůžőűğışİșțţđ" + "йхжшюцщэфъёіїє",
}
_WEIGHTS = {
    letter: weight - 0.1 * letter.isupper()
    for weight, letters in _LEVELS.items()
    for letter in letters + letters.upper().replace("SS", "")
}
_SCRIPTS = ((0x250, "latin"), (0x400, "greek"), (0x530, "cyrillic"), (0x600, "hebrew"), (0x780, "arabic"))
_LARGER = {"shift_jis": "cp932", "euc_kr": "cp949", "gbk": "gb18030", "gb2312": "gb18030"}
# What words of three letters or more have.
_VOWELS = {"cyrillic": re.compile("[аеёиоуыэюяіїє]"), "greek": re.compile("[άέήίόύώΐΰ]|[Α-Ω]{3}")}
_SIGNS = "–—“”‘’…€°£©®§·²³µºª«»½¿¡±×"
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST, _MOST = 60, 500
_SHOWN = 4
_MIXED, _DOUBTFUL, _PLAUSIBLE = 0.2, 0.4, 0.7


@dataclass(frozen=True)
class Encoding:
    """An encoding by Python's name.

    words : some that only a guess tells how to read; empty where the bytes leave no doubt
    mixed : the bytes are neither UTF-8 nor one other encoding
    """

    name: str
    words: tuple[str, ...] = ()
    mixed: bool = False


def find_encoding(data: bytes | mmap) -> Encoding:
    """By the byte order mark, by NULs between letters, as UTF-8 where it is valid, or else by a guess."""
    start = bytes(data[:4096])
    if marked := next((name for mark, name in _MARKS if start.startswith(mark)), None):
        return Encoding(marked)
    if b"\0" in start:
        return Encoding(_with_nuls(start))
    return Encoding("utf-8") if decodes(data, "utf-8", final=True) else _guess(data)


def doubt_encoding(data: bytes | mmap, encoding: str) -> Iterator[str]:
    """A note where the words that an encoding gives are odd, and another's are not."""
    words = list(dict.fromkeys(_foreign_words(data)))
    if not words or b"\0" in data[:4096] or _plausibility(words, encoding) > _DOUBTFUL:
        return
    found = _guess(data)
    if not found.mixed and _plausibility(words, found.name) >= _PLAUSIBLE:
        ours = ", ".join(word.decode(encoding, "replace") for word in words[:_SHOWN])
        yield f"as {encoding}, words are {ours}; as {found.name}, {', '.join(found.words)}; see dataset.encoding"


def decodes(data: bytes | mmap, encoding: str, *, final: bool = False) -> bool:
    """Whether data is text in this encoding; unless it is final, it may end within a character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), BLOCK):
            decoder.decode(data[start : start + BLOCK], final and start + BLOCK >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _with_nuls(start: bytes) -> str:
    """UTF-16 or UTF-32 without byte order mark, by where most letters have their zero bytes."""
    zeros = [start[at::4].count(0) for at in range(4)]
    if min(sorted(zeros)[1:]) > len(start) / 8:
        return "utf-32-le" if zeros[0] < zeros[3] else "utf-32-be"
    little, big = zeros[1] + zeros[3], zeros[0] + zeros[2]
    if max(little, big) < len(start) / 8:
        return "utf-8"
    return "utf-16-le" if little > big else "utf-16-be"


def _guess(data: bytes | mmap) -> Encoding:
    words = list(dict.fromkeys(_foreign_words(data)))
    valid = [word for word in words if word.decode("utf-8", "ignore").encode() == word]
    if len(valid) >= max(1, _MIXED * len(words)):
        return Encoding("utf-8", mixed=not decodes(data, "utf-8"))
    ranked = sorted(_GUESSED, key=lambda name: -round(_plausibility(words, name), 3))
    found = next((name for name in ranked if decodes(data, name)), "latin-1")
    if found == "cp1252" and not any(0x80 <= byte <= 0x9F for byte in b"".join(words)) and decodes(data, "latin-1"):
        found = "latin-1"
    return Encoding(found, tuple(word.decode(found, "replace") for word in words[:_SHOWN]))


def _foreign_words(data: bytes | mmap) -> Iterator[bytes]:
    """Words with bytes above 127, up to blanks and marks that are no part of a character in any encoding."""
    left = _MOST
    for start in range(0, len(data), BLOCK):
        block = bytes(data[start : start + BLOCK])
        end = 0
        for at in map(int, np.flatnonzero(np.frombuffer(block, dtype=np.uint8) >= 0x80)):
            if at < end:
                continue
            begin = at
            while begin > max(end, at - _LONGEST) and block[begin - 1] > 0x2F and block[begin - 1] not in b":;":
                begin -= 1
            end = at + 1
            while end < min(len(block), at + _LONGEST) and block[end] > 0x2F and block[end] not in b":;":
                end += 1
            yield block[begin:end]
            left -= 1
            if not left:
                return


def _plausibility(words: list[bytes], encoding: str) -> float:
    """Mean weight of the characters that are not ASCII, from -1 to 1."""
    weights: list[float] = []
    pairs = _USUAL_PAIRS.get(encoding) or _USUAL_PAIRS.get(_LARGER.get(codecs.lookup(encoding).name, ""))
    # Japanese has kana among its thousands of kanji.
    is_japanese = encoding == "euc_jp" and re.search("[ぁ-ヿ]", b" ".join(words).decode(encoding, "ignore"))
    other = 1.0 if is_japanese else 0.1
    for word in words:
        try:
            text = word.decode(encoding)
        except UnicodeDecodeError:
            weights += [-1.0] * len(word)
            continue
        weights += _weigh_pairs(text, encoding, pairs, other) if pairs else _weigh_letters(text)
    return sum(weights) / max(1, len(weights))


def _weigh_pairs(text: str, encoding: str, usual: tuple[tuple[int, int, int], ...], other: float) -> list[float]:
    """1 for characters in common use, `other` for the others."""
    encoded = [letter.encode(encoding) for letter in text if not letter.isascii()]
    return [
        1.0 if len(pair) == 2 and any(a <= pair[0] <= b and pair[1] >= least for a, b, least in usual) else other
        for pair in encoded
    ]


def _weigh_letters(text: str) -> list[float]:
    """Words of one script and in natural case are plausible; signs inside words are not."""
    weights: list[float] = []
    for found in _WORD.finditer(text):
        word = found[0]
        foreign = [letter for letter in word if not letter.isascii()]
        script = _script(word[0])
        natural = all(_script(letter) == script for letter in word) and word in (
            word.lower(),
            word.upper(),
            word.title(),
        )
        if script == "latin":
            natural &= not re.search("[^\x00-\x7f]{4}", word)
        elif script in _VOWELS and len(word) > 2:
            natural &= bool(_VOWELS[script].search(word if word.isupper() and script == "greek" else word.lower()))
        weights += [_WEIGHTS.get(letter, _rare(letter)) if natural else -1.0 for letter in foreign]
    signs = [at for at, letter in enumerate(text) if not letter.isascii() and not letter.isalpha()]
    for at in signs:
        inside = 0 < at < len(text) - 1 and text[at - 1].isalpha() and text[at + 1].isalpha()
        weights.append(0.9 if text[at] in _SIGNS and not inside else -1.0)
    return weights


def _rare(letter: str) -> float:
    return 0.4 if _script(letter) in ("latin", "cyrillic") else 0.95


def _script(letter: str) -> str:
    return next((name for end, name in _SCRIPTS if ord(letter) < end), "other")
