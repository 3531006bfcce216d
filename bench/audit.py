"""The data audit beside its peers, as ratios: `python bench/audit.py [--part near|whole] [--rows 1000000]`.

near: near duplicates among generated texts of some 65 words, a twentieth of which repeat an earlier one with one to
five words exchanged; truth is the Jaccard similarity of their shingles as Python's own sets have it. Each side in a
process of its own, one core, in turn (`near_side.py`). Peers: datasketch's MinHashLSH, as documented and tuned; rensa.

whole: `posttrain audit` on generated rows with faults of all kinds (`tests/helpers/planted.py`), on all cores, and the
memory of all its processes together; and data-juicer's `dj-process` on fewer of the same rows, with the operators it
has for the same checks. posttrain looks for some forty further kinds of fault
meanwhile; data-juicer also writes the rows that it keeps.

- rows/s by the clock, and by processor time (all cores), which other programs on the machine disturb less.
- The peers are installed into a folder of their own, `--peers FOLDER` keeps it.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/helpers"))

from near_side import SETTINGS, SIMILAR
from tree import Spent, run

from planted import Row, clean_row, planted

HERE = Path(__file__).parent
PEERS = ["datasketch==2.0.0", "rensa==0.5.0"]
JUICER = ["py-data-juicer==1.6.1", "aiohttp", "scipy", "ftfy", "selectolax"]
"""The last four it needs without saying so."""

PART = 50_000
"""Rows that are generated together."""

OPERATORS = """\
project_name: peer
dataset_path: {folder}/texts.jsonl
export_path: {folder}/out/kept.jsonl
np: {cores}
text_keys: text
use_cache: false
process:
  - fix_unicode_mapper:                     # encoding-damage
  - clean_html_mapper:                      # layout-residue
  - pii_redaction_mapper:                   # personal-data, secret
  - text_length_filter: {{min_len: 60}}     # empty-output, length-outlier
  - document_deduplicator:                  # exact-duplicate
  - document_minhash_deduplicator:          # near-duplicate
      {{window_size: 3, num_permutations: 80, num_bands: 20, num_rows_per_band: 4, jaccard_threshold: 0.7}}
"""


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["near", "whole"], help="only this one")
    parser.add_argument("--texts", type=int, default=50_000, help="of near")
    parser.add_argument("--rounds", type=int, default=3, help="of near")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of whole, for posttrain")
    parser.add_argument("--peer-rows", type=int, default=20_000, help="of whole, for data-juicer")
    parser.add_argument("--peers", type=Path, help="folder to install the peers into, or where they are installed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        peers = chosen.peers or folder / "peers"
        if chosen.part != "whole":
            near(folder, peers, chosen.texts, chosen.rounds)
        if chosen.part != "near":
            whole(folder, peers, chosen.rows, chosen.peer_rows)


def near(folder: Path, peers: Path, count: int, rounds: int) -> None:
    """Near duplicates: every side in turn, several times."""
    target = peers / "near"
    if not target.exists():
        install = [sys.executable, "-m", "pip", "install", "-q", "--target", str(target), *PEERS]
        subprocess.run(install, check=True, capture_output=True)
    texts, truth = near_texts(count)
    path = folder / "texts.json"
    path.write_text(json.dumps(texts), encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in SETTINGS}
    for _ in range(rounds):
        for name, some in found.items():
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            if name != "posttrain":
                environment["PYTHONPATH"] = str(target)  # its numpy comes with it
            command = [sys.executable, str(HERE / "near_side.py"), name, str(path)]
            some.append(json.loads(subprocess.check_output(command, env=environment, text=True)))
    print(f"{count:,} texts, {len(truth):,} of them near duplicates (Jaccard similarity at least {SIMILAR})\n")
    print("| search | recall | found besides | texts/s | processor time a text | **ratio** by the clock | processor |")
    print("|---|---|---|---|---|---|---|")
    ours = found["posttrain"]
    for name, some in found.items():
        hits = set(some[0]["found"])
        clock, processor = (
            median(a[key] / b[key] for a, b in zip(some, ours, strict=True)) for key in ("seconds", "processor_seconds")
        )
        seconds, worked = (median(one[key] for one in some) for key in ("seconds", "processor_seconds"))
        print(
            f"| {name} | {len(hits & truth) / len(truth):.4f} | {len(hits - truth)} | {count / seconds:,.0f} | "
            f"{1e6 * worked / count:.1f} µs | **{clock:.1f}x** | {processor:.1f}x |",
            flush=True,
        )


def near_texts(count: int) -> tuple[list[str], set[int]]:
    """Texts, and the numbers of those that are similar to the earlier one they were made of."""
    draw = random.Random(0)
    texts: list[str] = []
    truth: set[int] = set()
    for number in range(count):
        if number < count // 2 or number % 10:
            row = clean_row(draw, number)
            texts.append(f"{row['instruction']}\n{row['output']}")
            continue
        source = texts[draw.randrange(count // 2)]
        words = source.split(" ")
        for _ in range(draw.randint(1, 5)):
            words[draw.randrange(len(words))] = draw.choice(["quiet", "golden", "steep", "broad", "calm"])
        texts.append(" ".join(words))
        one, other = in_words(source), in_words(texts[-1])
        if len(one & other) >= SIMILAR * len(one | other):
            truth.add(number)
    return texts, truth


def in_words(text: str) -> set[tuple[str, ...]]:
    """A text's shingles, plainly."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def whole(folder: Path, peers: Path, rows: int, peer_rows: int) -> None:
    """A whole audit, and what data-juicer has of it."""
    cores = len(os.sched_getaffinity(0))
    data = folder / "rows.jsonl"
    with data.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in generated(rows))
    print(f"\n{rows:,} rows, {data.stat().st_size / 2**20:,.0f} MiB, {cores} cores\n")
    print("| | rows | rows/s | rows per second of processor time | peak memory, all processes |\n|---|---|---|---|---|")
    command = [sys.executable, "-m", "posttrain", "audit", str(data), "--out", str(folder / "audit")]
    ours = run(command, folder, codes=(2,), OMP_NUM_THREADS="1")  # planted secrets block
    print(line("posttrain, every check", rows, ours), flush=True)
    data.unlink()
    folder = folder / "juicer"
    folder.mkdir()
    program = juicer(peers)
    (folder / "recipe.yaml").write_text(OPERATORS.format(folder=folder, cores=cores))
    for count in (200, peer_rows):  # the first fetches what it installs as it goes, and is not counted
        with (folder / "texts.jsonl").open("w", encoding="utf-8") as file:
            for row in generated(count):
                file.write(json.dumps({"text": f"{row['instruction']}\n{row['output']}"}, ensure_ascii=False) + "\n")
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        theirs = run([str(program), "--config", "recipe.yaml"], folder, OMP_NUM_THREADS="1", PATH=path)
    print(line("data-juicer, six of them", peer_rows, theirs))
    clock = (rows / ours.seconds) / (peer_rows / theirs.seconds)
    worked = (rows / ours.processor_seconds) / (peer_rows / theirs.processor_seconds)
    print(f"| **ratio** | | **{clock:.0f}x** | {worked:.0f}x | {ours.peak / theirs.peak:.2f}x, at more rows |")


def generated(count: int) -> Iterator[Row]:
    """Rows with a sixth of them faulty."""
    for seed, start in enumerate(range(0, count, PART)):
        size = min(PART, count - start)
        yield from planted(rows=size, faults=size // 6, seed=seed).rows


def juicer(peers: Path) -> Path:
    """data-juicer's program, in an environment of its own."""
    program = peers / "juicer/bin/dj-process"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(peers / "juicer")], check=True)
        subprocess.run([str(program.with_name("pip")), "install", "-q", *JUICER], check=True, capture_output=True)
    return program


def line(name: str, rows: int, spent: Spent) -> str:
    """A row of the table."""
    return (
        f"| {name} | {rows:,} | {rows / spent.seconds:,.0f} | {rows / spent.processor_seconds:,.0f} | "
        f"{spent.peak / 2**20:,.0f} MiB |"
    )


if __name__ == "__main__":
    main()
