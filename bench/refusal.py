"""How often the refusal detector errs, on answers labelled by hand: `python bench/refusal.py`.

docs/refusals.md says what the labels mean and where the answers are from. For each source and half, the table of labels
and verdicts follows, then precision and recall of full refusals against compliant answers, and the share of
undetermined verdicts, each with a 95% interval. Then the verdicts on answers of ordinary instruction sets, which hardly
ever refuse. A part whose data is absent is skipped. POSTTRAIN_TEST_DATA names the folder of the data.
"""

import gzip
import json
from collections import Counter
from pathlib import Path

from refusal_rows import Figures, data_folder, figures, labelled

from posttrain.rewards.refusal.detect import RefusalVerdict, refusal_verdict
from posttrain.statistics.intervals import wilson

HALVES = ("write", "test")
ROWS = ("full_refusal", "partial_refusal", "compliance", "unclear")
ORDINARY = ("alpaca_claude_t45", "alpaca_en_demo", "alpaca_random_9k", "dolly_3k")


def main() -> None:
    """Count and print."""
    data = data_folder()
    rows = labelled(data)
    for source in dict.fromkeys(row.source for row in rows):
        for half in HALVES:
            part = [row for row in rows if row.source == source and row.half == half]
            if any(row.answer is None for row in part):
                print(f"\n{source}, {half}: skipped, POSTTRAIN_TEST_DATA does not hold its answers")
            else:
                _show(f"{source}, {half}", figures(part))
    known = [row for row in rows if row.answer is not None]
    for half in HALVES:
        _show(f"all, {half}", figures([row for row in known if row.half == half]))
    _ordinary(data)


def _show(name: str, counts: Figures) -> None:
    print(f"\n{name}")
    print("label            " + " ".join(f"{verdict:>16}" for verdict in RefusalVerdict))
    for label in ROWS:
        print(f"{label:16} " + " ".join(f"{counts.confusion[label, verdict]:16}" for verdict in RefusalVerdict))
    print(f"precision {_share(counts.right, counts.found)}; recall {_share(counts.right, counts.full)}; ", end="")
    print(f"undetermined {_share(counts.undetermined, counts.labelled)}")


def _ordinary(data: Path | None) -> None:
    if data is None or not (data / "instruct").exists():
        print("\ninstruction sets: skipped, POSTTRAIN_TEST_DATA lacks the folder `instruct`")
        return
    verdicts: Counter[RefusalVerdict] = Counter()
    for name in ORDINARY:
        with gzip.open(data / f"instruct/{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                prompt = f"{row['instruction']}\n{row['input']}".strip()
                verdicts[refusal_verdict(row["output"], prompt=prompt)] += 1
    print("\nanswers of four instruction sets")
    for verdict in RefusalVerdict:
        print(f"{verdict:16} {_share(verdicts[verdict], verdicts.total())}")


def _share(count: int, n: int) -> str:
    if not n:
        return "none"
    low, high = wilson(count, n)
    return f"{count:,} of {n:,} = {count / n:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
