"""``Key``: the secret under which codes and people are hashed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["Key"]

SHORTEST = 16
"""Bytes of the shortest text that is taken as a key: a word from a dictionary is no secret."""
LONGEST = 1 << 16


@dataclass(frozen=True)
class Key:
    """The secret under which a sketch hashes, or a public stand-in for one.

    Args:
        secret: 32 bytes, derived; never stored and never printed.
        public: whether it comes from a seed, so that anybody can compute the hashes.
    """

    secret: bytes = field(repr=False)
    public: bool = False

    @classmethod
    def from_text(cls, text: str | bytes, *, where: str = "--key") -> Key:
        """Derive a key from a text by BLAKE2b; the end of line of a file does not count.

        The derivation is quick, so the text itself has to be hard to guess: 32 random hex digits,
        not a password.

        Raises:
            InputError: if the text is shorter than 16 or longer than 65,536 bytes.
        """
        raw = (text.encode() if isinstance(text, str) else text).rstrip(b"\r\n")
        if not SHORTEST <= len(raw) <= LONGEST:
            raise InputError(
                "this is not a usable key",
                where=where,
                rule=f"a random text of {SHORTEST} to {LONGEST} bytes",
                found=f"{len(raw)} bytes",
                remedy="make one with: python -c 'import secrets; print(secrets.token_hex(32))'",
            )
        return cls(_derive(b"secret", raw))

    @classmethod
    def from_file(cls, path: Path) -> Key:
        """Derive a key from the text in a file.

        Raises:
            InputError: if the file cannot be read, or its text is no usable key.
        """
        try:
            with Path(path).open("rb") as file:
                return cls.from_text(file.read(LONGEST + 2), where=str(path))
        except OSError as error:
            raise InputError(
                "the key cannot be read",
                where=path,
                rule="--key names a file that holds the text of the key",
                found=error.strerror,
            ) from error

    @classmethod
    def from_seed(cls, seed: int) -> Key:
        """Derive a public key from a seed, for results that anybody can repeat.

        Whoever has the sketch can then test for every code they can think of.
        """
        return cls(_derive(b"seed", str(int(seed)).encode()), public=True)

    @property
    def fingerprint(self) -> str:
        """What is stored in place of the key: 32 hex digits that name it."""
        return hashlib.blake2b(self.secret, digest_size=16, person=b"privkit-name").hexdigest()

    def words(self, use: bytes) -> NDArray[np.uint64]:
        """The 128-bit SipHash key of one use (codes, people), shape ``(2,)``."""
        raw = hashlib.blake2b(use, digest_size=16, key=self.secret, person=b"privkit-use")
        return np.frombuffer(raw.digest(), dtype="<u8").astype(np.uint64)


def _derive(origin: bytes, raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=32, person=b"privkit-" + origin).digest()
