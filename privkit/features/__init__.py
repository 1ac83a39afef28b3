"""Stored features: the ``Codes`` type and the ways to open a file of codes or of any features."""

from privkit.features.codes import MAX_BITS, Codes, check_bits
from privkit.features.open import open_codes
from privkit.features.open_features import open_features
from privkit.features.stored import Form, StoredCodes
from privkit.features.stored_features import StoredFeatures

__all__ = [
    "MAX_BITS",
    "Codes",
    "Form",
    "StoredCodes",
    "StoredFeatures",
    "check_bits",
    "open_codes",
    "open_features",
]
