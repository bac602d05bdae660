"""Data from a stranger: it is read as rows, or refused with exit 3 or 7."""

import gzip
import io

import numpy as np
import polars as pl
import yaml
from PIL import Image

from tests.campaigns.hostile import payloads
from tests.campaigns.hostile.cases import cases
from tests.campaigns.hostile.watch import CANARY

GIB = 1 << 30
TABLE = "a,b,kind\n" + "".join(f"{i},{i % 7},{'xy'[i % 2]}\n" for i in range(60))


def csv(content, **keys):
    return {"name": "csv", "path": "stranger.csv", "target": "kind", **keys}, {"stranger.csv": content}


def parquet(content):
    return {"name": "parquet", "path": "stranger.parquet", "target": "kind"}, {"stranger.parquet": content}


def jsonl(content):
    return {"name": "jsonl", "path": "stranger.jsonl", "target": "kind"}, {"stranger.jsonl": content}


def npz(content):
    return {"name": "npz", "path": "stranger.npz"}, {"stranger.npz": content}


def idx(content):
    labels = b"\0\0\x08\x01\0\0\0\x02\0\1"
    return {"name": "idx", "images": "i", "labels": "l"}, {"i": content, "l": labels}


def pictures(content, suffix="png"):
    sound = payloads.png(2, 2, b"\0ab\0cd")
    files = {f"p/a/1.{suffix}": content, **{f"p/{side}/s{i}.png": sound for side in "ab" for i in range(5)}}
    return {"name": "images", "path": "p"}, files


def stl10(content):
    names = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
    return {"name": "stl10", "path": "s"}, dict.fromkeys((f"s/{name}" for name in names), content)


def special(name, target):
    """A path that is no regular file: a FIFO nobody writes to, a device, a file of the kernel's."""
    keys = {"target": "kind"} if name in ("csv", "parquet", "jsonl", "sql", "npz") else {}
    keys |= {"query": "SELECT 1"} if name == "sql" else {}
    keys |= {"images": str(target), "labels": str(target)} if name == "idx" else {"path": str(target)}
    return {"name": name, **keys}, {"fifo": payloads.fifo}


def parquet_of(**columns):
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def parquet_bomb():
    """A few kilobytes whose one column has 400 million rows."""
    buffer = io.BytesIO()
    rows = pl.select(kind=pl.repeat("a", 1 << 22))
    rows.write_parquet(buffer, compression="zstd", row_group_size=1 << 22)
    return buffer.getvalue()


def npz_of(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def wild_text():
    """Text of code points that Unicode does not have."""
    array = np.array(["aa", "bb"] * 10)
    array.view(np.uint32)[:] = 0x7FFFFFFF
    return array


def frames(n):
    buffer = io.BytesIO()
    pages = [Image.new("L", (8, 8), i) for i in range(n)]
    pages[0].save(buffer, "GIF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch " + CANARY.encode() + b") (w) file\nshowpage\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><image href="file:///etc/passwd"/></svg>'

# What arrives -> (dataset section and files, exit codes that are right).
ARRIVALS = {
    "pickle as csv": (lambda: csv(payloads.pickled()), 3),
    "pickle as parquet": (lambda: parquet(payloads.pickled()), 3),
    "pickle as jsonl": (lambda: jsonl(payloads.pickled()), 3),
    "pickle as npz": (lambda: npz(payloads.pickled()), 3),
    "pickle as idx": (lambda: idx(payloads.pickled()), 3),
    "pickle as idx, gzipped": (lambda: idx(gzip.compress(payloads.pickled())), 3),
    "pickle as picture": (lambda: pictures(payloads.pickled()), 3),
    "pickle as stl10": (lambda: stl10(payloads.pickled()), 3),
    "pickle as sqlite": (lambda: ({**special("sql", "f")[0]}, {"f": payloads.pickled()}), 3),
    "joblib as csv": (lambda: csv(payloads.joblib_file()), 3),
    "joblib as npz": (lambda: npz(payloads.joblib_file()), 3),
    "torch file as csv": (lambda: csv(payloads.torch_file()), 3),
    "torch file as npz": (lambda: npz(payloads.torch_file()), 3),
    "npy of objects as npz": (lambda: npz(payloads.object_array()), 3),
    "npz of objects": (lambda: npz(payloads.zipped({"x.npy": payloads.object_array(), "y.npy": b""})), 3),
    "pickle as member of npz": (lambda: npz(payloads.zipped({"x.npy": payloads.pickled(), "y.npy": b""})), 3),
    "npz that climbs out": (lambda: npz(payloads.zipped({f"../../{CANARY}": b"", "x.npy": b"", "y.npy": b""})), 3),
    "npz: negative shape": (lambda: npz(payloads.zipped({"x.npy": payloads.npy("(-1, 4)"), "y.npy": b""})), 3),
    "npz: shape that lies": (lambda: npz(payloads.zipped({"x.npy": payloads.npy("(1 << 40, 4)"), "y.npy": b""})), 3),
    "npz: huge shape": (lambda: npz(payloads.zipped({"x.npy": payloads.npy("(99999999999, 4)"), "y.npy": b""})), 3),
    "npz: shape beyond 64 bits": (
        lambda: npz(payloads.zipped({"x.npy": payloads.npy(f"({10**30}, 4)"), "y.npy": b""})),
        3,
    ),
    "npz: code in the header": (
        lambda: npz(payloads.zipped({"x.npy": payloads.npy(f"exec({payloads.PROGRAM!r})"), "y.npy": b""})),
        3,
    ),
    "npz: header of a megabyte": (
        lambda: npz(payloads.zipped({"x.npy": payloads.npy("(" * 60_000 + ")" * 5), "y.npy": b""})),
        3,
    ),
    "npz: objects in a structure": (
        lambda: npz(payloads.zipped({"x.npy": payloads.npy("(1,)", "[('f', '|O')]"), "y.npy": b""})),
        3,
    ),
    "npz: text that is none": (lambda: npz(npz_of(x=np.zeros((20, 2)), y=wild_text())), 3),
    "npz bomb": (lambda: npz(payloads.npz_bomb(4)), 3),
    "csv.gz bomb": (lambda: csv(payloads.gzip_bomb(b"a,kind\n", b"1,x\n" * (1 << 22), 256)), 3),
    "jsonl.gz bomb": (lambda: jsonl(payloads.gzip_bomb(b"", b'{"a":1}\n' * (1 << 21), 256)), 3),
    "idx.gz bomb": (
        lambda: idx(payloads.gzip_bomb(b"\0\0\x08\x03\0\0\0\2\0\0\0\2\0\0\0\2", bytes(1 << 24), 256)),
        3,
    ),
    "idx that promises more": (lambda: idx(b"\0\0\x08\x03" + b"\xff" * 12), 3),
    "idx of 255 dimensions": (lambda: idx(b"\0\0\x08\xff" + b"\xff" * 1020), 3),
    "png of 100,000 x 100,000": (lambda: pictures(payloads.png(100_000, 100_000)), 3),
    "png just below the limit, empty": (lambda: pictures(payloads.png(9_000, 9_000)), 3),
    "png that unpacks to more": (lambda: pictures(payloads.png(2, 2, bytes(1 << 26))), {0, 3}),
    "gif of 65,535 x 65,535": (lambda: pictures(payloads.gif(65_535, 65_535), "gif"), 3),
    "tiff of 100,000 x 100,000": (lambda: pictures(payloads.tiff(100_000, 100_000), "tif"), 3),
    "tiff whose strip lies elsewhere": (lambda: pictures(payloads.tiff(64, 64, 1 << 31), "tif"), 3),
    "half a png": (lambda: pictures(payloads.png(64, 64, bytes(65 * 64))[:60]), 3),
    "animated gif": (lambda: pictures(frames(200), "gif"), 3),
    "eps as png": (lambda: pictures(EPS), 3),
    "svg as png": (lambda: pictures(SVG), 3),
    "pdf as png": (lambda: pictures(b"%PDF-1.7\n" + EPS), 3),
    "jsonl: deep": (lambda: jsonl(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b', "kind": "x"}'), 3),
    "jsonl: huge integer": (lambda: jsonl(b'{"a": ' + b"9" * 5000 + b', "kind": "x"}\n' * 30), {0, 3}),
    "jsonl: NaN": (lambda: jsonl(b'{"a": NaN, "kind": "x"}\n' * 30), 3),
    "jsonl: half a surrogate": (lambda: jsonl(b'{"a": 1, "kind": "\\ud800"}\n{"a": 2, "kind": "y"}\n' * 30), {0, 3}),
    "jsonl: same key twice": (lambda: jsonl(b'{"a": 1, "a": 2, "kind": "x"}\n{"a": 1, "kind": "y"}\n' * 30), {0, 3}),
    "parquet: cut": (lambda: parquet(parquet_of(a=range(30), kind=["x", "y"] * 15)[:-30]), 3),
    "parquet: nested": (lambda: parquet(parquet_of(a=[{"b": [1]}] * 30, kind=["x", "y"] * 15)), 3),
    "parquet: footer that lies": (lambda: parquet(b"PAR1" + b"\xff" * 64 + b"\xff\xff\xff\x7fPAR1"), 3),
    "csv: a line of 30 MB": (lambda: csv(b"a,kind\n" + b"1" * (30 << 20)), 3),
    "csv: a million columns": (lambda: csv(b"," * 1_000_000 + b"\n" + b"," * 1_000_000 + b"\n"), 3),
    **{
        f"FIFO as {name}": (lambda name=name: special(name, "fifo"), 3)
        for name in ("csv", "parquet", "jsonl", "sql", "npz", "idx", "images", "stl10")
    },
    **{
        f"/dev/zero as {name}": (lambda name=name: special(name, "/dev/zero"), 3)
        for name in ("csv", "parquet", "jsonl", "sql", "npz", "idx", "images")
    },
}


def bring(home, files):
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content)


def ask(home, dataset, **sections):
    (home / "stranger.yaml").write_text(yaml.safe_dump({"dataset": dataset, **sections}))
    return "stranger.yaml"


@cases("arrival", ARRIVALS, 18)
def test_arrivals(home, strike, arrival):
    make, codes = ARRIVALS[arrival]
    dataset, files = make()
    bring(home, files)
    codes = codes if isinstance(codes, set) else {codes}
    result = strike("prepare", ask(home, dataset))
    assert result.code in codes, result.err
    assert result.err.count("error: ") == (result.code != 0)
