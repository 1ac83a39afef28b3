"""Words to tokens: vocabularies that are trained, saved, loaded and refused."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privkit.errors import InputError
from privkit.models.clipbert.words import Tokenizer, train_words

TEXTS = ["What does the man do 3 times?", "what color is the ball ?", "Jump over the café's box"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def vocabulary(folder, tokens, name="vocab.txt", newline="\n"):
    path = folder / name
    path.write_bytes("".join(t + newline for t in tokens).encode())
    return path


def test_the_longest_piece_comes_first_and_case_and_accents_go(tmp_path):
    path = vocabulary(tmp_path, [*SPECIAL, "jump", "##ing", "##in", "##g", "cafe", "?", "j"])
    tokenizer = Tokenizer.load(path)
    assert tokenizer.vocabulary_size == 12
    batch = tokenizer.batch([["Jumping CAFÉ?", "zebra"]], 10)
    assert batch.ids.tolist() == [[[2, 5, 6, 9, 10, 3], [2, 1, 3, 0, 0, 0]]]
    assert batch.mask.tolist() == [[[True] * 6, [True] * 3 + [False] * 3]]
    assert (batch.ids.dtype, batch.mask.dtype, batch.cut) == (torch.int64, torch.bool, 0)


def test_special_tokens_in_a_text_are_characters():
    tokenizer = train_words(["a [SEP] [CLS] [PAD] b"], 100)
    ids = tokenizer.batch([["a [SEP] b [PAD]"]], 20).ids[0, 0].tolist()
    assert ids.count(3) == 1
    assert ids[-1] == 3
    assert 0 not in ids


def test_a_text_that_is_too_long_loses_its_end_and_is_counted():
    tokenizer = train_words(TEXTS, 200)
    full = tokenizer.batch([["the ball is the box"]], 7)
    assert (full.ids.shape, full.cut) == ((1, 1, 7), 0)
    cut = tokenizer.batch([["the ball is the box"], ["the"]], 5)
    assert (cut.ids.shape, cut.cut) == ((2, 1, 5), 1)
    assert cut.ids[0, 0, :4].tolist() == full.ids[0, 0, :4].tolist()
    assert cut.ids[0, 0, 4] == full.ids[0, 0, 6]  # [SEP]
    assert cut.to("meta").ids.device.type == cut.to("meta").mask.device.type == "meta"
    assert cut.to("meta").cut == 1


@settings(deadline=None, max_examples=60)
@given(
    words=st.lists(st.text("abcdexyz019", min_size=1, max_size=8), min_size=1, max_size=12),
    other=st.text("abcdexyz019", min_size=1, max_size=8),
    size=st.integers(30, 60),
    seed=st.integers(0, 99),
)
def test_training_ignores_the_order_and_spells_what_it_knows(words, other, size, seed):
    shuffled = words.copy()
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - no secret
    first, second = train_words(words, size), train_words([" ".join(shuffled)], size)
    pair = [[" ".join(words)], [other]]
    assert torch.equal(first.batch(pair, 200).ids, second.batch(pair, 200).ids)
    ids = first.batch([[" ".join(words)]], 200).ids
    assert 1 not in ids  # [UNK]
    assert first.vocabulary_size <= size


def test_frequent_words_are_kept_whole():
    texts = ["jump", "jump", "kick", "kick", "kick", "bow"]
    characters = len(set("jumpkickbow")) + len(set("umpickow"))
    tokenizer = train_words(texts, 5 + characters + 2)
    lengths = tokenizer.batch([["kick"], ["jump"], ["bow"]], 20).mask.sum(-1).flatten() - 2
    assert lengths.tolist() == [1, 1, 3]
    with pytest.raises(InputError, match=f"at least {5 + characters}.*found: 10"):
        train_words(texts, 10)
    with pytest.raises(InputError, match="no words"):
        train_words(["  ", ""], 100)


def test_training_is_the_same_in_another_process(tmp_path):
    code = (
        "import sys; from pathlib import Path; from privkit.models.clipbert.words import *; "
        f"train_words({TEXTS!r}, 60).save(Path(sys.argv[1]))"
    )
    there, here = tmp_path / "there.txt", tmp_path / "here.txt"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(there)], check=True, env=environment)
    train_words(TEXTS, 60).save(here)
    assert there.read_bytes() == here.read_bytes()


def test_what_is_saved_is_loaded(tmp_path):
    tokenizer = train_words(TEXTS, 70)
    tokenizer.save(tmp_path / "a" / "vocab.txt")
    (tmp_path / "a" / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    for place in (tmp_path / "a" / "vocab.txt", tmp_path / "a"):
        loaded = Tokenizer.load(place)
        assert loaded.vocabulary_size == tokenizer.vocabulary_size
        assert torch.equal(loaded.batch([TEXTS], 30).ids, tokenizer.batch([TEXTS], 30).ids)


def test_windows_line_ends_and_exotic_separators(tmp_path):
    tokens = [*SPECIAL, "\u2028", "\u0085", "ball"]
    ids = Tokenizer.load(vocabulary(tmp_path, tokens, newline="\r\n")).batch([["ball"]], 5).ids
    assert ids.tolist() == [[[2, 7, 3]]]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"[PAD]\n[UNK]\n[CLS]\nball\n", r"without \[SEP\]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nball\nball\n", "twice.*'ball'"),
        (b"[PAD]\n[UNK]\n\n[CLS]\n[SEP]\n", "line 3 is empty"),
        (b"\xff\xfe[PAD]\n", "not a text file"),
    ],
)
def test_broken_vocabularies_are_refused(tmp_path, content, named):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=named) as caught:
        Tokenizer.load(path)
    assert "vocab.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings_file", "named"),
    [(json.dumps({"do_lower_case": False}), "upper from lower"), ("{", "not JSON")],
)
def test_a_cased_folder_is_refused(tmp_path, settings_file, named):
    vocabulary(tmp_path, SPECIAL)
    (tmp_path / "tokenizer_config.json").write_text(settings_file)
    with pytest.raises(InputError, match=named):
        Tokenizer.load(tmp_path)


def test_a_missing_vocabulary_is_refused(tmp_path):
    with pytest.raises(InputError, match="no vocabulary"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("texts", [[], [[]], [["a"], ["a", "b"]]])
def test_uneven_batches_are_refused(texts):
    with pytest.raises(InputError, match="number of texts"):
        train_words(["a b"], 20).batch(texts, 5)


def test_no_room_for_words_is_refused():
    with pytest.raises(InputError, match="at least 3"):
        train_words(["a b"], 20).batch([["a"]], 2)


@pytest.mark.skipif("PRIVKIT_DATA" not in os.environ, reason="needs tgif_qa below PRIVKIT_DATA")
def test_real_questions():
    found = sorted(Path(os.environ["PRIVKIT_DATA"]).glob("tgif_qa/**/Test_action_question.csv"))
    if not found:
        pytest.skip("no tgif_qa below PRIVKIT_DATA")
    lines = found[0].read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    texts = [[f"{row[1]} {option}" for option in row[2:7]] for row in rows]
    tokenizer = train_words((t for row in texts for t in row), 3000)
    batch = tokenizer.batch(texts, 25)
    assert batch.ids.shape[:2] == (len(rows), 5)
    assert not (batch.ids == 1).any()
    assert batch.cut < len(rows) * 5 / 20
