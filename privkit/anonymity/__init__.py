"""Equivalence classes of stored codes, and what their sizes say about anonymity."""

from privkit.anonymity.classes import ClassCounts, count_classes
from privkit.anonymity.counting.counter import Counter, count
from privkit.anonymity.kanon import KAnonymity, k_anonymity
from privkit.anonymity.measured import MeasuredBits, measured_bits

__all__ = [
    "ClassCounts",
    "Counter",
    "KAnonymity",
    "MeasuredBits",
    "count",
    "count_classes",
    "k_anonymity",
    "measured_bits",
]
