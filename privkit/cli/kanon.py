"""``privkit kanon``: k-anonymity of stored codes (placeholder until written)."""
def kanon() -> int:
    return 0
