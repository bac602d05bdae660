"""Rows to predict, read by what a bundle's outline tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from mlcli.bundle_content import BundleOutline
from mlcli.data.incoming import read_incoming
from mlcli.data.incoming_images import read_incoming_images
from mlcli.data.types import Images, Table


@dataclass(frozen=True)
class Given:
    """Rows to predict, and the columns that may be copied beside the predictions.

    always : those that are copied unasked
    odd    : cells taken as missing that are neither true nor false in a column of these
    """

    data: Table | Images
    columns: pl.DataFrame
    always: tuple[str, ...] = ()
    odd: Mapping[str, int] = field(default_factory=dict)


def read_given(outline: BundleOutline, source: str, input_format: str | None) -> Given:
    """Rows from a file, a folder of pictures or stdin ("-")."""
    if outline.rows.image_shape:
        pictures = read_incoming_images(source, outline.rows.image_shape)
        return Given(pictures.images, pl.DataFrame({"picture": pictures.names}), ("picture",))
    incoming = read_incoming(source, outline.rows, outline.config.dataset, input_format)
    columns = pl.concat([incoming.extra, incoming.table.frame.with_columns(incoming.words)], how="horizontal")
    return Given(incoming.table, columns, odd=incoming.odd)
