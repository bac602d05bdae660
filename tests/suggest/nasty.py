"""Tables as people have them: each says what it is, how it is written, and what must be found out about it."""

import gzip
import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Nasty:
    """content: the file's bytes; config: keys that the dataset section must have; markers: of missing cells."""

    name: str
    target: str
    content: bytes
    config: dict = field(default_factory=dict)
    dropped: tuple = ()
    markers: set = field(default_factory=set)
    least: tuple = ("accuracy", 0.8)


def lines(header, row, n=240, delimiter=",", seed=0):
    rng = random.Random(seed)
    return "\n".join([delimiter.join(header), *(delimiter.join(map(str, row(i, rng))) for i in range(n))]) + "\n"


def price(rng):
    size, rooms = rng.uniform(30, 200), rng.randint(1, 6)
    return size, rooms, 2000 * size + 9000 * rooms + rng.gauss(0, 5000)


def european(i, rng):
    size, rooms, value = price(rng)
    return [f"{size:.2f}".replace(".", ","), rooms, "Málaga" if i % 3 else "Córdoba", f"{value:.1f}".replace(".", ",")]


def holes(i, rng):
    x, y = rng.gauss(0, 1), rng.gauss(0, 1)
    cells = [f"{x:.3f}", f"{y:.3f}", rng.randint(18, 90), "yes" if x + y > 0 else "no"]
    return [
        "n.d." if rng.random() < 0.1 else cells[0],
        "-" if i % 9 == 4 else cells[1],
        -999 if i % 11 == 3 else cells[2],
        cells[3],
    ]


def logged(i, rng):
    x = rng.gauss(0, 1)
    when = f"2026-{1 + i // 28 % 12:02}-{1 + i % 28:02}"
    shop = rng.randrange(40)
    note = " ".join(rng.choices(["slow", "fine", "late", "broken", "again", "new", "box"], k=6))
    return [
        1000 + i,
        f"{rng.randrange(16**8):08x}-{i}",
        when,
        shop,
        note,
        "fixed",
        f"{x:.3f}",
        "ABC"[(x > -0.5) + (x > 0.5)],
    ]


def codes(i, rng):
    zone = rng.randrange(8)
    return [f"{zone:05}", rng.randint(1, 9), f"{rng.uniform(0, 9):.2f}", int(zone in (1, 3, 6))]


def leaking(i, rng):
    x = rng.gauss(0, 1)
    label = "churned" if x + rng.gauss(0, 0.2) > 0 else "stayed"
    return [f"{x:.3f}", {"churned": "closed", "stayed": "open"}[label], label]


def gappy(i, rng):
    x = rng.gauss(0, 1)
    return [f"{x:.3f}", f"{rng.gauss(0, 1):.3f}", "" if i % 20 == 7 else ("up" if x > 0 else "down")]


def spaced(i, rng):
    x = rng.gauss(0, 1)
    return [f"{x:.3f}", f'"a, ""b"" {i % 3}"', "left" if x > 0 else "right"]


def typo(i, rng):
    size, rooms, value = price(rng)
    return [f"{size:.2f}", "12O" if i == 17 else rooms, f"{value:.0f}"]


def amounts(i, rng):
    size, rooms, value = price(rng)
    day = f"{1 + i % 28:02}-{('JAN', 'FEB', 'MAR')[i % 3]}-24"
    cells = ["-" if i % 20 == 3 else f"{size:.1f} m²", f"{100 * rooms:,}.00 $", f"{i % 9 + 1},{i % 1000:03}", day]
    return [*(f'"{cell}"' for cell in cells), f"{value:.0f}"]


HOLES = ["a", "b", "age", "answer"]
HOUSES = ["tamaño", "habitaciones", "ciudad", "precio"]
LOG = ["id", "token", "date", "shop_id", "note", "same", "x", "class"]
MARKERS = {"n.d.", "-", "-999"}
R2 = ("r2", 0.8)

NASTY = [
    Nasty(
        "european.csv",
        "precio",
        lines(HOUSES, european, delimiter=";").encode("latin-1"),
        {"delimiter": ";", "encoding": "latin-1", "decimal": ","},
        least=R2,
    ),
    Nasty(
        "windows.csv",
        "precio",
        lines(["tamaño –", *HOUSES[1:]], european, delimiter=";").encode("cp1252"),
        {"delimiter": ";", "encoding": "cp1252", "decimal": ","},
        least=R2,
    ),
    Nasty("bom.csv", "answer", b"\xef\xbb\xbf" + lines(HOLES, holes).encode(), markers=MARKERS),
    Nasty(
        "utf16.csv",
        "answer",
        lines(HOLES, holes, delimiter="\t").encode("utf-16"),
        {"encoding": "utf-16", "delimiter": "\t"},
        markers=MARKERS,
    ),
    Nasty("pipes.txt", "answer", lines(HOLES, holes, delimiter="|").encode(), {"delimiter": "|"}, markers=MARKERS),
    Nasty("packed.csv.gz", "answer", gzip.compress(lines(HOLES, holes).encode()), markers=MARKERS),
    Nasty("crlf.csv", "answer", lines(HOLES, holes).replace("\n", "\r\n").encode(), markers=MARKERS),
    Nasty("log.csv", "class", lines(LOG, logged).encode(), dropped=("id", "token", "shop_id", "note", "same")),
    Nasty("codes.csv", "hit", lines(["zone", "n", "x", "hit"], codes).encode(), {"types": {"zone": "category"}}),
    Nasty("leak.csv", "status", lines(["x", "account", "status"], leaking).encode(), dropped=("account",)),
    Nasty("gaps.csv", "way", lines(["x", "y", "way"], gappy).encode(), {"missing": {"drop_rows": "target"}}),
    Nasty("quoted.csv", "side", lines(["x", "text", "side"], spaced).encode()),
    Nasty(
        "typo.tsv",
        "price",
        lines(["size", "rooms", "price"], typo, delimiter="\t").encode(),
        {"delimiter": "\t", "task": "regression"},
        markers={"12O"},
        least=R2,
    ),
    Nasty(
        "amounts.csv",
        "price",
        lines(["size", "rent", "marks", "day", "price"], amounts).encode(),
        {
            "task": "regression",
            "numbers": {"size": {"unit": "m²"}, "rent": {"unit": "$"}, "marks": {"thousands": ","}},
            "dates": {"day": "%d-%b-%y"},
        },
        markers={"-"},
        least=R2,
    ),
    Nasty(
        "few.csv",
        "y",
        lines(["x", "y"], lambda i, rng: [i % 7 + (i % 2) * 9, i % 2], n=15).encode(),
        {"task": "classification"},
        least=("accuracy", 0.0),
    ),
]
