"""The paper's Table 3: words whose videos have similar codes.

    python benchmarks/paper/table3.py --task frameqa --out reports/table3

Writes ``result.json``, ``table3.md`` and ``words.csv``.
"""

from __future__ import annotations

import sys

from videoqa_script import arguments, command_line, deliver, source_of

from privkit.cli.console import Output
from privkit.videoqa.findings_words import words_result, write_words
from privkit.videoqa.from_codes import trained_codes
from privkit.videoqa.words import chosen_words, content_words, study_words


def main(given: list[str] | None = None) -> int:
    """Compare words as ``privkit videoqa words`` does, and keep the result."""
    parser = arguments(__doc__)
    parser.add_argument("--task")
    parser.add_argument("--word", action="append", default=[], help="default: the most frequent")
    parser.add_argument("--least", type=int, default=20, help="training videos of a word")
    options = parser.parse_args(given)

    def study():
        source = source_of(options, options.task)
        with Output().progress() as tick:
            task = source.open(tick)
            train = task.questions.split("train")
            shown = chosen_words(content_words(train, options.least), options.word)
            stored = trained_codes(
                task, options.bits, seed=options.seed, device=source.device, tick=tick
            )
            found = study_words(
                train,
                task.questions.split("validation") + task.questions.split("test"),
                stored.videos,
                stored.codes.to_signs(),
                least=options.least,
                seed=options.seed,
                tick=tick,
            )
        result = words_result(
            found,
            task,
            source,
            shown=shown,
            bits=options.bits,
            least=options.least,
            seed=options.seed,
            command=command_line("table3", options),
        )
        return result, lambda folder: write_words(folder / "words.csv", found)

    return deliver("table3", "Words in the codes (the paper's Table 3)", options, study)


if __name__ == "__main__":
    sys.exit(main())
