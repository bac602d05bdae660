"""Formulas of derived columns: parsed to a small program, never run as code."""
