"""Other people's engines behind the same question, with the same definitions.

Each takes stored codes or the quasi-identifiers of a table and returns the exact class sizes:
null equals null, NaN equals NaN, -0.0 equals 0.0, CSV is text. No engine is imported before it is
called. What each is for, and what it was measured at, is said in decision 14.
"""

from __future__ import annotations

from collections.abc import Callable

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.engines import daft, duckdb

__all__ = ["ENGINES"]

ENGINES: dict[str, Callable[..., ClassCounts]] = {"duckdb": duckdb.count, "daft": daft.count}
"""Engines by name; each is called as ``count(stored, memory=None, tmp=None)``."""
