"""What the network sees of the features."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureLayout:
    """The columns of the feature matrix: numeric inputs first, then the codes of embedded categories.

    names : numeric inputs in order, such as "age", "sex=Male", "age_missing", "pca1", "px0"
    cardinalities : number of codes of each embedded column; codes are whole numbers from 0
    embedded : names of the embedded columns
    """

    names: tuple[str, ...]
    cardinalities: tuple[int, ...] = ()
    embedded: tuple[str, ...] = ()

    @property
    def n_numeric(self) -> int:
        """Number of numeric inputs."""
        return len(self.names)

    @property
    def width(self) -> int:
        """Columns of the feature matrix."""
        return self.n_numeric + len(self.cardinalities)
