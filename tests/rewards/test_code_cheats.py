"""Every cheating answer scores 0, and none turns its 0 into "not applicable"."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from code_cheats import CONSUMERS, ENDINGS, ESCAPES, FORGERIES, RIGHT, XS
from posttrain.rewards.code import extract_code
from posttrain.rewards.sandbox.box import Sandbox
from posttrain.rewards.sandbox.checks import Limits
from sandbox_boxes import need_bubblewrap

SAMPLE = ("map, all", "zip of map", "filter, list", "hasattr", "where something may be caught")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    need_bubblewrap()
    with Sandbox(Limits(cpu_seconds=1, wall_seconds=5), pool=2) as opened:
        yield opened


def kinds(box: Sandbox, checks: Iterable[tuple[str, str]]) -> list[str]:
    """The kinds of the results of checks, each (code, tests)."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda check: box.check(extract_code(check[0]), XS + check[1]).kind, checks))


def test_right_code_passes_all_tests(box: Sandbox) -> None:
    assert dict(zip(CONSUMERS, kinds(box, ((RIGHT, tests) for tests in CONSUMERS.values())), strict=True)) == (
        dict.fromkeys(CONSUMERS, "passed")
    )


@pytest.mark.parametrize("name", ENDINGS)
def test_an_exception_of_the_code_ends_no_loop_of_the_tests(box: Sandbox, name: str) -> None:
    results = dict(zip(CONSUMERS, kinds(box, ((ENDINGS[name], tests) for tests in CONSUMERS.values())), strict=True))
    assert not {test: kind for test, kind in results.items() if kind not in ("error", "failed")}


@pytest.mark.parametrize("mode", [{"forks": False}, {"process_limits": True}], ids=str)
@pytest.mark.filterwarnings("ignore:code runs with process limits")
def test_the_mode_of_starting_processes_does_not_matter(mode: dict[str, bool]) -> None:
    need_bubblewrap()
    with Sandbox(pool=1, **mode) as opened:
        results = kinds(opened, ((ENDINGS["StopIteration"], CONSUMERS[name]) for name in SAMPLE))
    assert set(results) == {"error"}


def test_no_forgery_passes(box: Sandbox) -> None:
    tests = ("assert f(2) == 4", "assert 4 == f(2)", "assert all(map(lambda x: f(x) == 2 * x, XS))")
    for text in (*tests, "assert abs(f(2) - 4) < 1e-9", "assert f(2) in (4, 5)", "assert not f(2) != 4"):
        results = dict(zip(FORGERIES, kinds(box, ((code, text) for code in FORGERIES.values())), strict=True))
        assert not [name for name, kind in results.items() if kind == "passed"], text


def test_no_answer_makes_the_tests_look_broken(box: Sandbox) -> None:
    results = kinds(box, ((code, tests) for tests, code in ESCAPES.values()))  # broken tests would raise
    assert "passed" not in results


def test_tests_may_expect_a_stop_iteration(box: Sandbox) -> None:
    caught = (
        "try:\n    f(1)\n    assert False\nexcept (KeyError, StopIteration) as error:\n    assert error.args == (3,)"
    )
    suppressed = "import contextlib\nwith contextlib.suppress(StopIteration):\n    f(1)\n    assert False"
    raises = "import unittest\nunittest.TestCase().assertRaises(StopIteration, f, 1)"
    for tests in (caught, suppressed, raises):
        assert kinds(box, [("def f(x): raise StopIteration(3)", tests), ("def f(x): return 3", tests)]) == [
            "passed",
            "failed",
        ]
