"""Shares as verdicts, page and card write them."""

from __future__ import annotations

__all__ = ["percent"]


def percent(share: float) -> str:
    """A share in percent with two or three digits, e.g. ``"2.5%"``, ``"72%"``; none is -0."""
    shown = 100 * share
    return f"{round(shown, 1) + 0.0:.1f}%" if abs(shown) < 9.95 else f"{shown:.0f}%"
