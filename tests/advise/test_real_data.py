"""The advice on public data sets agrees with what is known about them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from advising import LAPTOP
from posttrain.advise.advice import advise
from posttrain.advise.answers import Answers
from posttrain.console import Screen
from posttrain.errors import InputError


@dataclass(frozen=True)
class Known:
    """A data set and the expected advice.

    Args:
        reasons: rules that must hold for any technique, as "rule" or "rule: words of its reason".
    """

    path: str
    stack: tuple[str, ...]
    reasons: tuple[str, ...]
    answers: Answers = Answers()  # noqa: RUF009 -- frozen
    against: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()


KNOWN: dict[str, Known] = {
    "GSM8K": Known("verifiable/gsm8k_train.jsonl.gz", ("SFT", "GRPO"), ("checkable: math reads 100%", "base_model")),
    "SVAMP": Known("verifiable/svamp_test.jsonl.gz", ("GRPO",), ("checkable: math reads 100%",)),
    "HumanEval": Known(
        "verifiable/HumanEval.jsonl.gz", ("SFT", "GRPO"), ("checkable: code with tests", "enough: 336 more prompts")
    ),
    "HH-RLHF": Known("preference/hh_rlhf_helpful_base_test.jsonl.gz", ("DPO",), ("pairs: 2,339 pairs",)),
    "HH-RLHF, broad": Known(
        "preference/hh_rlhf_helpful_base_test.jsonl.gz",
        ("DPO",),
        ("prompts: 100 prompts",),  # the prompts are inside the transcripts
        Answers(preferences="broad", people=2),
    ),
    "PandaLM": Known("preference/pandalm_testset_v1.jsonl.gz", ("DPO",), ("pairs: 939 pairs", "same_sides: 34 pairs")),
    "Alpaca": Known(
        "instruct/alpaca_en_demo.jsonl.gz", ("IFT",), ("many_wanted: 43 kinds of request", "enough: 1,015 more rows")
    ),
    "Dolly": Known("instruct/dolly_3k.jsonl.gz", ("IFT",), ("many_wanted: 22 kinds of request",)),
    "MTS-Dialog": Known(
        "pharma/mts_dialog_train.csv",
        ("SFT",),
        ("one_task: (dialogue)", "pairs_or_people: 200 pairs"),
        Answers(strict=True),
        against=("pharma/mts_dialog_validation.csv",),
    ),
    "PubMedQA": Known(
        "pharma/pubmedqa_pqal.jsonl.gz",
        ("SFT",),
        ("parser: match reads final_decision", "parser: --columns completion=final_decision"),
    ),
    "PubMedQA, its decisions": Known(
        "pharma/pubmedqa_pqal.jsonl.gz",
        ("SFT", "GRPO"),
        ("checkable: one of 3 labels",),
        columns=(("prompt", "QUESTION"), ("completion", "final_decision")),
    ),
    "safety answers": Known("safety/safety_only_instructions.jsonl.gz", ("IFT",), ("refusals: 67%",)),
    "unpaired answers": Known("preference/kto_en_demo.jsonl.gz", ("KTO",), ("unpaired", "labels: 300 answers")),
    "answers removed": Known("pharma/medquad_answers_removed.jsonl.gz", (), ("demonstrations: 100 rows",)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_advice_on_a_known_data_set(name: str, data_dir: Path, tmp_path: Path) -> None:
    known = KNOWN[name]
    advice = advise(
        [str(data_dir / known.path)],
        known.answers,
        against=[str(data_dir / path) for path in known.against],
        columns=dict(known.columns),
        folder=tmp_path,
        screen=Screen(quiet=True),
        machine=LAPTOP,
    )
    assert advice.stack == known.stack
    reasons = [reason for o in advice.opinions for reason in (*o.because, *o.but, *o.missing)]
    for expected in known.reasons:
        rule, _, words = expected.partition(": ")
        assert any(reason.rule == rule and words in reason.text for reason in reasons), f"{expected}: {reasons}"


def test_people_who_judged_pandalm_agree(data_dir: Path, tmp_path: Path) -> None:
    path = str(data_dir / "preference/pandalm_testset_v1.jsonl.gz")
    advice = advise([path], Answers(), folder=tmp_path, screen=Screen(quiet=True), machine=LAPTOP)
    agreement = advice.profile.files[0].agreement
    assert agreement is not None
    assert agreement.people == 3
    assert 0.8 < agreement.alpha < 0.9


def test_a_public_set_whose_columns_fit_no_convention_gets_no_advice(data_dir: Path, tmp_path: Path) -> None:
    path = str(data_dir / "pharma/fda_label_adverse_reactions_train.jsonl.gz")
    with pytest.raises(InputError, match=r"--columns"):
        advise([path], Answers(), folder=tmp_path, screen=Screen(quiet=True), machine=LAPTOP)
