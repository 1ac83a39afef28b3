"""Words to tokens: BERT's WordPiece in lower case, with a vocabulary that is loaded or trained."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from torch import Tensor

from privkit.errors import InputError
from privkit.runs import write_atomically

__all__ = ["TextBatch", "Tokenizer", "train_words"]

#: BERT's, in the order in which a trained vocabulary begins.
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

#: Bytes; the largest published BERT vocabularies take 5 MB.
_LARGEST = 50_000_000


@dataclass(frozen=True, eq=False)
class TextBatch:
    """Texts as tokens, padded to the longest.

    Attributes:
        ids: ``(B, O, L)`` int64, O texts a question.
        mask: ``(B, O, L)`` bool, false at the padding.
        cut: number of texts that were longer than allowed and lost their end.
    """

    ids: Tensor
    mask: Tensor
    cut: int = 0

    def to(self, device: torch.device | str) -> TextBatch:
        """The same on another device."""
        return TextBatch(
            self.ids.to(device, non_blocking=True),
            self.mask.to(device, non_blocking=True),
            self.cut,
        )


class Tokenizer:
    """BERT's uncased WordPiece: the longest piece of the vocabulary first (Devlin et al. 2019).

    ``[SEP]`` and its like in a text are ordinary characters.

    Args:
        vocabulary: the tokens; the place of each is its id.
        where: the file that they come from, for errors.

    Raises:
        InputError: a token is there twice, or is empty, or a special token is missing.
    """

    def __init__(self, vocabulary: Sequence[str], *, where: object = "vocabulary") -> None:
        ids = {token: n for n, token in enumerate(vocabulary)}
        rule = "each token on a line of its own, once"
        if len(ids) != len(vocabulary):
            twice = next(t for t, n in Counter(vocabulary).items() if n > 1)
            raise InputError("a token is there twice", where=where, rule=rule, found=repr(twice))
        if "" in ids:
            raise InputError(
                f"line {ids[''] + 1} is empty", where=where, rule=rule, found="an empty token"
            )
        absent = [token for token in _SPECIAL[:4] if token not in ids]
        if absent:
            raise InputError(
                "this is no BERT vocabulary",
                where=where,
                rule=f"it holds {', '.join(_SPECIAL[:4])}",
                found=f"{len(ids)} tokens without {', '.join(absent)}",
            )
        self._vocabulary = tuple(vocabulary)
        self._pad, self._cls, self._sep = (ids[t] for t in ("[PAD]", "[CLS]", "[SEP]"))
        self._pieces = _splitter(WordPiece(ids, unk_token="[UNK]"))  # noqa: S106 - a token of text

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The tokens in the order of their ids."""
        return self._vocabulary

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, the special ones included."""
        return len(self._vocabulary)

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Load a ``vocab.txt``, or the one in a local Hugging Face folder.

        Raises:
            InputError: there is none, it is broken, or it tells upper from lower case.
        """
        path = Path(path)
        if path.is_dir():
            _refuse_cased(path / "tokenizer_config.json")
            path /= "vocab.txt"
        if not path.is_file():
            raise InputError(
                "there is no vocabulary",
                where=path,
                rule="a vocab.txt of BERT, or a folder that holds one",
            )
        if path.stat().st_size > _LARGEST:
            raise InputError(
                "this is no vocabulary",
                where=path,
                rule=f"at most {_LARGEST:,} bytes",
                found=f"{path.stat().st_size:,} bytes",
            )
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                "this is not a text file", where=path, rule="UTF-8", found=error
            ) from error
        # Not splitlines(): BERT's vocabularies hold exotic line separators as tokens.
        return cls(text.removesuffix("\n").split("\n"), where=path)

    def save(self, path: Path) -> None:
        """Write the vocabulary as BERT's ``vocab.txt``; atomic."""
        text = "".join(f"{token}\n" for token in self._vocabulary)
        write_atomically(path, lambda temporary: _write(temporary, text))

    def batch(
        self,
        texts: Sequence[Sequence[str]],
        max_tokens: int,
        *,
        before: Sequence[str] | None = None,
    ) -> TextBatch:
        """Tokenise a batch, each text as ``[CLS] … [SEP]``.

        Args:
            texts: B questions of O texts each: the question alone, or each option.
            max_tokens: longest text in tokens, the two special ones included; what is longer
                loses its end and is counted.
            before: B texts, e.g. questions, that stand before each of their O options. They lose
                their end first: options without their end can become the same.

        Raises:
            InputError: no texts, different numbers of them, or ``max_tokens`` below 3.
        """
        options = {len(row) for row in texts}
        if len(options) != 1 or options == {0}:
            raise InputError(
                "the questions of a batch have no common number of texts",
                rule="at least one question, each with as many options as the others",
                found=f"{len(texts)} questions with {sorted(options)} texts",
            )
        if max_tokens < 3:
            raise InputError(
                "there is no room for words",
                where="max_tokens",
                rule="at least 3: [CLS], a word, [SEP]",
                found=max_tokens,
            )
        a_row, room = options.pop(), max_tokens - 2
        pieces = self._ids(list(itertools.chain.from_iterable(texts)))
        heads = self._ids(before if before is not None else [""] * len(texts))
        cut, rows = 0, []
        for n, ids in enumerate(pieces):
            head = heads[n // a_row]
            cut += len(head) + len(ids) > room
            kept = [*head[: max(0, room - len(ids))], *ids[:room]]
            rows.append([self._cls, *kept, self._sep])
        longest = max(map(len, rows))
        padded = [row + [self._pad] * (longest - len(row)) for row in rows]
        lengths = torch.tensor([len(row) for row in rows])
        shape = (len(texts), a_row, longest)
        mask = torch.arange(longest) < lengths[:, None]
        return TextBatch(torch.tensor(padded).reshape(shape), mask.reshape(shape), cut)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in self._pieces.encode_batch(list(texts), add_special_tokens=False)]


def train_words(texts: Iterable[str], size: int) -> Tokenizer:
    """Make a vocabulary of whole words, with characters to spell the others.

    It holds BERT's special tokens, every character that occurs, also as the continuation of a word
    where it occurs inside one, and as many of the most frequent words as fit; ties are in
    alphabetical order. The order of the texts does not matter. (The trainer of
    ``tokenizers`` is not used: its result differs from run to run.)

    Args:
        texts: what is to be read, e.g. the questions and options of the training split.
        size: most tokens.

    Raises:
        InputError: no words, or a size that does not hold the characters.
    """
    splitter = _splitter(WordPiece({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - a token of text
    counts: Counter[str] = Counter()
    for text in texts:
        normal = splitter.normalizer.normalize_str(text)
        counts.update(word for word, _ in splitter.pre_tokenizer.pre_tokenize_str(normal))
    if not counts:
        raise InputError("there are no words", rule="at least one text with a word", found="none")
    characters = sorted(set().union(*counts))
    inner = sorted(set().union(*(word[1:] for word in counts)))
    spelling = [*_SPECIAL, *characters, *(f"##{c}" for c in inner)]
    if size < len(spelling):
        raise InputError(
            "the vocabulary is too small",
            where="vocabulary",
            rule=f"at least {len(spelling)}: the special tokens and {len(characters)} characters",
            found=size,
        )
    known = set(spelling)
    words = sorted((w for w in counts if w not in known), key=lambda w: (-counts[w], w))
    return Tokenizer([*spelling, *words[: size - len(spelling)]])


def _splitter(model: WordPiece) -> Any:
    """BERT's uncased way from a text to words, and the given one from words to pieces."""
    splitter = tokenizers.Tokenizer(model)
    splitter.normalizer = BertNormalizer(lowercase=True)
    splitter.pre_tokenizer = BertPreTokenizer()
    return splitter


def _refuse_cased(path: Path) -> None:
    """Refuse a vocabulary that tells upper from lower case; without the file it is taken as is."""
    if not path.is_file():
        return
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError("this is not JSON", where=path, found=error) from error
    if isinstance(settings, dict) and settings.get("do_lower_case") is False:
        raise InputError(
            "this vocabulary tells upper from lower case",
            where=path,
            rule="an uncased BERT",
            found="do_lower_case = false",
        )


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
