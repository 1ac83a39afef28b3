"""The paper's Table 2: how task-specific the codes are.

    python benchmarks/paper/table2.py --out reports/table2

Writes ``result.json``, ``table2.md`` and ``transfer.png``.
"""

from __future__ import annotations

import sys

from videoqa_script import arguments, command_line, deliver, source_of

from privkit.cli.console import Output
from privkit.report.transfer import draw_transfer
from privkit.videoqa.findings_bits import transfer_result
from privkit.videoqa.transfer import run_transfer, tasks_for


def main(given: list[str] | None = None) -> int:
    """Cross the tasks as ``privkit videoqa transfer`` does, and keep the result."""
    parser = arguments(__doc__, seeds=3)
    parser.add_argument("--task", action="append", default=[], help="default: all that fit")
    options = parser.parse_args(given)

    def study():
        tasks = tasks_for(options.data, options.task)
        source = source_of(options)
        seeds = range(options.seed, options.seed + options.seeds)
        with Output().progress() as tick:
            found = run_transfer(source, tasks, bits=options.bits, seeds=seeds, tick=tick)
        result = transfer_result(found, source, command=command_line("table2", options))
        return result, lambda folder: draw_transfer(folder, result, tasks, options.bits)

    return deliver("table2", "Task-specificity (the paper's Table 2)", options, study)


if __name__ == "__main__":
    sys.exit(main())
