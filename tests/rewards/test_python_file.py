"""The user's own reward function: its forms, and the errors where it cannot work."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import InputError
from posttrain.rewards.interrupts import is_user_interrupt, record_interrupts
from posttrain.rewards.python_file import PythonReward, make_python_reward
from posttrain.rewards.score import Reward
from posttrain.rewards.types import Failed, RewardFn
from posttrain.train.signals import graceful_stop
from scored_texts import score_completions

ROWS = [{"prompt": "p", "n": 1}, {"prompt": "q", "n": 2}]


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    def open_source(source: str, name: str = "reward") -> RewardFn:
        (tmp_path / "rewards.py").write_text(source, encoding="utf-8")
        return make_python_reward(PythonReward(kind="python", file="rewards.py", function=name), tmp_path)

    return open_source


def test_a_function_of_one_completion(opened: Any) -> None:
    batch = opened("def reward(completion, row):\n    return len(completion) * row['n'] if row['n'] < 2 else None\n")
    assert batch(["abc", "d"], ROWS) == [3, None]


def test_a_function_that_raises_fails_alone_and_names_its_line(opened: Any) -> None:
    batch = opened("def reward(completion, row):\n    return 1 / (row['n'] - 1)\n")
    failed, scored = batch(["a", "b"], ROWS)
    assert failed == Failed("ZeroDivisionError: division by zero (rewards.py:2)")
    assert scored == 1.0


def test_an_async_function_waits_for_all_at_once(opened: Any) -> None:
    batch = opened(
        "import asyncio\nhere = 0\nmost = 0\n"
        "async def reward(completion, row):\n"
        "    global here, most\n    here += 1\n    most = max(most, here)\n"
        "    await asyncio.sleep(0.01)\n    here -= 1\n"
        "    if completion == 'bad':\n        raise ValueError('no')\n    return most\n"
    )
    assert batch(["a", "bad"], ROWS) == [2, Failed("ValueError: no (rewards.py:11)")]
    assert batch(["a"], ROWS[:1]) == [2]  # and again, in a new event loop


FORMS = ("def reward(completion, row)", "async def reward(completion, row)", "def reward(completions)")
FORMS += ("async def reward(completions)",)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("exit", ["SystemExit(0)", "KeyboardInterrupt", "GeneratorExit", "asyncio.CancelledError"])
def test_a_function_that_exits_fails_and_the_run_goes_on(opened: Any, form: str, exit: str) -> None:
    batch = opened(f"import asyncio\n{form}:\n    raise {exit}\n")
    scored = score_completions({"mine": Reward(batch)}, ["a", "b"], ROWS, ["r:1", "r:2"], max_failures=1.0)
    assert scored.components["mine"] == (None, None)
    name = exit.split("(")[0].removeprefix("asyncio.")
    starts = [text.startswith(f"r:{i}: reward `mine`: {name}") for i, text in enumerate(scored.failures, 1)]
    assert starts == [True, True]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Python's own handler, whatever the test runner has put in its place."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("form", FORMS)
def test_the_users_own_interrupt_is_no_failure_of_a_reward(opened: Any, form: str, interruptible: None) -> None:
    values = "[1.0, 1.0]" if "completions" in form else "1.0"
    batch = opened(f"import signal\n{form}:\n    signal.raise_signal(signal.SIGINT)\n    return {values}\n")
    with pytest.raises(KeyboardInterrupt):
        score_completions({"mine": Reward(batch)}, ["a", "b"], ROWS, ["r:1", "r:2"], max_failures=1.0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # A run notes the first interrupt and finishes its step; here the second completion interrupts again.
    with graceful_stop() as stop_requested:
        if "completions" in form:
            assert score_completions({"mine": Reward(batch)}, ["a", "b"], ROWS, ["r:1", "r:2"]).total == (1.0, 1.0)
        else:
            with pytest.raises(KeyboardInterrupt):
                score_completions({"mine": Reward(batch)}, ["a", "b"], ROWS, ["r:1", "r:2"])
        assert stop_requested()


@pytest.mark.parametrize("form", ["def", "async def"])
def test_a_function_of_all_completions_gets_the_columns_of_its_parameters(opened: Any, form: str) -> None:
    batch = opened(
        f"{form} reward(completions, n, prompts, other=5):\n"
        "    return [str((c, n, prompts, other)) for c in completions]\n"
    )
    assert batch(["a", "b"], ROWS) == [f"('{c}', [1, 2], ['p', 'q'], 5)" for c in "ab"]


@pytest.mark.parametrize("form", FORMS)
def test_a_reward_scores_where_a_loop_runs_already_as_in_a_notebook(opened: Any, form: str) -> None:
    batch = opened(f"{form}:\n    return {'[2.0, 2.0]' if 'completions' in form else '2.0'}\n")

    async def cell() -> list[Any]:
        return list(batch(["a", "b"], ROWS))

    assert asyncio.run(cell()) == [2.0, 2.0]


def test_a_function_of_all_completions_may_take_every_column(opened: Any) -> None:
    batch = opened("def reward(prompts, completions, **columns):\n    return [sorted(columns), prompts]\n")
    assert batch(["a", "b"], [*ROWS[:1], {"prompt": "q", "m": 3}]) == [["m", "n"], ["p", "q"]]


def test_a_column_that_no_row_has_is_named(opened: Any) -> None:
    batch = opened("def reward(completions, answer):\n    return [0]\n")
    with pytest.raises(InputError, match=r"takes answer, and no row has such a column \(rows have prompt, n\)"):
        batch(["a", "b"], ROWS)


def test_a_function_cannot_change_the_row(opened: Any) -> None:
    rows = [dict(ROWS[0])]
    opened("def reward(completion, row):\n    row['n'] = 9\n    return 0.0\n")(["a"], rows)
    assert rows == ROWS[:1]


def test_a_module_beside_the_file_can_be_imported(tmp_path: Path, opened: Any) -> None:
    (tmp_path / "beside_rewards.py").write_text("VALUE = 0.5\n", encoding="utf-8")
    assert opened("from beside_rewards import VALUE\ndef reward(completion, row):\n    return VALUE\n")(
        ["a"], [{}]
    ) == [0.5]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1\nimport no_such_module_at_all\n", r"rewards.py:2: ModuleNotFoundError: No module named"),
        ("def reward(completion, row)\n    pass\n", r"rewards.py:1: SyntaxError: expected ':'"),
        ("def f():\n    raise ValueError('bad')\n\nf()\n", r"rewards.py:2: ValueError: bad"),
        ("import sys\nsys.exit(3)\n", r"rewards.py:2: SystemExit: 3"),
        ("raise KeyboardInterrupt\n", r"rewards.py:1: KeyboardInterrupt"),
        ("def other(completion, row): ...\n", r"has no function reward \(it has other\)"),
        ("reward = 3\n", r"has no function reward \(it has none\)"),
        (
            "def reward(completion): ...\n",
            r"rewards.py:1: reward\(completion\) cannot score: write reward\(completion, row\)",
        ),
        ("\ndef reward(a, b, c): ...\n", r"rewards.py:2: reward\(a, b, c\) cannot score"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_with_its_line(opened: Any, source: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        opened(source)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"file: .*nowhere\.py is no file"):
        make_python_reward(PythonReward(kind="python", file="nowhere.py", function="f"), tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"should end in \.py"):
        make_python_reward(PythonReward(kind="python", file="notes.txt", function="f"), tmp_path)


def test_an_earlier_interrupt_does_not_count_for_a_later_call() -> None:
    """Where SIGINT is ignored, as in a job in the background, no interrupt of the user can arrive."""
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, lambda number, frame: None)
        with record_interrupts():
            signal.raise_signal(signal.SIGINT)
        assert is_user_interrupt(KeyboardInterrupt())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with record_interrupts():
            pass
        assert not is_user_interrupt(KeyboardInterrupt())
    finally:
        signal.signal(signal.SIGINT, before)
