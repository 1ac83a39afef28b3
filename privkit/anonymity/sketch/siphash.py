"""SipHash-2-4 over many messages at once, compiled.

SipHash (Aumasson and Bernstein 2012, "SipHash: a fast short-input PRF") is a keyed pseudo-random
function: without the 128-bit key nobody can tell its outputs from random numbers, choose codes
that fall below a threshold, or make two codes collide. The 128-bit output is the variant of the
authors' reference implementation.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["siphash64", "siphash128"]

Words = NDArray[np.uint64]
State = tuple[np.uint64, np.uint64, np.uint64, np.uint64]

# Every constant is a uint64: numba makes a float of a uint64 and a Python integer.
_INITIAL = np.frombuffer(b"somepseudorandomlygeneratedbytes", dtype=">u8").astype(np.uint64)
_BYTE, _LAST = np.uint64(8), np.uint64(56)
_WIDE, _NARROW, _SECOND = np.uint64(0xEE), np.uint64(0xFF), np.uint64(0xDD)
_S13, _S16, _S17, _S21 = np.uint64(13), np.uint64(16), np.uint64(17), np.uint64(21)
_S32, _S43, _S47, _S48 = np.uint64(32), np.uint64(43), np.uint64(47), np.uint64(48)
_S51 = np.uint64(51)


@njit(cache=True, nogil=True)
def _round(state: State) -> State:
    v0, v1, v2, v3 = state
    v0 += v1
    v1 = ((v1 << _S13) | (v1 >> _S51)) ^ v0
    v0 = (v0 << _S32) | (v0 >> _S32)
    v2 += v3
    v3 = ((v3 << _S16) | (v3 >> _S48)) ^ v2
    v0 += v3
    v3 = ((v3 << _S21) | (v3 >> _S43)) ^ v0
    v2 += v1
    v1 = ((v1 << _S17) | (v1 >> _S47)) ^ v2
    v2 = (v2 << _S32) | (v2 >> _S32)
    return v0, v1, v2, v3


@njit(cache=True, nogil=True)
def _absorb(state: State, word: np.uint64) -> State:
    v0, v1, v2, v3 = _round(_round((state[0], state[1], state[2], state[3] ^ word)))
    return v0 ^ word, v1, v2, v3


@njit(cache=True, nogil=True)
def _start(key: Words, prefix: Words, mark: np.uint64) -> State:
    """Return the state after the prefix, which all messages share."""
    state = (
        key[0] ^ _INITIAL[0],
        key[1] ^ _INITIAL[1] ^ mark,
        key[0] ^ _INITIAL[2],
        key[1] ^ _INITIAL[3],
    )
    for word in prefix:
        state = _absorb(state, word)
    return state


@njit(cache=True, nogil=True)
def _message(
    state: State, data: NDArray[np.uint8], start: int, stop: int, before: np.uint64
) -> State:
    """Absorb ``data[start:stop]`` and the closing word with the length modulo 256."""
    position = start
    while position + 8 <= stop:
        word = np.uint64(0)
        for byte in range(8):
            word |= np.uint64(data[position + byte]) << (_BYTE * np.uint64(byte))
        state = _absorb(state, word)
        position += 8
    word = (before + np.uint64(stop - start)) << _LAST
    for byte in range(stop - position):
        word |= np.uint64(data[position + byte]) << (_BYTE * np.uint64(byte))
    return _absorb(state, word)


@njit(cache=True, nogil=True)
def _finish(state: State) -> State:
    return _round(_round(_round(_round(state))))


@njit(cache=True, nogil=True)
def siphash64(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], key: Words, prefix: Words
) -> Words:
    """Hash messages to 64 bits each.

    Args:
        data: bytes; message ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
        offsets: shape ``(n + 1,)``, ascending.
        key: shape ``(2,)``, the 128-bit key as two little-endian words.
        prefix: shape ``(p,)``, little-endian words that stand before every message.

    Returns:
        shape ``(n,)``.
    """
    n = offsets.size - 1
    out = np.empty(n, dtype=np.uint64)
    first = _start(key, prefix, np.uint64(0))
    before = _BYTE * np.uint64(prefix.size)
    for i in range(n):
        v0, v1, v2, v3 = _message(first, data, offsets[i], offsets[i + 1], before)
        v0, v1, v2, v3 = _finish((v0, v1, v2 ^ _NARROW, v3))
        out[i] = v0 ^ v1 ^ v2 ^ v3
    return out


@njit(cache=True, nogil=True)
def siphash128(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], key: Words, prefix: Words
) -> Words:
    """Hash messages to 128 bits each; arguments as for :func:`siphash64`.

    Returns:
        shape ``(2, n)``, the two halves of the output as little-endian words.
    """
    n = offsets.size - 1
    out = np.empty((2, n), dtype=np.uint64)
    first = _start(key, prefix, _WIDE)
    before = _BYTE * np.uint64(prefix.size)
    for i in range(n):
        v0, v1, v2, v3 = _message(first, data, offsets[i], offsets[i + 1], before)
        v0, v1, v2, v3 = _finish((v0, v1, v2 ^ _WIDE, v3))
        out[0, i] = v0 ^ v1 ^ v2 ^ v3
        v0, v1, v2, v3 = _finish((v0, v1 ^ _SECOND, v2, v3))
        out[1, i] = v0 ^ v1 ^ v2 ^ v3
    return out
