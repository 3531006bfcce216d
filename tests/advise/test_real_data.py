"""The advice on public data sets, as their fields know them."""

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
    """A data set, and what anyone who knows it would expect."""

    path: str
    stack: tuple[str, ...]
    says: tuple[str, ...]
    answers: Answers = Answers()  # noqa: RUF009 -- frozen
    against: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()


KNOWN: dict[str, Known] = {
    "GSM8K": Known("verifiable/gsm8k_train.jsonl.gz", ("SFT", "GRPO"), ("reward math reads 100%", "base model")),
    "SVAMP": Known("verifiable/svamp_test.jsonl.gz", ("GRPO",), ("reward math reads 100%",)),
    "HumanEval": Known("verifiable/HumanEval.jsonl.gz", ("SFT", "GRPO"), ("code with tests", "336 more prompts")),
    "HH-RLHF": Known("preference/hh_rlhf_helpful_base_test.jsonl.gz", ("DPO",), ("2,339 pairs", "fixed beforehand")),
    "HH-RLHF, broad": Known(
        "preference/hh_rlhf_helpful_base_test.jsonl.gz",
        ("DPO",),
        ("100 prompts at least",),  # transcripts hold their prompts inside
        Answers(preferences="broad", people=2),
    ),
    "PandaLM": Known("preference/pandalm_testset_v1.jsonl.gz", ("DPO",), ("939 pairs", "34 pairs have the same")),
    "Alpaca": Known("instruct/alpaca_en_demo.jsonl.gz", ("IFT",), ("43 kinds of request", "1,015 more rows")),
    "Dolly": Known("instruct/dolly_3k.jsonl.gz", ("IFT",), ("22 kinds of request",)),
    "MTS-Dialog": Known(
        "pharma/mts_dialog_train.csv",
        ("SFT",),
        ("texts to work on (dialogue)", "200 pairs at least"),
        Answers(strict=True),
        against=("pharma/mts_dialog_validation.csv",),
    ),
    "PubMedQA": Known(
        "pharma/pubmedqa_pqal.jsonl.gz", ("SFT",), ("match reads final_decision", "completion=final_decision")
    ),
    "PubMedQA, its decisions": Known(
        "pharma/pubmedqa_pqal.jsonl.gz",
        ("SFT", "GRPO"),
        ("one of 3 labels",),
        columns=(("prompt", "QUESTION"), ("completion", "final_decision")),
    ),
    "safety answers": Known("safety/safety_only_instructions.jsonl.gz", ("IFT",), ("64% of the answers refuse",)),
    "unpaired answers": Known("preference/kto_en_demo.jsonl.gz", (), ("marked good or bad",)),
    "answers removed": Known("pharma/medquad_answers_removed.jsonl.gz", (), ("100 rows with a right answer at least",)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_advice_on_a_known_data_set(name: str, data_dir: Path, tmp_path: Path) -> None:
    known = KNOWN[name]
    found = advise(
        [str(data_dir / known.path)],
        known.answers,
        against=[str(data_dir / path) for path in known.against],
        columns=dict(known.columns),
        folder=tmp_path,
        screen=Screen(quiet=True),
        machine=LAPTOP,
    )
    assert found.stack == known.stack
    said = "\n".join(text for one in found.opinions for text in (*one.because, *one.but, *one.missing))
    for words in known.says:
        assert words in said, said


def test_people_who_judged_pandalm_agree(data_dir: Path, tmp_path: Path) -> None:
    path = str(data_dir / "preference/pandalm_testset_v1.jsonl.gz")
    found = advise([path], Answers(), folder=tmp_path, screen=Screen(quiet=True), machine=LAPTOP)
    agreement = found.seen.files[0].agreement
    assert agreement is not None
    assert agreement.people == 3
    assert 0.8 < agreement.alpha < 0.9


def test_columns_that_fit_no_convention_get_no_advice(data_dir: Path, tmp_path: Path) -> None:
    path = str(data_dir / "pharma/fda_label_adverse_reactions_train.jsonl.gz")
    with pytest.raises(InputError, match=r"--columns"):
        advise([path], Answers(), folder=tmp_path, screen=Screen(quiet=True), machine=LAPTOP)
