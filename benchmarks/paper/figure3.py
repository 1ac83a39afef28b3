"""The paper's Figure 3: accuracy against bits, beside every baseline, and what the codes give away.

    python benchmarks/paper/figure3.py --out reports/figure3

Writes ``result.json``, ``figure3.md``, ``accuracy.png`` and, where the set names what no question
asks about, ``usefulness_and_privacy.png``.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from videoqa_script import arguments, command_line, deliver, source_of

from privkit.cli.console import Output
from privkit.report.sweep import draw_accuracy, draw_usefulness_and_privacy
from privkit.videoqa.findings import secret_reads, sweep_result
from privkit.videoqa.sweep import default_variants, run_sweep
from privkit.videoqa.transfer import tasks_for
from privkit.workers import usable_cores


def main(given: list[str] | None = None) -> int:
    """Sweep as ``privkit videoqa sweep`` does, and keep the result."""
    parser = arguments(__doc__, seeds=3, bits=None)
    parser.add_argument("--task", action="append", default=[], help="default: all that fit")
    options = parser.parse_args(given)

    def study():
        source = source_of(options)
        tasks = tasks_for(options.data, options.task, at_least=1)
        with Output().progress() as tick:
            found = run_sweep(
                [replace(source, task=name) for name in tasks],
                default_variants(),
                seeds=range(options.seed, options.seed + options.seeds),
                workers=usable_cores() if source.device == "cpu" else 1,
                tick=tick,
            )
        result = sweep_result(
            found.outcomes,
            found.tasks,
            privacy=secret_reads(found.outcomes),
            command=command_line("figure3", options),
        )

        def draw(folder):
            draw_accuracy(folder, result)
            draw_usefulness_and_privacy(folder, result)

        return result, draw

    return deliver("figure3", "Accuracy against bits (the paper's Figure 3)", options, study)


if __name__ == "__main__":
    sys.exit(main())
