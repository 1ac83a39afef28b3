"""How long ``privkit audit`` takes with all its defaults, and how much memory.

    python benchmarks/speed/audit.py --out reports/speed_audit

Two stores, each audited by the command as a user would, with an empty cache:

- **faces**: 400 generated faces of 40 people, 40 floats a face, with people, pictures and the
  encoder as a TorchScript file, which gives a gradient: every attack but those on codes;
- **codes**: a million codes of 128 bits, packed, of 100,000 people, and an attribute. A person's
  codes are copies of one in which each bit is flipped with probability 0.15; the attribute is one
  of that code's bits.

Memory is RssAnon at its peak, of the command and of what it starts. An audit that leaves an attack
out for want of time has not done the work: that counts as missed too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from peak_memory import watched
from pyarrow import csv

BITS = 128
FLIPPED = 0.15
RECORDS = 10  # of each person
MB = 10**6

#: Seconds, and bytes if there is a limit.
LIMITS: dict[str, tuple[float, int | None]] = {"faces": (600, None), "codes": (300, 4 * 10**9)}

#: The options of ``privkit audit`` for the store in a folder.
Options = list[str]


def main(arguments: list[str] | None = None) -> int:
    """Run; exit with 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", action="append", choices=list(LIMITS), help="default: both")
    parser.add_argument("--faces", type=int, default=400)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for audit.json and audit.md")
    options = parser.parse_args(arguments)
    makers: dict[str, Callable[[Path], Options]] = {
        "faces": lambda folder: make_faces(folder, options.faces // RECORDS, options.seed),
        "codes": lambda folder: make_codes(folder, options.rows // RECORDS, options.seed),
    }
    rows = []
    for store in options.store or makers:
        with tempfile.TemporaryDirectory(prefix="privkit-audit-") as name:
            folder = Path(name)
            rows.append(audited(store, folder, makers[store](folder)))
    words = ["--faces", options.faces, "--rows", options.rows, "--seed", options.seed]
    words += [word for store in options.store or () for word in ("--store", store)]
    report = {
        "command": shlex.join(["python", "benchmarks/speed/audit.py", *map(str, words)]),
        "machine": machine(),
        "stores": rows,
        "passed": all(row["met"] for row in rows),
    }
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (options.out / "audit.json").write_text(text, encoding="utf-8")
        (options.out / "audit.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def make_faces(folder: Path, people: int, seed: int) -> Options:
    """Features, people, pictures and the encoder of generated faces."""
    import torch
    from torch import Tensor, nn

    from attacks.split import split_faces
    from privkit.data.face_folder import write_face_folder
    from privkit.data.generated_faces import generate_faces
    from privkit.models.train_faces import train_face_net

    class Encoder(nn.Module):
        """The feature of pictures ``(n, 1, h, w)``."""

        def __init__(self, first: nn.Linear) -> None:
            super().__init__()
            self.first = first

        def forward(self, x: Tensor) -> Tensor:
            """``(n, 40)``."""
            return torch.tanh(self.first(x.flatten(1)))

    faces = generate_faces(people=people, photos=RECORDS, seed=seed)
    train = split_faces(faces, seed).train
    network, _ = train_face_net(
        train.pixels,
        train.person,
        people=people,
        bits=None,
        seed=seed,
        data_sha256=faces.sha256,
        cache=None,
    )
    (folder / "faces").mkdir()
    write_face_folder(faces, folder / "faces")
    np.save(folder / "features.npy", network.store(faces.pixels()))
    column(folder / "person.csv", "person", faces.person)
    example = torch.zeros(2, 1, *faces.shape)
    torch.jit.save(torch.jit.trace(Encoder(network.first), example), folder / "encoder.pt")
    return [
        *("--features", "features.npy", "--person", "person.csv"),
        *("--images", "faces", "--encoder", "encoder.pt"),
    ]


def make_codes(folder: Path, people: int, seed: int) -> Options:
    """Packed codes of people, their names and an attribute, in random order."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 256, (people, BITS // 8), dtype=np.uint8)
    person = rng.permutation(np.repeat(np.arange(people), RECORDS))
    codes = own[person]
    for part in np.array_split(np.arange(len(codes)), max(1, len(codes) // 100_000)):
        codes[part] ^= np.packbits(rng.random((len(part), BITS)) < FLIPPED, axis=1)
    np.save(folder / "codes.npy", codes)
    column(folder / "person.csv", "person", person)
    column(folder / "side.csv", "side", np.array(["left", "right"])[own[person, 0] & 1])
    return [
        *("--features", "codes.npy", "--bits", str(BITS)),
        *("--person", "person.csv", "--sensitive", "side.csv"),
    ]


def column(path: Path, name: str, values: np.ndarray) -> None:
    """Write a CSV file of one column."""
    csv.write_csv(pa.table({name: pa.array(values.tolist())}), path)


def audited(store: str, folder: Path, options: Options) -> dict[str, Any]:
    """Audit the store in a folder; time, memory, and what was found."""
    words = [sys.executable, "-m", "privkit", "audit", *options, "--out", "run", "--quiet"]
    before, start = os.times(), time.perf_counter()
    with (
        subprocess.Popen(
            words,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PRIVKIT_CACHE": str(folder / "cache")},
        ) as process,
        watched(process.pid) as peak,
    ):
        code = process.wait()
    wall, after = time.perf_counter() - start, os.times()
    if code not in (0, 1, 3):
        raise SystemExit(f"{shlex.join(words)}: exit code {code}")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    audit = json.loads((folder / "run" / "audit.json").read_text(encoding="utf-8"))
    # What lacks material does not weaken an audit, what found no time does.
    lacks = [lack for risk in audit["risks"] for lack in risk["not_run"]]
    left_out = sorted({lack["attack"] for lack in lacks if lack["weakens"]})
    seconds, most = LIMITS[store]
    within = most is None or peak.most <= most
    return {
        "store": store,
        "audited": audit["store"],
        "options": shlex.join(options),
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "peak_mb": round(peak.most / MB),
        "wanted_s": seconds,
        "wanted_mb": most and most // MB,
        "attacks": len({r["attack"] for risk in audit["risks"] for r in risk["rates"]}),
        "left_out": left_out,
        "verdicts": {risk["risk"]: risk["verdict"] for risk in audit["risks"]},
        "met": wall <= seconds and within and not left_out,
    }


def machine() -> dict[str, Any]:
    """The machine in words that are the same for all machines of its kind."""
    cpu = platform.processor() or "unknown"
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        lines = listing.read_text(encoding="utf-8").splitlines()
        cpu = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "torch", "scikit-learn")},
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    of = report["machine"]
    lines = [
        "# How long an audit takes",
        "",
        f"    {report['command']}",
        "",
        f"{of['cpu']}, {of['cores']} cores, Python {of['python']}, numpy {of['numpy']}, torch "
        f"{of['torch']}, scikit-learn {of['scikit-learn']}. At the end {of['load']} processes "
        "wanted to run (load of the last minute): where these are more than the cores, the wall "
        "clock is an upper limit. Memory is RssAnon at its peak.",
        "",
        "| store | wall s | CPU s | wanted s | peak MB | wanted MB | attacks | no time for | met |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['audited']} | {row['wall_s']} | {row['cpu_s']} | {row['wanted_s']} | "
        f"{row['peak_mb']:,} | {row['wanted_mb'] or '–'} | {row['attacks']} | "
        f"{', '.join(row['left_out']) or 'none'} | {'yes' if row['met'] else '**no**'} |"
        for row in report["stores"]
    ]
    for row in report["stores"]:
        said = ", ".join(f"{risk}: {verdict}" for risk, verdict in row["verdicts"].items())
        lines += ["", f"    privkit audit {row['options']}", "", f"Verdicts: {said}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
