"""Words from outside made fit to be shown: what cannot be seen, or moves its neighbours, is spelt.

Names of people, columns and files are chosen by others. A control character has no picture, XML
forbids most of them, and a right-to-left override makes the words around it read backwards
(Boucher and Anderson, "Trojan Source", USENIX Security 2023).
"""

from __future__ import annotations

import re

__all__ = ["shortened", "visible"]

#: Control characters, line separators, surrogates, non-characters, and what overrides or embeds the
#: direction of writing. Joiners and direction marks stay: names in many scripts need them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def visible(text: str) -> str:
    r"""The text with what cannot be seen as an escape, e.g. ``\x1b`` or ``\u202e``.

    Tabs and line ends become spaces, for names stand on one line.
    """
    return _UNSEEN.sub(_spelt, text)


def shortened(text: str, most: int = 80) -> str:
    """The text, or its beginning and an ellipsis where it is longer than ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _spelt(found: re.Match[str]) -> str:
    character = found[0]
    if character in "\t\n\r\u2028\u2029":
        return " "
    return (
        character.encode("ascii", "backslashreplace").decode("ascii")
        if ord(character) > 0x7F
        else f"\\x{ord(character):02x}"
    )
