"""What strangers send, made in code: pickles that would run, archives that unpack without end, files that lie."""

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib

import numpy as np

from mlcli.io.atomic import atomic_folder
from tests.campaigns.hostile.watch import CANARY

PROGRAM = f"open({CANARY!r}, 'w').close()"


class _Boom:
    """Runs PROGRAM when it is unpickled."""

    def __reduce__(self):
        return (exec, (PROGRAM,))


def pickled(protocol=2):
    return pickle.dumps(_Boom(), protocol=protocol)


def joblib_file():
    """What joblib.dump writes for an object with an array, compressed."""
    return zlib.compress(pickle.dumps([np.arange(3), _Boom()]))


def torch_file():
    """What torch.save writes: a zip with a pickle in it."""
    return zipped({"archive/data.pkl": pickled(), "archive/version": b"3\n"})


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(shape, descr="'|u1'", content=b"", order="False"):
    """A .npy file with any header."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def object_array():
    buffer = io.BytesIO()
    np.save(buffer, np.array([_Boom()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def gzip_bomb(start, block, times):
    """Gzip members one after the other, which unpack to start and so many blocks."""
    return gzip.compress(start) + gzip.compress(block, 9) * times


def npz_bomb(gibibytes):
    """An npz of a few megabytes whose array of zeros has so many gibibytes."""
    block, n_blocks = bytes(1 << 24), gibibytes << 6
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    head = npy(f"({gibibytes << 18}, 64, 64)")
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(head) + packed.flush(zlib.Z_FULL_FLUSH) + one * n_blocks + b"\x03\x00"
    size = len(head) + n_blocks * len(block)
    small = npy(f"({gibibytes << 18},)", "'|u1'", b"")
    return _stored_zip({"x.npy": (body, size, zipfile.ZIP_DEFLATED), "y.npy": (small, len(small), zipfile.ZIP_STORED)})


def _stored_zip(members):
    """A zip of members that are packed already; the checksums are those of nothing."""
    entries, directory = b"", b""
    for name, (body, size, method) in members.items():
        offset = len(entries)
        fields = struct.pack("<HHHHHIII", 20, 0, method, 0, 0, 0, len(body), min(size, 2**32 - 2))
        entries += b"PK\x03\x04" + fields + struct.pack("<HH", len(name), 0) + name.encode() + body
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + fields
        directory += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, offset) + name.encode()
    tail = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(entries), 0)
    return entries + directory + b"PK\x05\x06" + tail


def tensors_file(header, content=bytes(64), length=None):
    """A safetensors file with any header; length: what it says of the header's own length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def png(width, height, content=b""):
    """A PNG with a header of any size."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def gif(width, height):
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
        + b"\x02\x02\x4c\x01\x00;"
    )


def tiff(width, height, strip=8):
    """A TIFF whose one strip lies beyond the file's end."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, strip), (278, 4, height),
            (279, 4, min(width * height, 2**32 - 1))]  # fmt: skip
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + body + bytes(4)


def seal(folder, files, kind):
    """Put these files into a folder whose manifest fits them; None takes a file away."""
    there = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "MANIFEST.json"}
    with atomic_folder(folder, kind) as new:
        for name, content in (there | files).items():
            if content is not None:
                (new / name).write_bytes(content)


def set_manifest(folder, change):
    """Edit a folder's MANIFEST.json."""
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def fifo(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)
