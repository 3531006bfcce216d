"""Functions of this process as rewards: `@reward` registers them, and a recipe names them."""

import linecache
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from byte_model import save_byte_model
from command_line import Posttrain
from posttrain.audit.training.trial import Trial, Tried
from posttrain.errors import InputError
from posttrain.rewards import registered
from posttrain.rewards.python_file import load_function
from posttrain.rewards.registered import reward
from posttrain.rewards.registry import RewardSpec
from posttrain.rewards.score import open_rewards
from posttrain.rewards.types import Failed


@pytest.fixture(autouse=True)
def no_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered, "_FUNCTIONS", {})


def spec(function: str) -> Any:
    return TypeAdapter(RewardSpec).validate_python({"kind": "registered", "function": function})


def define(source: str, name: str = "short", module: str = "notebook") -> Any:
    names: dict[str, Any] = {"__name__": module}
    exec(source, names)
    return names[name]


def test_a_registered_function_scores_and_stays_callable(tmp_path: Path) -> None:
    @reward
    def brief(completion: str, row: dict[str, Any]) -> float | None:
        return None if row["limit"] is None else float(len(completion) <= row["limit"])

    assert brief("ab", {"limit": 2}) == 1.0
    function = open_rewards({"mine": spec("brief")}, tmp_path)["mine"].function
    assert function(["ab", "abc", "a"], [{"limit": 2}, {"limit": 2}, {"limit": None}]) == [1.0, 0.0, None]


def test_a_function_that_is_not_registered_is_an_error_that_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no reward short is registered.*none.*@reward"):
        spec("short").check(tmp_path)
    for name in ("shorter", "polite"):
        reward(define(f"def {name}(completion, row): return 1.0", name))
    with pytest.raises(InputError, match=r"shorter, polite.*did you mean shorter\?"):
        spec("short").check(tmp_path)
    with pytest.raises(InputError, match=r"^rewards\.mine: function: .*shorter, polite"):
        open_rewards({"mine": spec("short")}, tmp_path)


def test_a_second_definition_of_a_function_replaces_the_first(tmp_path: Path) -> None:
    for value in (0.0, 1.0):
        reward(define(f"def short(completion, row): return {value}"))
    assert open_rewards({"mine": spec("short")}, tmp_path)["mine"].function(["a"], [{}]) == [1.0]


def test_two_functions_cannot_share_a_name() -> None:
    source = "def short(completion, row): return 1.0"
    reward(define(source))
    with pytest.raises(InputError, match="short"):
        reward(define(source, module="elsewhere"))


def test_a_function_that_cannot_score_is_refused_where_it_is_defined() -> None:
    with pytest.raises(InputError, match=r"short\(completion\).*short\(completion, row\)"):
        reward(define("def short(completion): return 1.0"))
    with pytest.raises(InputError, match="def"):
        reward(lambda completion, row: 1.0)


def test_the_hash_of_the_source_follows_the_source() -> None:
    @reward
    def full(completion: str, row: dict[str, Any]) -> float:
        return 1.0

    @reward
    def half(completion: str, row: dict[str, Any]) -> float:
        return 0.5

    first, second = spec("full").source_hash(), spec("half").source_hash()
    assert first is not None
    assert second is not None
    assert first != second
    reward(define("def short(completion, row): return 1.0"))
    assert spec("short").source_hash() is None


def test_a_function_that_fails_on_an_empty_answer_shows_no_error_of_the_row() -> None:
    tried = (Tried("rows.jsonl:1", None, Failed("IndexError")),)
    assert Trial("mine", "registered", tried).failed == []
    assert len(Trial("mine", "math", tried).failed) == 1


RECIPE = """\
model: model
stages:
  grpo: {kind: grpo, data: prompts.jsonl, max_length: 64, max_new_tokens: 4, num_generations: 2, max_steps: 1, RULES}
""".replace("RULES", "rewards: {mine: {kind: registered, function: short}}")


def test_a_stage_whose_function_has_changed_does_not_count_as_done(
    tmp_path: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_byte_model(tmp_path / "model")
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "Say a"}\n{"prompt": "Say b"}\n')
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)

    def define_in_file(limit: int) -> None:
        (tmp_path / "mine.py").write_text(f"def short(completion, row):\n    return float(len(completion) < {limit})\n")
        linecache.clearcache()
        reward(load_function(tmp_path / "mine.py", "short"))

    define_in_file(5)
    assert posttrain("run", "recipe.yaml").code == 0
    assert "done already" in posttrain("run", "recipe.yaml").err
    define_in_file(6)
    answer = posttrain("run", "recipe.yaml", "--keep")
    assert answer.code == 2
    assert "rewards.mine" in answer.err
