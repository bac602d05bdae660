"""How large a packed file may become: a few kilobytes that unpack to gigabytes are an attack, or a mistake."""

import zlib

from mlcli.errors import DataError

GZIP = b"\x1f\x8b"
_ALWAYS = 256 << 20
_FACTOR = 100


def most_unpacked(packed: int) -> int:
    """Bytes that so many packed bytes may become; tables and pictures rarely shrink to a twentieth."""
    return max(_ALWAYS, _FACTOR * packed)


def start_of(packed: bytes, most: int) -> bytes:
    """The first bytes that a gzip file unpacks to; none where it is damaged, which its reader will explain."""
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, most)
    except zlib.error:
        return b""


def refuse_bomb(label: str, packed: int) -> DataError:
    """The error for a file that would become larger."""
    return DataError(
        f"{label}: {packed:,} packed bytes unpack to more than {most_unpacked(packed):,}, as no sound data does; "
        "if you trust it, unpack it yourself and name the unpacked file"
    )
