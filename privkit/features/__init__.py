"""Stored features: the ``Codes`` type and the one way to open a file of them."""

from privkit.features.codes import MAX_BITS, Codes, check_bits
from privkit.features.open import open_codes
from privkit.features.stored import Form, StoredCodes

__all__ = ["MAX_BITS", "Codes", "Form", "StoredCodes", "check_bits", "open_codes"]
