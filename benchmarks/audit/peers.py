"""privkit's strongest attack beside peers on the same data: is it ever weaker?

    python benchmarks/audit/peers.py --faces att --seeds 3 --out reports/audit_peers

Three comparisons, at the levels of the paper's Figure 5, each on the same targets with the same
score, time side by side in one run:

- **inversion**: pictures from stored features, judged by an evaluator that shares nothing with the
  network; the peer is MIFace of adversarial-robustness-toolbox (ART);
- **linkage**: naming the people of new photos from known ones; the peers are scikit-learn's
  estimators with their default settings;
- **inference**: attributes of people who were not learned from, on generated faces, which have
  attributes; the peers are scikit-learn's estimators and ART's attribute inference.

On each setting the strongest attack of either side is compared: the difference of their rates, with
an interval over people. Both sides choose their strongest on these very targets, so both are shown
a little better than they are; the side with more attacks a little more. ART is
``pip install 'privkit[bench]'``.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from peers_report import Key, compared, tabulated, times_table
from peers_side import Side
from threadpoolctl import threadpool_limits

from attacks.split import Split, split_faces
from privkit.data.faces import Faces, open_faces
from privkit.data.generated_faces import generate_faces
from privkit.data.locations import cache_folder
from privkit.errors import PrivkitError
from privkit.models.defenses import Defense, defenses_for
from privkit.models.face_net import FaceNet
from privkit.models.train_faces import train_face_net
from privkit.report.markdown import keep_result, result_markdown
from privkit.runs import write_times

PARTS = ("inversion", "linkage", "inference")
#: Levels at which attributes are inferred: trees on 1,024 columns take hours and tell no more.
INFERRED = ("1280 bits (40 floats)", "128 bits", "16 bits")
ATTRIBUTES = ("glasses", "hair", "expression")
#: Of each generated person: more people tell more than more photos.
PHOTOS = 5


def main(arguments: list[str] | None = None) -> int:
    """Run every side, compare, write; exit with 1 where privkit is weaker, with 2 without ART."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faces", default="att", help="as for privkit invert")
    parser.add_argument("--people", type=int, default=100, help="generated, for inference")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500, help="of ART's MIFace")
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--level", action="append", help="by name; default: all")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        importlib.import_module("art.attacks.inference")
    except ImportError as error:
        sys.stderr.write(
            "benchmark: error: adversarial-robustness-toolbox, which privkit is compared with, "
            f"cannot be imported ({error}); remedy: pip install 'privkit[bench]'\n"
        )
        return 2
    try:
        found, used = every_setting(options)
    except PrivkitError as error:
        sys.stderr.write(f"peers: error: {error}\n")
        return 2
    every = {key: compared(sides) for key, sides in found.items()}
    result, times = tabulated(every, used, options), times_table(every)
    options.out.mkdir(parents=True, exist_ok=True)
    seconds = {f"{', '.join(key)}: {name}": s for key, c in every.items()
               for name, s in c.seconds.items()}  # fmt: skip
    write_times(options.out, seconds)
    title = "privkit's strongest attack beside peers"
    text = result_markdown(title, result, more=[times])
    keep_result(options.out, "audit_peers", result, text)
    sys.stdout.write(text)
    return result.exit_code


def every_setting(
    options: argparse.Namespace,
) -> tuple[dict[Key, list[Side]], dict[str, Faces]]:
    """Run every attack; what each did by setting, and the data."""
    used: dict[str, Faces] = {}
    found: dict[Key, list[Side]] = {}
    torch.set_num_threads(1)  # for both sides: of small matrices, threads only wait for each other
    with threadpool_limits(1):
        for key, side in every_side(options, used):
            found.setdefault(key, []).append(side)
            sys.stderr.write(
                f"{', '.join(key)}: {side.trials.attack} {side.trials.mean():.1%}, "
                f"{side.seconds:.1f} s\n"
            )
    return found, used


def every_side(options: argparse.Namespace, used: dict[str, Faces]) -> Iterator[tuple[Key, Side]]:
    """Each attack of either side, setting by setting; both sides of a setting in a row."""
    runs: dict[str, Callable[[Faces, Defense, int], Iterator[Side]]] = {
        "inversion": partial(inversion, options.steps),
        "linkage": linkage,
        "inference": inference,
    }
    chosen = options.part or PARTS
    if {"inversion", "linkage"} & set(chosen):
        used["faces"] = open_faces(options.faces)
    if "inference" in chosen:
        used["generated faces"] = generate_faces(people=options.people, photos=PHOTOS)
    for part in chosen:
        faces = used["generated faces" if part == "inference" else "faces"]
        for defense in defenses_for((), ()):
            name = defense.name
            if (options.level and name not in options.level) or (
                part == "inference" and name not in INFERRED
            ):
                continue
            for seed in range(options.seeds):
                for side in runs[part](faces, defense, seed):
                    yield (part, name, side.trials.measure), side


def trained(faces: Faces, defense: Defense, seed: int) -> tuple[Split, FaceNet]:
    """The photos apart, and a network trained on those for training."""
    split = split_faces(faces, seed)
    network, _ = train_face_net(
        split.train.pixels,
        split.train.person,
        people=len(faces.people),
        bits=defense.bottleneck_bits,
        seed=seed,
        data_sha256=faces.sha256,
        cache=cache_folder() / "networks",
    )
    return split, network


def inversion(steps: int, faces: Faces, defense: Defense, seed: int) -> Iterator[Side]:
    """Pictures from what is stored of new photos."""
    from peers_pictures import picture_sides

    split, network = trained(faces, defense, seed)
    yield from picture_sides(faces, split, network, defense, seed, steps)


def linkage(faces: Faces, defense: Defense, seed: int) -> Iterator[Side]:
    """Names of new photos from known ones."""
    from peers_records import linkage_sides

    split, network = trained(faces, defense, seed)
    yield from linkage_sides(split, network, defense, seed)


def inference(faces: Faces, defense: Defense, seed: int) -> Iterator[Side]:
    """Attributes from what is stored of all photos."""
    from peers_records import attribute_sides

    _, network = trained(faces, defense, seed)
    stored = defense.apply(network.store(faces.pixels()))
    for name in ATTRIBUTES:
        values = faces.attributes[name]
        yield from attribute_sides(stored, faces.person, values, network, name, seed)


if __name__ == "__main__":
    sys.exit(main())
