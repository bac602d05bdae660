"""Trainings repeated in memory, with other seeds and on other rows, to tell how far chance moves a score."""
