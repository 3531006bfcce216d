"""No attack passes, each has a verdict in bounded time, and nothing is left running or written."""

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


WAYS = [pytest.param(True, id="forked"), pytest.param(False, id="single-use", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=WAYS)
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """One place, so that each check follows another's remains. Both ways of starting a process."""
    need_bubblewrap()
    limits = Limits(cpu_seconds=1, wall_seconds=WALL, memory_mib=256)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_TOKEN", "hunter2")
        with Sandbox(limits, pool=1, forks=request.param) as opened:
            yield opened


def settled(box: Sandbox) -> CheckResult:
    """A harmless check: the sandbox still works, and waits out what is being started."""
    return box.check("def f(): return 7", ["assert f() == 7"])


def attack(box: Sandbox, code: str, tests: list[str]) -> CheckResult:
    assert settled(box).passed
    before, began = forked(box), time.monotonic()
    verdict = box.check(code, tests)
    assert time.monotonic() - began < WALL + 5
    assert settled(box).passed, "the sandbox does not work any more"
    if before is not None:
        assert descendants() == before, "a process is left, or the warm one died"
    assert not strays()
    assert len(verdict.detail) <= 600
    assert "\x1b" not in verdict.detail
    return verdict


def forked(box: Sandbox) -> set[int] | None:
    """What should be alive after a check; None where processes are always being started."""
    return descendants() if box._pool.forks else None


@pytest.mark.parametrize("name", attacks.FORGERIES)
def test_a_value_it_cannot_know_is_not_forged(box: Sandbox, name: str) -> None:
    secret = f"sesame-{secrets.token_hex(8)}"
    verdict = attack(box, attacks.FORGERIES[name], [f"assert f() == {secret!r}", f"assert {secret!r} == f()"])
    assert not verdict.passed


@pytest.mark.parametrize("name", attacks.BREAKOUTS)
def test_it_does_not_get_out(box: Sandbox, name: str) -> None:
    project = Path(posttrain.__file__).parent / "rewards" / "sandbox" / "box.py"
    code = attacks.BREAKOUTS[name].replace("PROJECT", repr(str(project))).replace("HOME", repr(str(Path.home())))
    verdict = attack(box, code, ["assert f() is True"])
    assert verdict.kind in ("failed", "error"), verdict


@pytest.mark.parametrize("name", attacks.EXHAUSTIONS)
def test_it_does_not_get_more_than_its_share(box: Sandbox, name: str) -> None:
    code, kinds = attacks.EXHAUSTIONS[name]
    verdict = attack(box, code, ["assert f() == 1"])
    assert verdict.kind in kinds, verdict


def test_a_breakout_that_works_would_be_seen(box: Sandbox) -> None:
    assert box.check(
        "def f(): return bool(open('/box/posttrain/rewards/sandbox/child.py').read())", ["assert f()"]
    ).passed


def test_a_program_leaves_nothing_either(box: Sandbox) -> None:
    before = forked(box)
    code = "import os\nprint(1, flush=True)\nos.close(1); os.close(2)\nwhile True: pass"
    assert not box.check(code, [ProgramCase("", "1\n")]).passed
    assert box.check("print(1)", [ProgramCase("", "1\n")]).passed
    assert before is None or descendants() == before
