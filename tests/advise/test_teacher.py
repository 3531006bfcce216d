"""Advice for users who have a teacher: imitate its answers, and on-policy distillation if the tokenizers agree."""

from pathlib import Path

import pytest

from byte_model import save_byte_model
from posttrain.advise.teacher import teacher_notes
from posttrain.errors import InputError

HUB = "Qwen/Qwen2.5-0.5B"


def test_a_teacher_with_prompts_is_imitated_and_then_corrects_the_policy() -> None:
    notes = teacher_notes("qwen-72b@https://host/v1", HUB, 1500)
    assert "can answer the 1,500 prompts" in notes[0]
    assert "posttrain init imitate" in notes[0]
    assert "posttrain init distill" in notes[1]


def test_without_prompts_a_teacher_has_nothing_to_answer() -> None:
    (note,) = teacher_notes("qwen-72b@https://host/v1", HUB, 3)
    assert "the data has 3 prompts, and 100 are a good start" in note


def test_another_tokenizer_rules_on_policy_distillation_out(tmp_path: Path, data_dir: Path) -> None:
    student = str(save_byte_model(tmp_path / "student"))
    (note,) = teacher_notes(str(data_dir / "models/stories260K"), student, 500)
    for part in ("posttrain init imitate", "ruled out", "another tokenizer"):
        assert part in note
    assert len(teacher_notes(student, student, 500)) == 2


def test_without_a_teacher_there_is_no_note_and_a_strange_name_is_an_error() -> None:
    assert teacher_notes(None, HUB, 500) == []
    with pytest.raises(InputError, match="--teacher: gpt is neither a folder"):
        teacher_notes("gpt", HUB, 500)
