"""Encodings are told by marks and validity, guessed from words, and doubted aloud; Python's codecs are the judge."""

import codecs

import pytest

from mlcli.data.readers import encodings, text_file
from mlcli.data.readers.encodings import find_encoding
from mlcli.data.readers.text_file import open_text, read_text
from mlcli.errors import DataError

SPANISH = ["año", "Málaga", "Córdoba", "León", "Cádiz"]
GERMAN = ["Größe", "München", "Köln", "Nürnberg", "Straße", "5 €"]
POLISH = ["Łódź", "Gdańsk", "Poznań", "Wrocław", "Częstochowa"]
RUSSIAN = ["город", "Москва", "Казань", "Пермь", "Тула"]
WORDS = {
    **dict.fromkeys(["latin-1", "mac_roman", "cp850", "utf-8", "utf-16", "utf-32", "utf-16-le", "utf-16-be"], SPANISH),
    **dict.fromkeys(["cp1252", "utf-32-le", "utf-8-sig"], GERMAN),
    **dict.fromkeys(["cp1250", "iso8859-2"], POLISH),
    **dict.fromkeys(["cp1251", "koi8-r", "cp866"], RUSSIAN),
    "cp1253": ["πόλη", "Αθήνα", "Πάτρα", "Λάρισα"],
    "cp1254": ["şehir", "İstanbul", "Muğla", "Diyarbakır"],
    "cp1255": ["עיר", "ירושלים", "חיפה", "נתניה"],
    "cp1256": ["مدينة", "القاهرة", "بيروت"],
    "gbk": ["城市", "北京", "上海", "深圳", "广州"],
    "big5": ["城市", "臺北", "高雄", "新竹"],
    "shift_jis": ["都市", "東京", "さいたま", "カナ"],
    "euc_jp": ["都市", "東京", "さいたま", "カナ"],
    "euc_kr": ["도시", "서울", "부산", "대구"],
}


def table(words, encoding):
    return ("name,n\n" + "".join(f"{word},{at % 7}\n" for at, word in enumerate(words * 3))).encode(encoding)


@pytest.mark.parametrize("encoding", WORDS)
def test_what_is_found_decodes_to_the_same_text(encoding):
    data = table(WORDS[encoding], encoding)
    found = find_encoding(data)
    assert data.decode(found.name).removeprefix("\ufeff") == table(WORDS[encoding], "utf-8").decode()
    assert bool(found.words) == (not encoding.startswith("utf"))
    assert set(found.words) <= {part for word in WORDS[encoding] for part in word.split()}


@pytest.mark.parametrize("encoding", WORDS)
def test_a_file_is_decoded_block_by_block(tmp_path, monkeypatch, encoding):
    monkeypatch.setattr(text_file, "BLOCK", 7)
    data = table(WORDS[encoding], encoding)
    (tmp_path / "t.csv").write_bytes(data)
    assert bytes(open_text(tmp_path / "t.csv", encoding).buffer).decode() == table(WORDS[encoding], "utf-8").decode()


@pytest.mark.parametrize("encoding", [name for name in WORDS if not name.startswith("utf")])
def test_a_file_that_is_not_utf8_is_refused_with_its_words(encoding):
    with pytest.raises(DataError) as caught:
        read_text(table(WORDS[encoding], encoding), "t.csv")
    words = find_encoding(table(WORDS[encoding], encoding)).words
    assert "is not UTF-8; save the file as UTF-8, or set dataset.encoding: " in str(caught.value)
    assert all(repr(word) in str(caught.value) for word in words)


MIXED = table(SPANISH, "utf-8") + "x,1\nCórdoba,2\n".encode("latin-1")
REFUSED = {
    "UTF-8 as Latin-1": (
        table(SPANISH, "utf-8"),
        "latin-1",
        "t.csv:2: 'año' is UTF-8, not latin-1; set dataset.encoding: utf-8",
    ),
    "UTF-8 as UTF-16": (table(SPANISH, "utf-8"), "utf-16", "'año' is UTF-8, not utf-16"),
    "ASCII as UTF-16": (b"a,b\n1,2\n", "utf-16", "is UTF-8, not utf-16"),
    "UTF-16 as UTF-8": (table(SPANISH, "utf-16"), "utf-8", "t.csv: is UTF-16 text; set dataset.encoding: utf-16"),
    "UTF-32 as UTF-8": (table(SPANISH, "utf-32"), "utf-8", "t.csv: is UTF-32 text; set dataset.encoding: utf-32"),
    "no mark": (
        table(SPANISH, "utf-16-be"),
        "utf-8",
        "UTF-16-BE text without a byte order mark; set dataset.encoding: utf-16-be",
    ),
    "GBK as Shift-JIS": (
        b"a,b\n" + "市场,1\n\u03b1\uff01".encode("gbk"),
        "ascii",
        "t.csv:2: byte 4 (0xca) is not ascii",
    ),
    "two encodings": (MIXED, "utf-8", "t.csv:18: byte "),
    "two encodings, the cause": (MIXED, "utf-8", "other words are UTF-8, so the file mixes encodings"),
    "cut": (table(SPANISH, "utf-8") + b"x,1\n\xc3", "utf-8", "the file ends within a letter"),
    "a web page": (b"<!DOCTYPE html><html></html>", "utf-8", "a web page, perhaps of a failed download"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1", "cp1252", "an Excel workbook"),
    "bzip2": (b"BZh91AY", "utf-8", "damaged bzip2 file"),
}


@pytest.mark.parametrize(("data", "encoding", "said"), REFUSED.values(), ids=REFUSED)
def test_wrong_encodings_are_refused(data, encoding, said):
    with pytest.raises(DataError) as caught:
        read_text(data, "t.csv", encoding)
    assert said in str(caught.value)


DOUBTED = {
    "read twice": (table(SPANISH, "utf-8").decode("cp1252").encode(), "utf-8", "t.csv:2: 'aÃ±o' may be UTF-8"),
    "lost letters": ("a,b\nM\ufffdlaga,1\n".encode(), "utf-8", "'M\ufffdlaga' has the mark U+FFFD"),
    "controls": ("a,b\nx,1\nd\x92Artagnan,2\n".encode(), "utf-8", "t.csv:3: 'd\\x92Artagnan' has a control character"),
    "controls, declared": (b"a,b\nd\x92Artagnan \xe0 Paris,2\n", "latin-1", "as of cp1252 that was read as latin-1"),
    "another alphabet": (table(RUSSIAN, "koi8-r"), "cp1251", "as koi8-r, город, Москва"),
    "pairs of bytes": (table(SPANISH, "latin-1"), "gbk", "as latin-1, año, Málaga"),
    "none": (table(SPANISH, "latin-1"), "cp1252", ""),
    "none, capitals": ("a,b\nSÃO PAULO,1\nÂNGELA,2\n".encode(), "utf-8", ""),
    "none, Russian": (table(RUSSIAN, "cp1251"), "cp1251", ""),
}


@pytest.mark.parametrize(("data", "encoding", "said"), DOUBTED.values(), ids=DOUBTED)
def test_damaged_words_are_doubted(data, encoding, said):
    notes = list(read_text(data, "t.csv", encoding).doubts())
    assert said in "".join(notes)
    assert bool(said) == bool(notes)


def test_words_are_found_across_blocks(monkeypatch):
    monkeypatch.setattr(encodings, "BLOCK", 64)
    data = b"a,b\n" + b"1,2\n" * 40 + "Málaga,1\nCórdoba,2\n".encode("latin-1")
    assert data.decode(find_encoding(data).name).endswith("Málaga,1\nCórdoba,2\n")


def test_all_names_of_encodings_that_are_suggested_are_known():
    from mlcli.io.text import ENCODINGS, is_encoding

    assert all(codecs.lookup(name) and is_encoding(name) for name in ENCODINGS)
    assert not any(map(is_encoding, ["hex", "rot13", "idna", "utf8x", "punycode", "unicode_escape", "zlib", "a b"]))
