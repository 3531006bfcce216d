"""Fit the weights of the refusal detector's linear model.

    POSTTRAIN_TEST_DATA=... python bench/refusal_fit.py XSTEST CHATGPT [--check]

XSTEST and CHATGPT are the folders that `refusal_xstest.py` takes. It needs scikit-learn. The model is a logistic
regression that separates full refusals from compliance: on the labelled answers of the half `write` but `safety_only`,
on the half `write` of the answers of XSTest's two Mistral models and of chatgpt-refusals, and on answers of ordinary
instruction sets as compliance. The weights go to `src/posttrain/rewards/refusal/weights.json`. With `--check`, nothing
is written: the script prints, for each source in turn, how a model that has not seen the source separates its answers.
"""

import argparse
import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from refusal_public import chatgpt_refusals, xstest
from refusal_rows import COMPLIANCE, FULL, Labelled, data_folder, labelled

from posttrain.rewards.refusal.detect import SENTENCES, SURE, RefusalVerdict, rules_verdict
from posttrain.rewards.refusal.features import Features, features, is_english
from posttrain.rewards.refusal.linear import chance
from posttrain.rewards.refusal.sentences import own_sentences

OUT = Path(__file__).parents[1] / "src/posttrain/rewards/refusal/weights.json"

SEEN, SOURCES = 8, 2
"""The number of answers and of sources that a feature should be in: a phrase of one author does not carry over."""

STRENGTH = 0.3
"""Inverse of the L2 penalty."""

SMALLEST = 0.015
"""A smaller weight is left out."""

BLIND = 3.0
"""Weight of an answer written after the rules: there the rules' own verdict is as good as on a new answer."""

SEEN_BY_RULES = {False: 0.5, True: 0.7}
"""Weight of a written answer that the rules were written on, up to round 4 and in round 5."""

GARBLED = 2.0
"""Weight of a compliant answer of SmolLM2: many are garbled, and look like nothing else."""

USUAL, CHATGPT = 1.0, 0.5
"""Weights of an answer of the ordinary sets and of chatgpt-refusals."""

ORDINARY = ("alpaca_en_demo", "dolly_3k")
EVERY = 4

FREE = ("mistralguard", "mistralinstruct")
"""The models of XSTest whose licence (Apache-2.0) sets no condition on what is made from their answers."""


def fitted(rows: Sequence[Labelled], found: Sequence[Features]) -> dict[str, float]:
    """The weights, by the names of the features."""
    from sklearn.feature_extraction import DictVectorizer  # pyright: ignore[reportMissingImports]
    from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingImports]

    count: Counter[str] = Counter()
    sources: defaultdict[str, set[str]] = defaultdict(set)
    for row, one in zip(rows, found, strict=True):
        count.update(one.keys())
        for name in one:
            sources[name].add(source_of(row))
    kept = {name for name in count if count[name] >= SEEN and len(sources[name]) >= SOURCES}
    vectorizer: Any = DictVectorizer()
    values = vectorizer.fit_transform([{k: v for k, v in one.items() if k in kept} for one in found])
    values.indices, values.indptr = values.indices.astype("int32"), values.indptr.astype("int32")
    model: Any = LogisticRegression(C=STRENGTH, max_iter=2000, solver="liblinear", fit_intercept=False)
    model.fit(values, [row.label == FULL for row in rows], sample_weight=[_weight(row) for row in rows])
    named = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    return {str(name): round(float(value), 2) for name, value in named if abs(value) >= SMALLEST}


def source_of(row: Labelled) -> str:
    """The source; of written answers with their author."""
    return f"written {max(4, row.round)}" if row.source == "written" else row.source


def ordinary(data: Path | None) -> list[Labelled]:
    """Answers of ordinary instruction sets as compliance, every fourth row."""
    if data is None:
        raise SystemExit("POSTTRAIN_TEST_DATA should name the folder of the data")
    rows: list[Labelled] = []
    for name in ORDINARY:
        with gzip.open(data / f"instruct/{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, islice(lines, 0, None, EVERY)):
                prompt = f"{row['instruction']}\n{row['input']}".strip()
                if rules_verdict(row["output"], prompt) is RefusalVerdict.COMPLIANCE:
                    group = hashlib.sha256(prompt.encode()).hexdigest()[:16]
                    rows.append(Labelled("ordinary", "write", COMPLIANCE, row["output"], prompt, group, 7))
    return rows


def _weight(row: Labelled) -> float:
    if row.source == "written":
        return BLIND if row.round > 5 else SEEN_BY_RULES[row.round == 5]
    if row.source == "smollm2" and row.label == COMPLIANCE:
        return GARBLED
    return {"ordinary": USUAL, **dict.fromkeys(("quora_insincere_hand_labeled", "political_figures"), CHATGPT)}.get(
        row.source, 1.0
    )


def features_of(row: Labelled) -> Features:
    """The features of a labelled answer."""
    answer, prompt = row.answer or "", row.prompt or ""
    return features(answer, own_sentences(answer)[:SENTENCES], prompt, rules_verdict(answer, prompt))


def main() -> None:
    """Fit, and write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("xstest", type=Path)
    parser.add_argument("chatgpt", type=Path)
    parser.add_argument("--check", action="store_true", help="print the figures by left out source and write nothing")
    args = parser.parse_args()
    rows = [row for row in labelled(data_folder()) if row.source != "safety_only"]
    rows += [row for row in xstest(args.xstest) if row.source in FREE]
    rows += [*chatgpt_refusals(args.chatgpt), *ordinary(data_folder())]
    rows = [row for row in rows if row.half == "write" and row.label in (FULL, COMPLIANCE) and _is_read(row)]
    found = [features_of(row) for row in rows]
    if args.check:
        _check(rows, found)
        return
    weights = fitted(rows, found)
    OUT.write_text(json.dumps(weights, ensure_ascii=False, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{OUT}: {len(weights)} weights from {len(rows)} answers")


def _is_read(row: Labelled) -> bool:
    """Whether the model reads it: it has sentences of its own, and they are English."""
    return row.answer is not None and bool(own_sentences(row.answer)) and is_english(row.answer)


def _check(rows: Sequence[Labelled], found: Sequence[Features]) -> None:
    for source in dict.fromkeys(map(source_of, rows)):
        seen = [i for i, row in enumerate(rows) if source_of(row) != source]
        weights = fitted([rows[i] for i in seen], [found[i] for i in seen])
        left = [i for i, row in enumerate(rows) if source_of(row) == source]
        wrong = sum((chance(found[i], weights) > SURE) != (rows[i].label == FULL) for i in left)
        print(f"{source}: {wrong} of {len(left)} wrong at {SURE:.0%}", flush=True)


if __name__ == "__main__":
    main()
