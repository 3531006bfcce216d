"""No attack passes; each gets a verdict in bounded time, and leaves no process and no file."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import posttrain
import sandbox_attacks as attacks
from posttrain.rewards.sandbox.box import Sandbox
from posttrain.rewards.sandbox.checks import CheckResult, Limits, ProgramCase
from sandbox_boxes import descendants, need_bubblewrap, strays

WALL = 3.0


FORKS = [pytest.param(True, id="forked"), pytest.param(False, id="single-use", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=FORKS)
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A pool of one place, so that a check could meet remains of an earlier one, in both modes of processes."""
    need_bubblewrap()
    limits = Limits(cpu_seconds=1, wall_seconds=WALL, memory_mib=256)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_TOKEN", "hunter2")
        with Sandbox(limits, pool=1, forks=request.param) as opened:
            yield opened


def harmless_check(box: Sandbox) -> CheckResult:
    """Run a harmless check, which shows that the sandbox still works, and waits for processes that are starting."""
    return box.check("def f(): return 7", ["assert f() == 7"])


def attack(box: Sandbox, code: str, tests: list[str]) -> CheckResult:
    assert harmless_check(box).passed
    before, began = living_processes(box), time.monotonic()
    verdict = box.check(code, tests)
    assert time.monotonic() - began < WALL + 5
    assert harmless_check(box).passed, "the sandbox does not work any more"
    if before is not None:
        assert descendants() == before, "a process is left, or the warm one died"
    assert not strays()
    assert len(verdict.detail) <= 600
    assert "\x1b" not in verdict.detail
    return verdict


def living_processes(box: Sandbox) -> set[int] | None:
    """The processes that should be alive after a check; None where new ones start all the time."""
    return descendants() if box._pool.forks else None


@pytest.mark.parametrize("name", attacks.FORGERIES)
def test_no_forgery_knows_the_tests_value(box: Sandbox, name: str) -> None:
    secret = f"sesame-{secrets.token_hex(8)}"
    verdict = attack(box, attacks.FORGERIES[name], [f"assert f() == {secret!r}", f"assert {secret!r} == f()"])
    assert not verdict.passed


@pytest.mark.parametrize("name", attacks.BREAKOUTS)
def test_no_breakout_works(box: Sandbox, name: str) -> None:
    project = Path(posttrain.__file__).parent / "rewards" / "sandbox" / "box.py"
    code = attacks.BREAKOUTS[name].replace("PROJECT", repr(str(project))).replace("HOME", repr(str(Path.home())))
    verdict = attack(box, code, ["assert f() is True"])
    assert verdict.kind in ("failed", "error"), verdict


@pytest.mark.parametrize("name", attacks.EXHAUSTIONS)
def test_no_code_gets_more_than_its_share(box: Sandbox, name: str) -> None:
    code, kinds = attacks.EXHAUSTIONS[name]
    verdict = attack(box, code, ["assert f() == 1"])
    assert verdict.kind in kinds, verdict


def test_a_readable_file_shows_that_a_breakout_would_be_noticed(box: Sandbox) -> None:
    assert box.check(
        "def f(): return bool(open('/box/posttrain/rewards/sandbox/child.py').read())", ["assert f()"]
    ).passed


def test_a_program_leaves_no_process(box: Sandbox) -> None:
    before = living_processes(box)
    code = "import os\nprint(1, flush=True)\nos.close(1); os.close(2)\nwhile True: pass"
    assert not box.check(code, [ProgramCase("", "1\n")]).passed
    assert box.check("print(1)", [ProgramCase("", "1\n")]).passed
    assert before is None or descendants() == before
