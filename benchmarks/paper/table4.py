"""The paper's Table 4: tiny data sets, their bytes and what can be learned from them.

    python benchmarks/paper/table4.py --task action --out reports/table4

Writes ``result.json`` and ``table4.md``. The tiny set itself is written and read back in a
temporary folder; ``privkit videoqa tiny`` keeps it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from videoqa_script import arguments, command_line, deliver, source_of

from privkit.cli.console import Output
from privkit.videoqa.findings_tiny import tiny_result
from privkit.videoqa.tiny import study_tiny


def main(given: list[str] | None = None) -> int:
    """Measure as ``privkit videoqa tiny`` does, and keep the result."""
    parser = arguments(__doc__, seeds=3)
    parser.add_argument("--task")
    parser.add_argument("--mpeg4-videos", type=int, default=10**6, help="most videos to encode")
    options = parser.parse_args(given)

    def study():
        source = source_of(options, options.task)
        with tempfile.TemporaryDirectory() as folder, Output().progress() as tick:
            found = study_tiny(
                source,
                Path(folder),
                bits=options.bits,
                seeds=range(options.seed, options.seed + options.seeds),
                mpeg4_videos=options.mpeg4_videos,
                tick=tick,
            )
        result = tiny_result(
            found,
            source,
            mpeg4_videos=options.mpeg4_videos,
            command=command_line("table4", options),
        )
        return result, lambda _folder: None

    return deliver("table4", "Tiny data sets (the paper's Table 4)", options, study)


if __name__ == "__main__":
    sys.exit(main())
