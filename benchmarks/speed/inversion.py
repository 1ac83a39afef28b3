"""Gradient inversion: privkit's descent beside MIFace of adversarial-robustness-toolbox (ART).

All descend ``1 - p(class)`` of one network, in the box [-1, 1], from the same pictures, for the
same number of steps of the same length; they run alternately in one process, so that they share
the machine's good and bad moments. The costs at the end are compared, so that nobody is fast by
doing less. ART is ``pip install 'privkit[bench]'``.

    python benchmarks/speed/inversion.py --targets 40 400 --steps 100 --out reports/speed_inversion

How ART was set so that it takes exactly these steps (read in its source, ``MIFace.infer``): it
continues *while* ``cost <= threshold``, the reverse of Algorithm 1, so a threshold above 1 lets it
run; a window of 1 is the cheapest; it returns the last picture, not the best one. It goes back
through the network once for each class in the batch, so few classes are in its favour: there are
40, however many targets. Its network's weights need no gradient, which is in its favour too.

Two limits are measured in the same rounds. A step has to read and to write every picture at least
once: 2 × pixels × 4 bytes, over the rate of a large copy. And it has to multiply by W once forward
and once back: 2 × 2 × width × pixels operations, over the rate of a large square product.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.descent import descend
from privkit.data.faces import Faces
from privkit.data.generated_faces import generate_faces
from privkit.models.face_net import FEATURES, FaceNet
from privkit.models.train_faces import train_face_net

OURS = "privkit"
WANTED = {40: 30.0, 400: 45.0}  # times as fast as ART's faster setting, by number of targets
WANTED_BYTES = 2.5  # times the time that moving the bytes takes
SAME_COST = 1e-3  # largest difference between final costs, which lie between 0 and 1
NOISE = 0.1  # of the start, so that no two targets of a class take the same way
COPIED = 1 << 26  # floats in the copy that measures bandwidth: 256 MiB
SQUARE = 1024  # side of the product that measures the rate of arithmetic

Pictures = NDArray[np.float32]


def main() -> int:
    """Run the benchmark; exit with 1 where a wanted value is missed, with 2 without ART."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", type=int, nargs="+", default=[40, 400])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--step", type=float, default=1.0, help="length of a step")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    parser.add_argument("--out", type=Path, help="folder for inversion.json and inversion.md")
    options = parser.parse_args()
    try:
        importlib.import_module("art.attacks.inference.model_inversion")
        importlib.import_module("art.estimators.classification")
    except ImportError as error:
        sys.stderr.write(
            "benchmark: error: adversarial-robustness-toolbox, which privkit is compared with, "
            f"cannot be imported ({error}); remedy: pip install 'privkit[bench]'\n"
        )
        return 2
    faces = generate_faces(people=40, photos=3, seed=options.seed)
    torch.set_num_threads(1)  # for the training: small products, the fastest on a busy machine
    network = train_face_net(
        faces.pixels(),
        faces.person,
        people=len(faces.people),
        bits=None,
        seed=options.seed,
        data_sha256=faces.sha256,
        cache=None,
    )[0]
    torch.set_num_threads(options.threads)
    sizes = [compare(network, faces, targets, options) for targets in options.targets]
    report = {
        "command": shlex.join(["python", "benchmarks/speed/inversion.py", *settings(sys.argv[1:])]),
        "steps": options.steps,
        "step": options.step,
        "rounds": options.rounds,
        "seed": options.seed,
        "pixels": network.first.in_features,
        "classes": len(faces.people),
        "machine": machine(),
        "sizes": sizes,
        "passed": all(check["met"] for size in sizes for check in size["checks"]),
    }
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "inversion.json").write_text(
            json.dumps(report, indent=2) + "\n", encoding="utf-8"
        )
        (options.out / "inversion.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def settings(arguments: list[str]) -> list[str]:
    """The arguments without ``--out``, which says nothing about what was measured."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != "--out" and not argument.startswith("--out="):
            kept.append(argument)
        skip = argument == "--out"
    return kept


def compare(
    network: FaceNet, faces: Faces, targets: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Let all contenders invert ``targets`` targets, in turn, and judge what they took."""
    rng = np.random.default_rng([options.seed, targets])
    label = np.arange(targets) % len(faces.people)
    noise = rng.uniform(-NOISE, NOISE, (targets, network.first.in_features))
    start = np.clip(faces.pixels().mean(0) + noise, -1, 1).astype(np.float32)
    contenders = {OURS: ours(network, start, label, options)}
    for batch in dict.fromkeys((1, targets)):
        name = f"ART, batch {batch}"
        contenders[name] = peer(network, start, label, batch, options)
    contenders[OURS]()  # the first call allocates and starts threads
    times: dict[str, list[float]] = {name: [] for name in contenders}
    limits: dict[str, list[float]] = {"bandwidth": [], "arithmetic": []}
    made: dict[str, Pictures] = {}
    for _ in range(options.rounds):
        limits["bandwidth"].append(bandwidth())
        limits["arithmetic"].append(arithmetic())
        for name, run in contenders.items():
            made[name], seconds = timed(run)
            times[name].append(1e3 * seconds / (targets * options.steps))
    origin = float(final_cost(network, start, label).mean())
    return {"start_cost": origin, **summary(network, label, made, times, limits)}


def timed(run: Callable[[], Pictures]) -> tuple[Pictures, float]:
    """What a run returns, and its mean seconds over as many runs as half a second holds."""
    began, runs, pictures = time.perf_counter(), 0, run()
    while (seconds := time.perf_counter() - began) < 0.5:
        pictures, runs = run(), runs + 1
    return pictures, seconds / (runs + 1)


def ours(
    network: FaceNet, start: Pictures, label: NDArray[np.int64], options: argparse.Namespace
) -> Callable[[], Pictures]:
    """Privkit's descent; one evaluation more than steps, for the cost of the last picture."""
    classes = torch.from_numpy(label)

    def cost(activation: Tensor, rows: Tensor) -> Tensor:
        p = network.last(torch.tanh(activation)).softmax(1)
        return 1 - p.gather(1, classes[rows, None])[:, 0]

    def run() -> Pictures:
        descent = descend(
            cost,
            torch.from_numpy(start),
            network.first.weight,
            network.first.bias,
            step=options.step,
            max_iterations=options.steps + 1,
            patience=options.steps + 2,
            threshold=-1.0,
        )
        return np.asarray(descent.best.numpy())

    return run


def peer(
    network: FaceNet,
    start: Pictures,
    label: NDArray[np.int64],
    batch: int,
    options: argparse.Namespace,
) -> Callable[[], Pictures]:
    """ART's MIFace, set so that it takes exactly ``options.steps`` steps."""
    attacks = importlib.import_module("art.attacks.inference.model_inversion")
    estimators = importlib.import_module("art.estimators.classification")
    classifier = estimators.PyTorchClassifier(
        model=nn.Sequential(network, nn.Softmax(1)),
        loss=nn.CrossEntropyLoss(),
        input_shape=(network.first.in_features,),
        nb_classes=network.last.out_features,
        clip_values=(-1.0, 1.0),
        device_type="cpu",
    )
    attack = attacks.MIFace(
        classifier,
        max_iter=options.steps,
        window_length=1,
        threshold=2.0,
        learning_rate=options.step,
        batch_size=batch,
        verbose=False,
    )
    return lambda: np.asarray(attack.infer(start, label))


def bandwidth() -> float:
    """Bytes read and written a second by a large copy with all threads."""
    source = torch.zeros(COPIED)
    target = torch.ones_like(source)
    return 2 * 4 * COPIED / fastest(lambda: target.copy_(source))


def arithmetic() -> float:
    """Floating-point operations a second in a large square product with all threads."""
    left = torch.full((SQUARE, SQUARE), 0.5)
    return 2 * SQUARE**3 / fastest(lambda: left @ left)


def fastest(run: Callable[[], object], repetitions: int = 7) -> float:
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


@torch.no_grad()
def final_cost(network: FaceNet, pictures: Pictures, label: NDArray[np.int64]) -> Tensor:
    """``1 - p(class)`` of each picture."""
    p = network(torch.from_numpy(pictures)).softmax(1)
    return 1 - p[torch.arange(len(label)), torch.from_numpy(label)]


def summary(
    network: FaceNet,
    label: NDArray[np.int64],
    made: dict[str, Pictures],
    times: dict[str, list[float]],
    limits: dict[str, list[float]],
) -> dict[str, Any]:
    """Medians over the rounds, the ratios of the same rounds, and whether they are as wanted.

    Args:
        network: what was inverted.
        label: ``(n,)``, the class of each target.
        made: the final pictures of each contender.
        times: of each contender, milliseconds per image and step of each round.
        limits: bytes and operations a second of each round.
    """
    costs = {name: final_cost(network, pictures, label) for name, pictures in made.items()}
    rows = []
    for name, own in times.items():
        ratios = [theirs / us for theirs, us in zip(own, times[OURS], strict=True)]
        rows.append(
            {
                "contender": name,
                "ms_per_image_and_step": round(statistics.median(own), 5),
                "ms_fastest_round": round(min(own), 5),
                "times_privkit": round(statistics.median(ratios), 1),
                "mean_final_cost": float(costs[name].mean()),
                "max_cost_difference": float((costs[name] - costs[OURS]).abs().max()),
            }
        )
    pixels = network.first.in_features
    moved = [2 * pixels * 4 / rate * 1e3 for rate in limits["bandwidth"]]
    computed = [4 * FEATURES * pixels / rate * 1e3 for rate in limits["arithmetic"]]
    over_bytes = statistics.median(u / m for u, m in zip(times[OURS], moved, strict=True))
    over_arithmetic = statistics.median(u / c for u, c in zip(times[OURS], computed, strict=True))
    ratio = min(row["times_privkit"] for row in rows if row["contender"] != OURS)
    difference = max(row["max_cost_difference"] for row in rows)
    wanted = WANTED.get(len(label), min(WANTED.values()))
    return {
        "targets": len(label),
        "rows": rows,
        "bandwidth_gb_per_s": round(statistics.median(limits["bandwidth"]) / 1e9, 1),
        "arithmetic_gflop_per_s": round(statistics.median(limits["arithmetic"]) / 1e9, 1),
        "bytes_per_image_and_step": 2 * pixels * 4,
        "operations_per_image_and_step": 4 * FEATURES * pixels,
        "bytes_limit_ms": round(statistics.median(moved), 5),
        "arithmetic_limit_ms": round(statistics.median(computed), 5),
        "checks": [
            check("times as fast as ART's faster setting", ratio, wanted, met=ratio >= wanted),
            check(
                "largest difference of final costs",
                difference,
                SAME_COST,
                met=difference <= SAME_COST,
            ),
            check(
                "time over the bytes-moved limit",
                over_bytes,
                WANTED_BYTES,
                met=over_bytes <= WANTED_BYTES,
            ),
        ],
        "time_over_arithmetic_limit": round(over_arithmetic, 2),
    }


def check(name: str, found: float, wanted: float, *, met: bool) -> dict[str, Any]:
    """One wanted value beside what was found."""
    return {"name": name, "found": float(f"{found:.3g}"), "wanted": wanted, "met": met}


def machine() -> dict[str, Any]:
    """The machine in words that are the same for all machines of its kind."""
    cpu = platform.processor() or "unknown"
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        lines = listing.read_text(encoding="utf-8").splitlines()
        cpu = next(
            (li.partition(":")[2].strip() for li in lines if li.startswith("model name")), cpu
        )
    libraries = ("torch", "numpy", "adversarial-robustness-toolbox")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    of = report["machine"]
    lines = [
        f"# Gradient inversion of {report['pixels']:,} pixels, {report['steps']} steps",
        "",
        f"Median of {report['rounds']} alternating rounds in one run: {of['cpu']}, {of['cores']} "
        f"cores, {of['threads']} threads, Python {of['python']}, torch {of['torch']}, numpy "
        f"{of['numpy']}, adversarial-robustness-toolbox (ART) "
        f"{of['adversarial-robustness-toolbox']}; seed {report['seed']}.",
        "",
        f"    {report['command']}",
        "",
        "All descend 1 - p(class) of one network, trained on generated faces, in the box [-1, 1], "
        f"from the same pictures (the mean face with noise of ±{NOISE}), "
        f"{report['steps']} steps of {report['step']:g}. Target number i is of class i modulo "
        f"{report['classes']}. ART's threshold is set above 1, so that its reversed stopping test "
        "never stops, and its window is 1. Its network's weights need no gradient.",
    ]
    for size in report["sizes"]:
        lines += [
            "",
            f"## {size['targets']} targets",
            "",
            "| contender | ms per image and step | fastest round | times privkit | mean final cost "
            "| largest difference to privkit |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {row['contender']} | {row['ms_per_image_and_step']} | {row['ms_fastest_round']} "
            f"| {row['times_privkit']} | {row['mean_final_cost']:.6f} "
            f"| {row['max_cost_difference']:.1e} |"
            for row in size["rows"]
        ]
        lines += [
            "",
            f"The mean cost at the start is {size['start_cost']:.6f}. The difference is the "
            "largest over the targets between the costs of the final pictures.",
            "",
            f"Limits, measured in the same rounds. Bytes: a step reads and writes each picture "
            f"once, 2 × {report['pixels']:,} × 4 = {size['bytes_per_image_and_step']:,} bytes; a "
            f"large copy moves {size['bandwidth_gb_per_s']} GB/s (read and written), so "
            f"{size['bytes_limit_ms']} ms. Arithmetic: one product with W forward and one back, "
            f"{size['operations_per_image_and_step']:,} operations; a large square product makes "
            f"{size['arithmetic_gflop_per_s']} Gflop/s, so {size['arithmetic_limit_ms']} ms, and "
            f"privkit takes {size['time_over_arithmetic_limit']} times that. The arithmetic alone "
            f"takes {size['arithmetic_limit_ms'] / size['bytes_limit_ms']:.1f} times the "
            "bytes-moved limit.",
            "",
            "| wanted | value | found | |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {c['name']} | {'at least' if 'fast' in c['name'] else 'at most'} {c['wanted']:g} "
            f"| {c['found']:g} | {'met' if c['met'] else 'MISSED'} |"
            for c in size["checks"]
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
