"""The sandbox's verdicts, and the values that cross between its processes."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter, namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import posttrain
from posttrain.errors import InputError
from posttrain.rewards.sandbox import codec, launch
from posttrain.rewards.sandbox.box import Sandbox
from posttrain.rewards.sandbox.checks import BrokenTests, Limits, ProgramCase
from posttrain.rewards.sandbox.compare import same_output
from sandbox_boxes import descendants, need_bubblewrap

HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
PLAIN = st.recursive(
    HASHABLE | st.complex_numbers(allow_nan=False) | st.sets(HASHABLE, max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HASHABLE, inner, max_size=4) | st.tuples(inner),
    max_leaves=10,
)
CAP = 1 << 20


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    need_bubblewrap()
    with Sandbox(Limits(cpu_seconds=2, wall_seconds=5), pool=2) as opened:
        yield opened


@given(PLAIN)
def test_plain_data_cross_with_value_and_type_unchanged(value: Any) -> None:
    back = codec.decode_value(codec.encode_value(value, CAP))
    assert back == value
    assert repr(back) == repr(value) or isinstance(value, set | frozenset | dict | tuple | list)
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "value",
    [10**5000, -(1 << 60), range(0, 9, 2), "\ud800", float("inf"), {(1, 2): {3}}],
    ids=lambda v: type(v).__name__,
)
def test_values_at_the_limits_cross(value: Any) -> None:
    assert codec.decode_value(codec.encode_value(value, CAP)) == value


def test_subclasses_cross_as_their_base() -> None:
    point = namedtuple("point", "x y")(1, 2)
    mine = type("Mine", (Counter,), {})("aab")
    for value, plain in ((mine, Counter("aab")), (signal.SIGINT, 2), (point, (1, 2))):
        back = codec.decode_value(codec.encode_value(value, CAP))
        assert type(back) is type(plain)
        assert back == plain


@pytest.mark.parametrize("value", [object(), len, object, codec, {1: [lambda: 0]}])
def test_other_values_do_not_cross(value: Any) -> None:
    with pytest.raises(codec.NotPlain):
        codec.encode_value(value, CAP)


@given(st.binary(max_size=60) | st.text(alphabet='[]{}":,0123xintdcseturang-', max_size=30).map(str.encode))
def test_bytes_that_are_no_value_raise_not_plain(data: bytes) -> None:
    try:
        value = codec.decode_value(data)
    except codec.NotPlain:
        return
    codec.encode_value(value, CAP)


def test_the_kind_of_a_result_names_its_cause(box: Sandbox) -> None:
    def kind(code: str, *tests: str) -> str:
        return box.check(code, tests or ["assert f(2) == 4"]).kind

    assert kind("def f(x): return x * 2") == "passed"
    assert kind("def f(x): return x * 3") == "failed"
    assert kind("def f(x): return None", "assert f(2) + 1 == 5") == "failed"
    assert kind("def f(x): raise KeyError(x)") == "error"
    assert kind("def f(x) return x") == "error"
    assert kind("def g(x): return x") == "error"
    assert kind("def f(x): return f") == "refused"
    assert kind("def f(x):\n while x: pass") == "timeout"
    assert kind("import time\ndef f(x): time.sleep(60)") == "timeout"


def test_a_test_may_expect_an_exception(box: Sandbox) -> None:
    tests = "try:\n    f(-1)\nexcept ValueError as error:\n    assert 'no' in str(error)\nelse:\n    assert False\n"
    assert box.check("class Mine(ValueError): pass\ndef f(x): raise Mine('no')", tests).passed
    assert not box.check("def f(x): raise KeyError('no')", tests).passed
    assert not box.check("def f(x): return 1", tests).passed


@pytest.mark.parametrize("code", ["import os; os._exit(0)", "def f(x): return open", "def f(x): raise SystemExit"])
def test_no_except_in_the_tests_hides_the_end_of_the_code(box: Sandbox, code: str) -> None:
    assert not box.check(code, "try:\n    x = f(1)\nexcept BaseException:\n    pass\n").passed


@pytest.mark.parametrize("name", ["abs", "all", "len", "isinstance"])
def test_a_builtin_of_the_tests_is_never_the_codes(box: Sandbox, name: str) -> None:
    code = f"def {name}(*a): return 0\ndef f(): return 99"
    assert box.check(code, ["assert abs(f() - 1) < 1e-6 and all([f() == 1]) and isinstance(f(), int)"]).kind == "failed"


def test_the_tests_use_their_own_helpers(box: Sandbox) -> None:
    given_code = "def twice(x):\n    return 2 * x\n"
    code = "def twice(x): return 4\ndef f(x): return 0"
    assert not box.check(code, ["assert twice(f(2)) == 4"], entry_point="f", setup=given_code).passed


@pytest.mark.parametrize(
    "tests", [["assert True"], ["assert f(1) =="], ["import nothing_like_it\nassert f(1)"], ["f(lambda: 0)"], ["f(g)"]]
)
def test_broken_tests_are_no_failure_of_the_code(box: Sandbox, tests: list[str]) -> None:
    with pytest.raises(BrokenTests):
        box.check("def f(x): return x", tests, entry_point="f")


def test_programs_are_compared_line_by_line(box: Sandbox) -> None:
    code = "import sys\nfor line in sys.stdin: print(int(line) * 2, end=' \\n')"
    assert box.check(code, [ProgramCase("1\n2\n", "2\n4"), ProgramCase("", "")]).passed
    verdict = box.check(code, [ProgramCase("1\n", "2\n"), ProgramCase("1\n", "3\n")])
    assert (verdict.kind, verdict.detail[:6]) == ("failed", "case 2")
    assert box.check("print(2); raise ValueError", [ProgramCase("", "2")]).kind == "error"
    assert box.check("print(2); raise SystemExit", [ProgramCase("", "2")]).passed
    assert same_output("a \n\n", "a")
    assert not same_output("a\n b", "a\nb")


def test_more_input_than_a_pipe_holds(box: Sandbox) -> None:
    text = "x" * 500_000
    assert box.check("print(len(input()))", [ProgramCase(text, "500000")]).passed
    assert box.check("print('early')", [ProgramCase(text, "early")]).passed


def test_checks_at_the_same_time_do_not_mix(box: Sandbox) -> None:
    def check(number: int) -> bool:
        return box.check(f"def f(x): return x + {number}", [f"assert f(1) == {number + 1}"]).passed

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(check, range(60)))


def test_a_killed_sandbox_is_replaced() -> None:
    need_bubblewrap()
    with Sandbox(pool=1) as box:
        assert box.check("def f(): return 1", ["assert f() == 1"]).passed
        slot = box._pool._slots.get()
        slot._started.process.kill()  # type: ignore[union-attr]
        slot._started.process.wait()  # type: ignore[union-attr]
        box._pool._slots.put(slot)
        assert box.check("def f(): return 1", ["assert f() == 1"]).passed


def test_the_thread_that_made_a_sandbox_may_end() -> None:
    need_bubblewrap()
    boxes: list[Sandbox] = []
    thread = threading.Thread(target=lambda: boxes.append(Sandbox(pool=1)))
    thread.start()
    thread.join()
    with boxes[0] as box:
        assert box.check("def f(): return 1", ["assert f() == 1"]).passed


def test_no_process_outlives_the_sandbox() -> None:
    need_bubblewrap()
    before = descendants()
    with Sandbox(pool=2) as box:
        box.check("def f(): return 1", ["assert f() == 1"])
        assert descendants() > before
    deadline = time.monotonic() + 10
    while descendants() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not descendants() - before


@pytest.fixture
def readable_source() -> Iterator[Path]:
    """A copy of posttrain that every user may read, whoever may read the checkout."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        source = Path(posttrain.__file__).parent
        shutil.copytree(source, folder / "posttrain", ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


def test_a_plain_user_has_the_same_sandbox(readable_source: Path) -> None:
    need_bubblewrap()
    if os.geteuid() != 0:
        pytest.skip("this is a plain user, so all other tests show it")
    program = (
        "from posttrain.rewards.sandbox.box import Sandbox\n"
        "with Sandbox(pool=1) as box:\n"
        "    print(box._pool.forks, box.check('def f(): return 1', ['assert f() == 1']).kind)"
    )
    for python in (launch.interpreter(), "/usr/bin/python3"):
        with contextlib.suppress(PermissionError, FileNotFoundError):
            done = subprocess.run(
                [python, "-B", "-c", program],
                user=1000,
                group=1000,
                extra_groups=[],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(readable_source)},
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stdout == "True passed\n", done.stderr
            return
    pytest.skip("no interpreter that a plain user may start")


def test_the_same_code_gives_the_same_output(box: Sandbox) -> None:
    code = "import random\nprint(random.random(), hash('a'), list({'a', 'b', 'c', 'd'}))"
    details = {box.check(code, [ProgramCase("", "")]).detail for _ in range(4)}
    assert len(details) == 1


def test_a_missing_bubblewrap_is_an_error_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"apt-get install bubblewrap.*process-limits"):
        Sandbox(pool=1)


def test_process_limits_warn_and_bound() -> None:
    with pytest.warns(UserWarning, match="can read this machine's files"):
        box = Sandbox(Limits(cpu_seconds=1, wall_seconds=3), pool=1, process_limits=True)
    with box:
        assert box.check("def f(): return 1", ["assert f() == 1"]).passed
        assert box.check("def f(): return 2", ["assert f() == 1"]).kind == "failed"
        assert box.check("def f():\n while True: pass", ["assert f() == 1"]).kind == "timeout"
        assert box.check("import os\ndef f(): return os.fork()", ["assert f() >= 0"]).kind == "error"
        assert box.check("import os, signal\ndef f(): os.kill(os.getppid(), 9)", ["assert not f()"]).kind == "error"
