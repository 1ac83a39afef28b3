"""privkit finds out whether stored features of people are de-identified.

Importing this package is cheap on purpose: torch, scikit-learn and matplotlib are imported by
the modules that need them, so that ``privkit --help`` answers at once.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("privkit")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
