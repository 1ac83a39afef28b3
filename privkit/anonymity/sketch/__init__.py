"""Approximate counts of streams that are too long to keep: mergeable sketches."""

from privkit.anonymity.sketch.estimates import SketchEstimates, counts_of, estimate
from privkit.anonymity.sketch.file import load_sketch, merge_files, records_of, save_sketch
from privkit.anonymity.sketch.key import Key
from privkit.anonymity.sketch.sketch import Sketch
from privkit.anonymity.sketch.stream import sketch_stored

__all__ = [
    "Key",
    "Sketch",
    "SketchEstimates",
    "counts_of",
    "estimate",
    "load_sketch",
    "merge_files",
    "records_of",
    "save_sketch",
    "sketch_stored",
]
