"""The one room that writes to disk, and that verifies what is read back."""

from mlcli.files.atomic import (
    atomic_folder,
    create_folder,
    encode_json,
    remove_folder,
    try_writing,
    write_file,
    write_json,
)
from mlcli.files.disk import locked_folder, make_folder, resource_errors
from mlcli.files.leftovers import recover_children, recover_folder
from mlcli.files.reuse import take_up
from mlcli.files.verified import (
    MANIFEST,
    own_part,
    read_json,
    read_limited,
    read_tail,
    sha256_file,
    verify_file,
    verify_folder,
)

__all__ = [
    "MANIFEST",
    "atomic_folder",
    "create_folder",
    "encode_json",
    "locked_folder",
    "make_folder",
    "own_part",
    "read_json",
    "read_limited",
    "read_tail",
    "recover_children",
    "recover_folder",
    "remove_folder",
    "resource_errors",
    "sha256_file",
    "take_up",
    "try_writing",
    "verify_file",
    "verify_folder",
    "write_file",
    "write_json",
]
