"""ClipBERT's reader: scores the answers to a question from the text and a grid of features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from privkit.errors import InputError
from privkit.models.clipbert.configuration import ClipBertConfig
from privkit.models.clipbert.words import TextBatch

__all__ = ["POOLING", "QuestionAnswerer", "pool_clips"]

#: How the scores ``(B, T, A)`` of T clips become ``(B, A)`` (ClipBERT, section 3.2).
POOLING: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "mean": lambda logits: logits.mean(dim=1),
        "logsumexp": lambda logits: torch.logsumexp(logits, dim=1),
    }
)


def pool_clips(logits: Tensor, how: str) -> Tensor:
    """Pool the scores of a video's clips.

    Args:
        logits: ``(B, T, A)``.
        how: a key of :data:`POOLING`.

    Returns:
        ``(B, A)``.

    Raises:
        InputError: no such pooling.
    """
    if how not in POOLING:
        raise InputError(
            "no such pooling of clips",
            where="pooling",
            rule=f"one of {', '.join(POOLING)}",
            found=how,
        )
    return POOLING[how](logits)


class _VisualEmbeddings(nn.Module):
    """Where a grid's cell lies, and that it is no word; the names are those of ClipBERT's weights.

    Args:
        config: width, number of rows and columns, dropout.
    """

    def __init__(self, config: ClipBertConfig) -> None:
        super().__init__()
        self.row_position_embeddings = nn.Embedding(config.grid_positions, config.hidden)
        self.col_position_embeddings = nn.Embedding(config.grid_positions, config.hidden)
        self.token_type_embeddings = nn.Embedding(1, config.hidden)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, grid: Tensor) -> Tensor:
        """Grids ``(n, h, w, D)`` to visual tokens ``(n, h * w, D)``."""
        rows = self.row_position_embeddings.weight[: grid.shape[1], None]
        columns = self.col_position_embeddings.weight[None, : grid.shape[2]]
        placed = grid + rows + columns + self.token_type_embeddings.weight[0]
        tokens: Tensor = self.dropout(self.LayerNorm(placed))
        return tokens.flatten(1, 2)


class QuestionAnswerer(nn.Module):
    """BERT over the text and the cells of a clip's grid, and a head that scores answers.

    ::

        text (B,O,L) ─► word, position, type embeddings ─┐ [CLS] … [SEP] (padding)
                                                         ├─► BERT ─► [CLS] ─► pooler ─► MLP
        x (B,T,h,w,D) ─► row, column, type embeddings ───┘ h * w cells         D ─► 2D ─► 1 or A

    Every clip is scored by itself. A multiple-choice question is O texts, question and option,
    each of which gets one score; an open-ended one is a single text that scores all answers of the
    vocabulary. Where texts and clips meet, each is embedded once: its embeddings' dropout is shared
    by the options, or clips, that it meets.

    The weights are drawn from torch's global generator.

    Args:
        config: widths and depths.
        answers: size of the answer vocabulary; ``None`` for multiple choice.

    Raises:
        InputError: ``answers`` is below 1.
    """

    def __init__(self, config: ClipBertConfig, answers: int | None) -> None:
        super().__init__()
        if answers is not None and answers < 1:
            raise InputError("there are no answers", where="answers", rule="above 0", found=answers)
        self.config, self.answers = config, answers
        self.bert: Any = BertModel(_bert_config(config))
        self.visual_embeddings = _VisualEmbeddings(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Sequential(
            nn.Linear(config.hidden, 2 * config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(2 * config.hidden, answers or 1),
        )
        std = self.bert.config.initializer_range
        for part in (self.visual_embeddings, self.classifier):
            part.apply(lambda module: _draw(module, std))

    def forward(self, x: Tensor, text: TextBatch) -> Tensor:
        """Score every clip.

        Args:
            x: ``(B, T, h, w, D)``, the clips' features, as extracted or decoded.
            text: ``(B, O, L)``; O options, 1 for open-ended questions.

        Returns:
            Logits ``(B, T, O)`` for multiple choice, ``(B, T, answers)`` for open-ended questions.

        Raises:
            InputError: the shapes do not fit each other or the configuration.
        """
        self._check(x, text)
        batch, clips = x.shape[:2]
        options = text.ids.shape[1]
        together = (batch, clips, options)
        words = self.bert.embeddings(input_ids=text.ids.flatten(0, 1))
        words = words.unflatten(0, (batch, 1, options)).expand(*together, -1, -1)
        cells = self.visual_embeddings(x.flatten(0, 1))
        cells = cells.unflatten(0, (batch, clips, 1)).expand(*together, -1, -1)
        tokens = torch.cat([words, cells], dim=3).flatten(0, 2)
        seen = text.mask.unsqueeze(1).expand(*together, -1)
        seen = torch.cat([seen, seen.new_ones(*together, cells.shape[3])], dim=3).flatten(0, 2)
        # A mask of booleans: its type does not depend on autocast.
        hidden = self.bert.encoder(tokens, attention_mask=seen[:, None, None]).last_hidden_state
        logits: Tensor = self.classifier(self.dropout(self.bert.pooler(hidden)))
        return logits.reshape(batch, clips, self.answers or options)

    def _check(self, x: Tensor, text: TextBatch) -> None:
        config = self.config
        found = f"x {tuple(x.shape)}, text {tuple(text.ids.shape)}"
        fits = x.dim() == 5 and x.shape[4] == config.hidden and len(x) == len(text.ids)
        if not fits or max(x.shape[2:4]) > config.grid_positions:
            raise InputError(
                "the clips do not fit",
                rule=f"x (B, T, h, w, {config.hidden}), h and w at most {config.grid_positions}, "
                "and text (B, O, L) of the same B",
                found=found,
            )
        if text.ids.shape[2] > config.positions:
            raise InputError(
                "the text is too long",
                rule=f"at most {config.positions} tokens",
                found=found,
                remedy="cut the text: lower the most tokens of a batch",
            )
        if self.answers is not None and text.ids.shape[1] != 1:
            raise InputError(
                "an open-ended question has no options", rule="text (B, 1, L)", found=found
            )


def _bert_config(config: ClipBertConfig) -> BertConfig:
    settings: dict[str, Any] = {
        "vocab_size": config.vocabulary,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.positions,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.dropout,
        # BERT's 0.02 at its width of 768; a narrow network needs larger weights to start learning.
        "initializer_range": 0.02 * math.sqrt(768 / config.hidden),
        "attn_implementation": "sdpa",
    }
    return BertConfig(**settings)


def _draw(module: nn.Module, std: float) -> None:
    """BERT's initial weights: normal, no bias."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=std)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
