"""The code reward on all of HumanEval, and its reading of completions and tests."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from posttrain.errors import InputError
from posttrain.rewards.code import CodeReward, make_code_reward
from posttrain.rewards.code_tests import read_tests
from posttrain.rewards.sandbox.checks import FunctionCall, ProgramCase
from posttrain.rewards.sandbox.solution import complete
from posttrain.rewards.types import Failed, RewardFn
from sandbox_boxes import need_bubblewrap

HUMANEVAL = {"kind": "code", "prompt": "prompt"}


def options(**keys: Any) -> CodeReward:
    return TypeAdapter(CodeReward).validate_python({"kind": "code", **keys})


@pytest.fixture(scope="module")
def rows(data_dir: Path) -> list[dict[str, str]]:
    data = gzip.decompress((data_dir / "verifiable" / "HumanEval.jsonl.gz").read_bytes())
    return [json.loads(line) for line in data.splitlines()]


@pytest.fixture(scope="module")
def reward() -> RewardFn:
    need_bubblewrap()
    return make_code_reward(options(**HUMANEVAL), Path())


def names(rows: list[dict[str, str]], scores: Any, wanted: float) -> list[str]:
    return [f"{row['task_id']}: {score}" for row, score in zip(rows, scores, strict=True) if score != wanted]


def test_every_reference_solution_passes(rows: list[dict[str, str]], reward: RewardFn) -> None:
    assert len(rows) == 164
    assert not names(rows, reward([row["canonical_solution"] for row in rows], rows), 1.0)


def test_every_stub_fails(rows: list[dict[str, str]], reward: RewardFn) -> None:
    assert not names(rows, reward(["    pass\n"] * len(rows), rows), 0.0)


def test_every_mutated_solution_fails(rows: list[dict[str, str]], reward: RewardFn) -> None:
    """The returned value is changed at the last moment: another number, order, letter or type."""
    mutate = (
        "\n\ndef _changed(v):\n"
        "    if isinstance(v, bool): return not v\n"
        "    if isinstance(v, (int, float)): return v + 1\n"
        "    if isinstance(v, str): return v + 'x'\n"
        "    if isinstance(v, list): return v + [v[-1] if v else 0]\n"
        "    if isinstance(v, tuple): return (*v, 0)\n"
        "    if isinstance(v, dict): return {**v, 'x': 'x'}\n"
        "    return 0\n"
        "def _wrapped(function):\n    return lambda *a: _changed(function(*a))\n"
    )
    mutants = [
        f"{row['canonical_solution']}{mutate}{row['entry_point']} = _wrapped({row['entry_point']})" for row in rows
    ]
    assert not names(rows, reward(mutants, rows), 0.0)


def test_a_fenced_answer_with_the_whole_function_passes(rows: list[dict[str, str]], reward: RewardFn) -> None:
    sample = rows[:10]
    fenced = [f"Here it is:\n```python\n{row['prompt']}{row['canonical_solution']}```\nDone." for row in sample]
    assert not names(sample, reward(fenced, sample), 1.0)


def test_a_redefined_helper_of_the_prompt_does_not_help(rows: list[dict[str, str]], reward: RewardFn) -> None:
    row = next(row for row in rows if row["task_id"] == "HumanEval/32")  # the test calls the prompt's `poly`
    assert reward(["    return 0.0\n\ndef poly(xs, x):\n    return 0.0\n"], [row]) == [0.0]


def test_asserts_and_programs() -> None:
    need_bubblewrap()
    asserts = make_code_reward(options(tests="test_list", entry_point=None, setup="setup"), Path())
    row = {"test_list": ["assert math.isclose(f(3), 9)", "assert f(0) == 0"], "setup": "import math"}
    assert asserts(["def f(x): return x * x", "def f(x): return x"], [row, row]) == [1.0, 0.0]
    programs = make_code_reward(options(tests="input_output"), Path())
    row = {"input_output": json.dumps({"inputs": ["2\n", "3\n"], "outputs": ["4\n", "9\n"]})}
    assert programs(["```py\nprint(int(input()) ** 2)\n```", "print(4)"], [row, row]) == [1.0, 0.0]


def test_a_broken_row_fails_alone_and_null_tests_do_not_apply() -> None:
    need_bubblewrap()
    run = make_code_reward(options(), Path())
    good = {"test": "assert f(1) == 1", "entry_point": "f"}
    code = "def f(x): return x"
    broken, empty, lacking = {**good, "test": "assert f("}, {**good, "test": None}, {"entry_point": "f"}
    first, second, third, fourth = run([code] * 4, [good, broken, empty, lacking])
    assert (first, third) == (1.0, None)
    assert isinstance(second, Failed)
    assert isinstance(fourth, Failed)
    assert "do not compile" in second.reason
    assert "no column `test`" in fourth.reason


def test_a_completion_continues_the_prompt_or_repeats_it() -> None:
    stub = 'def f(x):\n    """Double."""\n'
    assert complete(stub, "    return 2 * x\n", {"f"}) == stub + "    return 2 * x\n"
    assert complete(stub, "return 2 * x\n", {"f"}) == stub + "    return 2 * x\n"
    assert complete(stub, "def f(x): return 2 * x", {"f"}).endswith("\n\ndef f(x): return 2 * x")
    assert complete("def f(x):\n", "def f(x): return 1", {"f"}) == "def f(x): return 1"


def test_the_block_that_is_the_code_follows_the_rules() -> None:
    need_bubblewrap()
    run = make_code_reward(options(entry_point=None), Path())
    row = {"test": "assert f(2) == 4"}
    good, broken, other = "def f(x):\n  return 2 * x\n", "def f(x) return 2 * x\n", "def g(x):\n  return x\n"
    docstring = 'def f(x):\n  """\n  ```\n  f(2)\n  ```\n  """\n  return 2 * x\n'
    answers = {
        f"```python\n{good}```\nBetter:\n```python\n{broken}```": 0.0,
        f"```python\n{broken}```\nBetter:\n```python\n{good}```": 1.0,
        f"```python\n{good}print(f(2)\n```": 0.0,
        f"```python\n{docstring}```\nDone.": 1.0,
        f"```python\n{docstring.replace('2 * x', 'x')}```\nDone.": 0.0,
        f"```python\n{good}```\n```python\n{other}```": 1.0,
        f"```\n{good}```\n```python\n{good.replace('2', '3')}```": 0.0,
        f"```python\n>>> f(2)\n4\n```\n```\n{good}```": 1.0,
        "```pycon\n>>> def f(x):\n...   return 2 * x\n...\n>>> f(2)\n4\n```": 1.0,
        f"```python\n{good}```\n```python\nfrom solution import f\nprint(f(3))\n```": 1.0,
        "": 0.0,
        "I cannot do that.": 0.0,
    }
    assert dict(zip(answers, run(list(answers), [row] * len(answers)), strict=True)) == answers


def test_setup_may_need_the_codes_classes_and_calls_need_a_name() -> None:
    need_bubblewrap()
    node = "class Node:\n    def __init__(self, value):\n        self.value, self.left = value, None\n"
    code = f"{node}def depth(node):\n    return 1 + depth(node.left) if node else 0\n"
    row = {
        "test": ["assert depth(root) == 3"],
        "setup": "root = Node(4)\nroot.left = Node(2)\nroot.left.left = Node(1)",
    }
    run = make_code_reward(options(entry_point=None, setup="setup"), Path())
    assert run([code, code.replace("1 +", "2 +")], [row, row]) == [1.0, 0.0]
    calls = {"test": [{"type": "function_call", "input": [1], "output": 1}], "name": "f"}
    named = make_code_reward(options(entry_point="name"), Path())
    assert named(["def f(x): return x", "def f(x): return 2"], [calls, calls]) == [1.0, 0.0]
    (nameless,) = named(["def f(x): return x"], [{**calls, "name": None}])
    assert isinstance(nameless, Failed)


@pytest.mark.parametrize(
    ("value", "function", "tests"),
    [
        ("assert f() == 1", None, "assert f() == 1"),
        (["assert f()", "assert g()"], None, ["assert f()", "assert g()"]),
        ({"inputs": [["1", "2"]], "outputs": ["3"]}, None, [ProgramCase("1\n2", "3")]),
        ({"inputs": ["1"], "outputs": ["3"], "fn_name": None}, None, [ProgramCase("1", "3")]),
        ([{"input": 1, "output": 2}], None, [ProgramCase("1", "2")]),
        ([{"input": "1", "output": "2", "testtype": "stdin"}], None, [ProgramCase("1", "2")]),
        ({"test_cases": [{"input": "1", "output": "2", "type": "stdin_stdout"}]}, None, [ProgramCase("1", "2")]),
        ({"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"}, "add", [FunctionCall([1, 2], (3,))]),
        ('{"inputs": [[1, 2]], "outputs": [[3]], "fn_name": "add"}', "add", [FunctionCall([1, 2], ([3], 3))]),
        ([{"input": [1], "output": 2, "type": "function_call", "fn_name": "f"}], "f", [FunctionCall([1], (2,))]),
        ([{"input": [1], "output": 2, "type": "function_call"}], None, [FunctionCall([1], (2,))]),
        (
            [{"input": '[1]\n"a"', "output": "[2]", "testtype": "functional"}],
            None,
            [FunctionCall([[1], "a"], ([[2]], [2]))],
        ),
        ({"fn_name": "f", "test_cases": [{"input": [1], "output": 2}]}, "f", [FunctionCall([1], (2,))]),
    ],
)
def test_forms_of_tests(value: Any, function: str | None, tests: Any) -> None:
    assert read_tests(value) == (function, tests)


@pytest.mark.parametrize(
    "value",
    [
        "",
        [],
        {},
        3,
        [1],
        {"inputs": [], "outputs": []},
        {"inputs": ["1"], "outputs": []},
        {"test_cases": []},
        [{"input": 1, "output": 2, "type": "interactive"}],
        [{"input": 1, "output": 2, "type": "stdin"}, {"input": 1, "output": 2, "type": "functional"}],
        [{"input": 1, "output": 2, "fn_name": "f"}, {"input": 1, "output": 2, "fn_name": "g"}],
        [{"input": "one", "output": "2", "type": "functional"}],
    ],
    ids=str,
)
def test_tests_of_no_known_form_are_refused(value: Any) -> None:
    with pytest.raises(InputError):
        read_tests(value)


def test_a_missing_folder_of_packages_is_named(tmp_path: Path) -> None:
    need_bubblewrap()
    with pytest.raises(InputError, match="no folder"):
        make_code_reward(options(packages=["nowhere"]), tmp_path)
