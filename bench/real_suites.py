"""`posttrain eval` on public data: every kind of evidence with a real model, then the same from its saved answers.

    POSTTRAIN_TEST_DATA=... python bench/real_suites.py MODEL [--rows N] [--only SUITE ...] [--work FOLDER]

MODEL is a folder or a hub id. Each suite is measured by the command `posttrain eval MODEL`. Then the command
`posttrain eval --saved` measures the answers that this left, and the two results must be equal. A saved label has no
log-probs beside it, so the saved suites of labels read the label as text. Where the data set has answers of its own,
these are measured as well: a suite must find them right. docs/eval.md shows a table and says what the measures mean.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from inputs import data_folder
from real_rows import RealSuite, real_suites, reference_answers

Results = Mapping[str, Mapping[str, Any]]

HEAD = "| suite | measure | value | 95% interval | n | seconds |\n|---|---|---|---|---|---|"


def write_suite(name: str, suite: RealSuite, folder: Path) -> tuple[Path, Path]:
    """The rows and two files of options: for a model, and for its saved answers."""
    rows = folder / f"{name}.jsonl"
    rows.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in suite.rows), encoding="utf-8")
    options = {**suite.options, "data": rows.name}
    files: list[Path] = []
    for file, keys in ((f"{name}.yaml", options), (f"{name}_saved.yaml", {**options, **suite.saved})):
        files.append(folder / file)
        files[-1].write_text(yaml.safe_dump({"suites": {name: keys}}, sort_keys=False), encoding="utf-8")
    return files[0], files[1]


def evaluate(source: Sequence[str], suites: Path, out: Path) -> Results:
    """The results of one call of `posttrain eval`; its errors appear on the screen and end this program."""
    call = [sys.executable, "-m", "posttrain", "eval", *source, "--suite", str(suites), "--out", str(out), "--json"]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(call)}: exit status {done.returncode}")
    return json.loads(done.stdout)["results"]


def reference_line(name: str, suite: RealSuite, suites: Path, folder: Path) -> str:
    """What the first measure of a suite finds of the data set's own answers; empty where it has none."""
    answers = reference_answers(suite)
    if answers is None:
        return ""
    file = folder / f"{name}_reference.jsonl"
    file.write_text("".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers), encoding="utf-8")
    key, result = next(iter(evaluate(["--saved", str(file)], suites, folder / f"{name}_reference").items()))
    return f"; reference answers: {key} {result['value']:.1%}"


def differences(model: Results, saved: Results) -> list[str]:
    """The measures of which the two results differ in value, interval or n, or which one of them lacks."""
    return [key for key in {**model, **saved} if model.get(key) != saved.get(key)]


def table_lines(name: str, results: Results, seconds: float) -> Iterator[str]:
    """One line for each measure that applies to a row; slices are left out."""
    for number, (key, result) in enumerate((key, r) for key, r in results.items() if "[" not in key and r["n"]):
        style = ".1%" if result["unit"] == "share" else ".3f"
        value = "–" if result["value"] is None else f"{result['value']:{style}}"
        ends = result["interval"]
        between = "" if ends is None else f"{ends[0]:{style}} to {ends[1]:{style}}"
        measure = key.partition("/")[2] or "score"
        first = (f"`{name}`", f"{seconds:.0f}") if number == 0 else ("", "")
        yield f"| {first[0]} | `{measure}` | {value} | {between} | {result['n']:,} | {first[1]} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--rows", type=int, default=100, help="the most rows of a suite; the 100 twins stay")
    parser.add_argument("--only", action="append", help="a suite by name; repeatable")
    parser.add_argument("--work", type=Path, help="a folder for rows, suites and results; a temporary one if unset")
    chosen = parser.parse_args(arguments)
    suites = real_suites(data_folder(), chosen.rows)
    names = chosen.only or list(suites)
    if unknown := set(names) - set(suites):
        parser.error(f"--only {min(unknown)}: the suites are {', '.join(suites)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table: list[str] = []
        unequal: list[str] = []
        for number, name in enumerate(names, start=1):
            began = time.monotonic()
            for_model, for_saved = write_suite(name, suites[name], folder)
            results = evaluate([chosen.model], for_model, folder / name)
            saved = evaluate(["--saved", str(folder / name)], for_saved, folder / f"{name}_saved")
            measured = json.loads((folder / name / "evaluation.json").read_text(encoding="utf-8"))["seconds"]
            different = differences(results, saved)
            unequal += different
            table += table_lines(name, results, measured)
            verdict = f"differ in {', '.join(different)}" if different else "give equal results"
            print(
                f"{number} of {len(names)}: {name}, {len(suites[name].rows)} rows, {time.monotonic() - began:.0f} s; "
                f"saved answers {verdict}{reference_line(name, suites[name], for_saved, folder)}",
                file=sys.stderr,
                flush=True,
            )
    print("\n".join([HEAD, *table]))
    if unequal:
        sys.exit("the results of saved answers differ")


if __name__ == "__main__":
    main()
