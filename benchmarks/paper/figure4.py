"""The paper's Figure 4: which places and frames of a video move the bits of its code.

    python benchmarks/paper/figure4.py --out reports/figure4

Writes ``result.json`` and ``figure4.md``, and for generated videos ``maps.png`` and ``frames.png``.
The pictures show frames: of other videos they are written where ``--pictures FOLDER`` says, a place
that is not published.
"""

from __future__ import annotations

import sys
from pathlib import Path

from videoqa_script import arguments, command_line, deliver, source_of

from privkit.cli.console import Output
from privkit.cli.videoqa.maps import draw
from privkit.videoqa.findings_maps import maps_result
from privkit.videoqa.map_study import map_tasks, study_maps


def main(given: list[str] | None = None) -> int:
    """Map the bits as ``privkit videoqa maps`` does, and keep the result."""
    parser = arguments(__doc__)
    parser.add_argument("--task", action="append", default=[], help="default: all that fit")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures")
    options = parser.parse_args(given)

    def study():
        tasks = map_tasks(options.data, options.task)
        source = source_of(options)
        with Output().progress() as tick:
            found = study_maps(source, tasks, bits=options.bits, seed=options.seed, tick=tick)
        command = command_line("figure4", options)
        result = maps_result(found, source, seed=options.seed, command=command)

        def pictures(folder: Path) -> None:
            place = options.pictures or (None if found.real else folder)
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
                draw(place, found, result.notices)

        return result, pictures

    return deliver("figure4", "Bit activation maps (the paper's Figure 4)", options, study)


if __name__ == "__main__":
    sys.exit(main())
