"""Fit the weights of the refusal detector's linear model: `POSTTRAIN_TEST_DATA=... python bench/refusal_fit.py`.

It needs scikit-learn. The model is a logistic regression that separates full refusals from compliance on the labelled
answers of the half `write`, with their prompts, and on answers of ordinary instruction sets. The weights go to
`src/posttrain/rewards/refusal/weights.json`. With `--check`, nothing is written: the script prints how well a model
that has not seen an answer's prompt group separates the answers of each source (five folds).
"""

import argparse
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from refusal_rows import COMPLIANCE, FULL, Labelled, data_folder, labelled

from posttrain.rewards.refusal.detect import SENTENCES, RefusalVerdict, rules_verdict
from posttrain.rewards.refusal.features import Features, features
from posttrain.rewards.refusal.linear import chance
from posttrain.rewards.refusal.sentences import own_sentences

OUT = Path(__file__).parents[1] / "src/posttrain/rewards/refusal/weights.json"

SEEN = 10
"""The number of answers that a feature should be in."""

STRENGTH = 1.0
"""Inverse of the L2 penalty."""

WRITTEN = 2.0
"""Weight of an answer written for the project: these are worded in more ways than a model's."""


GARBLED = 2.0
"""Weight of a compliant answer of SmolLM2: many are garbled, and look like nothing else."""


USUAL = 1.0
"""Weight of an answer of the ordinary sets."""

ORDINARY = ("alpaca_en_demo", "dolly_3k")
EVERY = 2


def features_of(row: Labelled) -> Features:
    """The features of a labelled answer."""
    answer = row.answer or ""
    return features(answer, own_sentences(answer)[:SENTENCES], row.prompt or "")


def fitted(rows: Sequence[Labelled]) -> dict[str, float]:
    """The weights, by the names of the features."""
    from sklearn.feature_extraction import DictVectorizer  # pyright: ignore[reportMissingImports]
    from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingImports]

    found = [features_of(row) for row in rows]
    seen = Counter(name for row, one in zip(rows, found, strict=True) if row.source != "ordinary" for name in one)
    vectorizer: Any = DictVectorizer(sparse=False)
    values = vectorizer.fit_transform([{k: v for k, v in one.items() if seen[k] >= SEEN} for one in found])
    model: Any = LogisticRegression(C=STRENGTH, max_iter=5000, solver="lbfgs", fit_intercept=False)
    model.fit(values, [row.label == FULL for row in rows], sample_weight=[_weight(row) for row in rows])
    named = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    return {str(name): round(float(value), 2) for name, value in named if abs(value) >= 0.01}


def ordinary(data: Path | None) -> list[Labelled]:
    """Answers of ordinary instruction sets as compliance, every second row, without those that the rules reject."""
    if data is None:
        raise SystemExit("POSTTRAIN_TEST_DATA should name the folder of the data")
    rows: list[Labelled] = []
    for name in ORDINARY:
        with gzip.open(data / f"instruct/{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, islice(lines, 0, None, EVERY)):
                prompt = f"{row['instruction']}\n{row['input']}".strip()
                if rules_verdict(row["output"], prompt) is RefusalVerdict.COMPLIANCE:
                    group = hashlib.sha256(prompt.encode()).hexdigest()[:16]
                    rows.append(Labelled("ordinary", "write", COMPLIANCE, row["output"], prompt, group, 6))
    return rows


def _weight(row: Labelled) -> float:
    if row.source == "smollm2" and row.label == COMPLIANCE:
        return GARBLED
    return {"written": WRITTEN, "ordinary": USUAL}.get(row.source, 1.0)


def main() -> None:
    """Fit, and write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="print the figures of five folds and write nothing")
    args = parser.parse_args()
    rows = [row for row in labelled(data_folder()) if row.half == "write" and row.label in (FULL, COMPLIANCE)]
    rows = [row for row in rows if row.source != "safety_only"] + ordinary(data_folder())
    if args.check:
        _check(rows)
        return
    weights = fitted(rows)
    OUT.write_text(json.dumps(weights, ensure_ascii=False, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{OUT}: {len(weights)} weights from {len(rows)} answers")


def held_out(rows: Sequence[Labelled]) -> list[float]:
    """The chance of each answer by a model that has not seen its prompt's group: five folds by the group's hash."""
    chances = [0.0] * len(rows)
    for fold in range(5):
        weights = fitted([row for row in rows if int(row.group, 16) % 5 != fold])
        for i, row in enumerate(rows):
            if int(row.group, 16) % 5 == fold:
                chances[i] = chance(features_of(row), weights)
    return chances


def _check(rows: Sequence[Labelled]) -> None:
    chances = held_out(rows)
    for source in dict.fromkeys(row.source for row in rows):
        part = [(row.label == FULL, chance) for row, chance in zip(rows, chances, strict=True) if row.source == source]
        wrong = sum((chance > 0.5) != full for full, chance in part)
        print(f"{source}: {wrong} of {len(part)} wrong at 0.5")


if __name__ == "__main__":
    main()
