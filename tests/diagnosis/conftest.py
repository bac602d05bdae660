"""The trainings that the search is tested on, too."""

from tests.search.conftest import data_folder, folders, make_bench, make_config, train_case, trained_cases

__all__ = ["data_folder", "folders", "make_bench", "make_config", "train_case", "trained_cases"]
