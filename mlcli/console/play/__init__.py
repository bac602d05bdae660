"""A game of `mlcli play` on a terminal."""
