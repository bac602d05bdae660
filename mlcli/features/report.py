"""What step 2 did, as plain values that go to JSON."""

from dataclasses import dataclass, field
from typing import Literal

from mlcli.config.features import Encode, Impute, Scale


@dataclass(frozen=True)
class Imputed:
    """A number column: its missing training cells and what replaces them; a wholly missing column has a constant."""

    missing: int
    how: Impute
    value: float


@dataclass(frozen=True)
class Encoded:
    """A category column: categories kept, categories sharing the reserved code, missing training cells."""

    encode: Encode
    kept: tuple[str, ...]
    rare: int
    missing: int


@dataclass(frozen=True)
class Dated:
    """A column of dates: the numbers made of it, and the day from which elapsed days are counted."""

    numbers: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Scaled:
    """A scaled column: (x − centre) / spread, after the change of shape that power and quantile make."""

    scale: Scale
    centre: float
    spread: float


@dataclass(frozen=True)
class Dropped:
    """A feature that was dropped.

    value : variance; correlation with the feature `like`; F statistic; the round of elimination, from 1; or 0
    """

    name: str
    by: Literal["drop", "variance", "correlation", "k_best", "rfe"]
    value: float
    like: str | None = None

    @property
    def key(self) -> str:
        """The configuration's key that says so."""
        return "features.drop" if self.by == "drop" else f"select.{self.by}"


@dataclass(frozen=True)
class FeatureReport:
    """Columns in, features out, and each step between.

    rows   : training rows
    hashed : in how many buckets the words of a column are counted
    pieces : how many each number column that is cut has
    explained_variance : share of each principal component, empty without one
    """

    rows: int
    columns: tuple[str, ...]
    features: tuple[str, ...]
    embedded: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=dict)
    imputed: dict[str, Imputed] = field(default_factory=dict)
    encoded: dict[str, Encoded] = field(default_factory=dict)
    hashed: dict[str, int] = field(default_factory=dict)
    dated: dict[str, Dated] = field(default_factory=dict)
    scaled: dict[str, Scaled] = field(default_factory=dict)
    pieces: dict[str, int] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    explained_variance: tuple[float, ...] = ()
