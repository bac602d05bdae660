"""Damaged Parquet files, NumPy archives, IDX files and pictures: refused with exit 3, or read as others read them."""

import gzip
import io
import struct

import numpy as np
import polars as pl
import pytest
from PIL import Image

from mlcli.io import disk
from tests.campaigns.mutations import mutate

SHAPE = (24, 5, 6)
SECTIONS = "split: {{test: 0, valid: 0}}}}\nmodel: {{hidden: [2]}}\ntraining: {{epochs: 1}}\n"
PIECES = [
    b"\0", b"\xff" * 8, b"\x7f\xff\xff\xff", b"\x80" * 9 + b"\x01", b"PAR1", b"PK\x01\x02", b"PK\x05\x06",
    b"\x93NUMPY", b"|O", b"<f8", b"<U9", b"(99999999999,)", b"(-1,)", b"True", b"\x08\x03", b"IHDR", b"IDAT", b"IEND",
    b"\xff\xd8", b"\xff\xc0", b"\xff\xda", b"\xff\xd9", b"Exif\0\0", b"GIF89a", b"\x1f\x8b",
]  # fmt: skip


def pixels(random):
    return np.frombuffer(random.randbytes(np.prod(SHAPE)), np.uint8).reshape(SHAPE)


def parquet(random):
    frame = pl.DataFrame(
        {
            "a": [i * 0.37 for i in range(60)],
            "b": [None if i % 7 == 0 else i for i in range(60)],
            "c": [f"t{i % 5}" for i in range(60)],
            "y": ["pq"[i % 2] for i in range(60)],
        }
    )
    packed = io.BytesIO()
    frame.write_parquet(packed, compression=random.choice(["zstd", "lz4", "snappy", "uncompressed", "gzip"]))
    return packed.getvalue()


def npz(random):
    y = np.arange(SHAPE[0]) % 2
    x = pixels(random) if random.random() < 0.5 else np.arange(SHAPE[0] * 3.0).reshape(-1, 3)
    packed = io.BytesIO()
    random.choice([np.savez, np.savez_compressed])(packed, x=x, y=random.choice([y, y.astype(str), y.astype(bool)]))
    return packed.getvalue()


def idx(random):
    content = b"\0\0\x08\x03" + struct.pack(">3I", *SHAPE) + pixels(random).tobytes()
    return gzip.compress(content) if random.random() < 0.3 else content


def picture(random):
    packed = io.BytesIO()
    picture = Image.fromarray(pixels(random)[0]).convert(random.choice(["L", "RGB", "RGBA", "P", "1"]))
    kind = random.choice(["PNG", "PNG", "JPEG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
    (picture.convert("RGB") if kind in ("JPEG", "PPM", "WEBP") else picture).save(packed, kind)
    return packed.getvalue()


SOURCES = {
    "parquet": (parquet, "{{name: parquet, path: {file}, target: y, ", "t.parquet"),
    "npz": (npz, "{{name: npz, path: {file}, ", "t.npz"),
    "idx": (idx, "{{name: idx, images: {file}, labels: labels.idx, ", "images.idx"),
    "images": (picture, "{{name: images, path: pictures, size: [5, 6], ", "pictures/b/2.png"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_binary(campaign, workspace, mlcli, monkeypatch, name):
    make, section, file = SOURCES[name]
    monkeypatch.setattr(disk, "sync", lambda path: None)
    (workspace / "t.yaml").write_text(f"dataset: {section}{SECTIONS}".format(file=file))
    (workspace / "labels.idx").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", SHAPE[0]) + bytes([0, 1] * 12))
    for label in "ab":
        (workspace / "pictures" / label).mkdir(parents=True)
        Image.new("L", (6, 5), ord(label)).save(workspace / "pictures" / label / "1.png")
    for _ in range(campaign.size(6, 750)):
        content = mutate(campaign.random, make(campaign.random), PIECES, [make(campaign.random)])
        (workspace / file).write_bytes(content)
        campaign.record(f"exit {go_through(mlcli, workspace / file)}")


def go_through(mlcli, path):
    """Train on it and predict it: the rows are all there."""
    prepared = mlcli("prepare", "t.yaml", "--json")
    assert prepared.code in (0, 3), prepared.err
    if prepared.code:
        return prepared.code
    (one,) = prepared.json["datasets"]
    source = path.parent.parent if path.suffix == ".png" else path
    trained = mlcli("train", "t.yaml", "--quiet")
    assert trained.code in (0, 3, 6), trained.err
    if trained.code:
        return trained.code
    predicted = mlcli("predict", source, "--json", "-o", "predicted.csv")
    assert predicted.code == 0, predicted.err
    assert predicted.json["rows"] == one["profile"]["rows"]["train"]
    return 0
