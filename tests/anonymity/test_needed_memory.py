"""What the analyses need is estimated from above, and not by far; what does not fit is refused."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from privkit.anonymity.analyses import analyse
from privkit.anonymity.contribution import contribution
from privkit.anonymity.grouped import Beside, group_records
from privkit.anonymity.grouping import group_labels
from privkit.anonymity.needed_memory import grouping_bytes, prefix_bytes, refuse_beyond
from privkit.anonymity.prefixes import prefix_counts
from privkit.errors import InputError
from privkit.features import Codes
from privkit.features.stored import StoredCodes

THRESHOLDS = (2, 5, 10, 100)


def peak(work):
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def codes(bits, n):
    rng = np.random.default_rng(bits)
    return StoredCodes.from_codes(Codes.from_matrix(rng.integers(0, 2, (n, bits), dtype=np.uint8)))


@pytest.mark.parametrize("persons", [False, True])
@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize(("bits", "n"), [(16, 300_000), (40, 200_000), (130, 100_000)])
def test_prefixes_and_bits(bits, n, persons, within):
    stored = codes(bits, n)
    rng = np.random.default_rng(0)
    options = {
        "persons": np.unique(rng.integers(0, n, n), return_inverse=True)[1] if persons else None,
        "metadata": group_labels(rng.integers(0, 50, n)) if within else None,
    }
    small = codes(bits, 50)
    ids, labels = np.arange(50) if persons else None, group_labels(np.arange(50) % 2)
    for count in (prefix_counts, contribution):  # compiled before memory is measured
        count(small, persons=ids, metadata=labels if within else None)

    def work():
        prefix_counts(stored, own=() if within else THRESHOLDS, **options)
        contribution(stored, **options)

    most, said = peak(work), prefix_bytes(stored, persons=persons, metadata=within)
    print(f"{bits} bits, {n} codes: {most / 1e6:.0f} MB used, {said / 1e6:.0f} MB estimated")
    assert most <= said
    assert said <= 4 * most + (12 << 20)


@pytest.mark.parametrize("bits", [10, 40, 130])
def test_finding_the_class_of_each_record(bits):
    n = 200_000
    stored, rng = codes(bits, n), np.random.default_rng(0)
    table = pa.table({"camera": rng.integers(0, 9, n), "hour": rng.integers(0, 24, n)})
    beside = Beside(np.arange(n), table)
    arrow = pa.total_allocated_bytes()
    most = peak(lambda: group_records(stored, beside))
    assert pa.total_allocated_bytes() <= arrow + 1000
    said = grouping_bytes(stored, persons=True, columns=2, sensitive=0, beside=table.nbytes)
    assert most <= said


def test_what_does_not_fit_is_refused_with_what_is_needed():
    with pytest.raises(InputError, match="about 3 MB are needed; found: 1 MB; remedy: give --mem"):
        refuse_beyond("this", 2_000_001, 1_000_000, "leave it out")
    refuse_beyond("this", 1_000_000, 1_000_000, "leave it out")
    stored = codes(40, 5_000)
    with pytest.raises(InputError, match="--with and --sensitive"):
        group_records(stored, Beside(None, pa.table({"a": range(5_000)})), memory=1 << 20)


def test_unasked_prefixes_are_left_out_with_a_note():
    stored = codes(40, 5_000)
    classes = group_records(stored, Beside())
    found = analyse(stored, classes, Beside(), thresholds=(2,), memory=1 << 20)
    assert found.prefixes is found.bits is None
    assert "they need about 9 MB of memory, and 1 MB may be used" in found.notes[0]
    with pytest.raises(InputError, match="about 9 MB are needed"):
        analyse(stored, classes, Beside(), thresholds=(2,), memory=1 << 20, prefixes=True)
