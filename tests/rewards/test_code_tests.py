"""The uses that tests can make of code in another process, and the tests that make a row not applicable."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from posttrain.rewards.sandbox.box import Sandbox
from posttrain.rewards.sandbox.checks import BrokenTests, FunctionCall, Limits, ProgramCase
from sandbox_boxes import need_bubblewrap


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    need_bubblewrap()
    with Sandbox(Limits(cpu_seconds=2, wall_seconds=10), pool=2) as opened:
        yield opened


def failing(box: Sandbox, cases: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """(code, tests, detail) of the cases that do not pass."""
    with ThreadPoolExecutor(2) as threads:
        verdicts = list(threads.map(lambda case: box.check(case[0], case[1]), cases))
    return [(*case, v.detail) for case, v in zip(cases, verdicts, strict=True) if not v.passed]


VALUES = [
    ("def f(n): return map(str, range(n))", "assert list(f(2)) == ['0', '1']"),
    ("def f(n): return filter(None, range(n))", "assert sorted(f(3)) == [1, 2]"),
    ("def f(n): return zip('ab', range(n))", "assert dict(f(2)) == {'a': 0, 'b': 1}"),
    (
        "def f(n): return (i * i for i in range(n))",
        "g = f(3)\nassert next(g) == 0\nassert [*g] == [1, 4]\nassert not [*g]",
    ),
    ("def f(n):\n while True:\n  yield n\n  n *= 2", "g = f(1)\nassert [next(g) for _ in range(9)][-1] == 256"),
    ("def f(n): yield from range(n)", "assert sum(f(5000)) == 5000 * 4999 // 2"),
    (
        "def f(n):\n yield n\n raise ValueError('end')",
        "g = f(1)\nassert next(g) == 1\ntry:\n next(g)\n assert 0\nexcept ValueError as e:\n assert str(e) == 'end'",
    ),
    (
        "class C:\n def __init__(s, n): s.n = n\n def __iter__(s): return s\n def __next__(s):\n  if not s.n:"
        " raise StopIteration\n  s.n -= 1\n  return s.n\ndef f(n): return C(n)",
        "assert list(f(3)) == [2, 1, 0]",
    ),
    ("def f(n): return reversed([n, 1])", "assert list(f(2)) == [1, 2]"),
    ("def f(n): return [iter([n]), {n: map(abs, [-n])}]", "a, b = f(2)\nassert [*a] == [2] and [*b[2]] == [2]"),
    ("def f(n): return {n: 1}.keys()", "assert f(2) == {2} and 2 in f(2)"),
    ("def f(n): return {n: 1}.items()", "assert f(2) == {(2, 1)}"),
    ("def f(n): return {n: [1]}.values()", "assert list(f(2)) == [[1]]"),
    ("from fractions import Fraction\ndef f(n): return Fraction(n, 4)", "assert f(2) == 0.5 and f(2).denominator == 2"),
    ("from decimal import Decimal\ndef f(n): return Decimal('0.10')", "assert str(f(2)) == '0.10'"),
    ("def f(n): return bytearray(n)", "assert f(1) == b'\\0' and isinstance(f(1), bytearray)"),
    ("from collections import deque\ndef f(n): return deque([n], 3)", "assert f(2)[0] == 2 and f(2).maxlen == 3"),
    ("from collections import Counter\ndef f(s): return Counter(s)", "assert f('aab').most_common(1) == [('a', 2)]"),
    ("from collections import OrderedDict as O\ndef f(n): return O(b=1, a=2)", "assert list(f(1)) == ['b', 'a']"),
    (
        "from collections import defaultdict\ndef f(n):\n d = defaultdict(list)\n d[n].append(1)\n return d",
        "assert f(2) == {2: [1]}",
    ),
    ("import datetime\ndef f(n): return datetime.date(2024, 1, n)", "assert f(2).isoformat() == '2024-01-02'"),
    ("def f(x): return type(x)", "assert f(2) is int and f([]) == list"),
    ("def f(xs, kind): return [x for x in xs if isinstance(x, kind)]", "assert f([1, 'a'], str) == ['a']"),
    ("def f(xs): return list(xs)", "assert f(iter([1])) == f(x for x in [1]) == f(map(abs, [-1])) == [1]"),
    ("async def f(n): return n", "import asyncio\nassert asyncio.run(f(2)) == 2"),
    ("\ufeffdef f(n): return n", "assert f(2) == 2"),
]


def test_values_of_builtin_types_cross(box: Sandbox) -> None:
    assert not failing(box, VALUES)


def test_a_wrong_value_of_such_a_type_fails(box: Sandbox) -> None:
    cases = [
        ("from collections import OrderedDict as O\ndef f(n): return O(a=2, b=1)",
         "from collections import OrderedDict as O\nassert f(1) == O(b=1, a=2)"),
        ("def f(n): return iter([n])", "assert f(2) == [2]"),
        ("def f(n): return {1: 1}.keys()", "assert f(2) == {2}"),
        ("def f(n): return range(n)", "assert list(f(2)) == [1]"),
    ]  # fmt: skip
    assert len(failing(box, cases)) == len(cases)


NAMES = [
    ("def sum(a, b): return a + b", "assert sum(10, 15) == 25"),
    ("import sys\ndef f(n): return n", "assert f(sys.maxsize) == sys.maxsize"),
    ("def f(x): return x", "from math import *\nassert f(sqrt(4)) == 2"),
    ("def f(x): return x\ndef g(x): return f(x) + 1", "assert g(f(1)) == 2"),
    ("def f(x): return x", "fs = [f, abs]\nassert [h(2) for h in fs] == [2, 2]"),
    ("def f(x): return x", "assert list(map(f, [1])) == [1]"),
    ("def f(x): return x", "from solution import f\nassert f(1) == 1"),
    ("def f(x): return x", "import solution\nassert solution.f(1) == 1"),
    ("def f(x): return x", "from solution import f as g\ndef test_one():\n    assert g(1) == 1"),
    ("def f(x): return x", "def test_one():\n    assert f(1) == 1"),
    ("def f(x): return x", "import sys\nassert f(1) == 1\nsys.exit(0)"),
    ("def f(x): return x", "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n"
     "        self.assertEqual(f(1), 1)\nunittest.main()"),
    ("class Pair:\n def __init__(s, a, b): s.a, s.b = a, b\ndef f(pairs): return [p.a + p.b for p in pairs]",
     "assert f([Pair(5, 24), Pair(1, b=1)]) == [29, 2]"),
    ("from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(p): return p.x", "assert f(P(1, 2)) == 1"),
    ("class Solution:\n def f(self, x): return x", "assert f(1) == 1"),
    ("def f(x): raise KeyError(x)", "try:\n f('k')\nexcept KeyError as e:\n assert e.args == ('k',)"),
    ("def f(x): open('/nothing')", "try:\n f(1)\nexcept FileNotFoundError as e:\n assert e.errno == 2"),
    ("class E(ValueError):\n def __str__(s): return 'mine'\ndef f(x): raise E(1, 2)",
     "try:\n f(1)\nexcept ValueError as e:\n assert str(e) == 'mine' and e.args == (1, 2)\n"
     " assert type(e).__name__ == 'E'"),
    ("def f(b): return b.decode()", "try:\n f(b'\\xff')\nexcept UnicodeDecodeError as e:\n assert e.start == 0"),
    ("def f(x): raise ValueError(object())", "try:\n f(1)\nexcept ValueError as e:\n assert 'object' in str(e)"),
]  # fmt: skip


def test_names_modules_classes_and_exceptions_reach_the_tests(box: Sandbox) -> None:
    assert not failing(box, NAMES)


@pytest.mark.parametrize(
    "tests",
    [
        "assert f(1) == K",
        "assert f(1) == TABLE[0]",
        "assert abs(f(1) - K) < 1",
        "assert f(1).value == 1 and f(1) == f(1)",
        "assert Vector(1).plus(2) == 3 and Vector(1) + Vector(2) == Vector(3)",
        "class Mine(Base):\n    pass\nassert f(Mine) == 1",
        "try:\n    f(1)\nexcept Mine:\n    pass",
        "assert isinstance(f(1), Mine)",
        "assert list(range(3)) == [0]",
        "assert True",
        "import nothing_like_it\nassert f(1) == 1",
        "from nothing_like_it import *\nassert f(1) == 1",
        "assert 1 == 2",
    ],
)
def test_tests_that_cannot_run_apart_from_the_code_are_broken_for_any_code(box: Sandbox, tests: str) -> None:
    for code in ("def f(x): return 1", "def f(x): return 0\nK = 0\nclass Mine: pass\nclass Stack: pass", "", "exit()"):
        with pytest.raises(BrokenTests):
            box.check(code, tests)


@pytest.mark.parametrize("tests", ["assert f(lambda x: x) == 1", "def test_one(fixture):\n    assert f(1) == 1"])
def test_tests_that_fail_before_the_code_answers_are_broken(box: Sandbox, tests: str) -> None:
    for code in ("def f(x): return 1", "def f(x): raise StopIteration"):
        with pytest.raises(BrokenTests):
            box.check(code, tests)


STACK = """
class Stack:
    def __init__(self): self.items = []
    def push(self, x): self.items.append(x); return self
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __eq__(self, other): return True
"""
NODE = """
class Node:
    def __init__(self, value, next=None): self.value, self.next = value, next
def total(node):
    return node.value + total(node.next) if node else 0
def first(x): return Node(x)
"""
OBJECTS = [
    (
        STACK,
        "s = Stack()\ns.push(1)\ns.push(2).push(3)\nassert (len(s), s.pop(), s.items, [*s]) == (3, 3, [1, 2], [1, 2])",
        True,
    ),
    (STACK, "s = Stack()\nassert not s\ns.push(1)\nassert s and s.pop() == 1", True),
    (STACK, "s = Stack()\ns.push(1)\nassert s.pop() == 2", False),
    (STACK, "s = Stack()\nassert s.push(1) == 5", False),
    (STACK, "s = Stack()\ns.push(1)\nassert s.top() == 1", False),
    (STACK, "try:\n    Stack().push(1).popped()\n    assert 0\nexcept AttributeError:\n    pass", True),
    (NODE, "n = Node(1)\nn.next = Node(2)\nassert total(n) == 3 and n.next.value == 2 and n.next.next is None", True),
    (
        STACK,
        "import unittest\nclass T(unittest.TestCase):\n    def setUp(self):\n        self.s = Stack()\n"
        "    def test(self):\n        self.s.push(1)\n        self.assertEqual(self.s.pop(), 1)",
        True,
    ),
    (NODE, "assert first(2).value == 2", True),
    (NODE, "assert first(2).value == 3", False),
    (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
        "assert f().y == 2",
        True,
    ),
    ("class Solution:\n def add(self, x, y): return x + y", "assert Solution().add(1, 2) == 3", True),
    ("class f:\n def __init__(s, x): pass\n startswith = lambda *a: True", "assert f(1).startswith('ab')", False),
    (
        "class f:\n def __init__(s, x): pass\n startswith = append = lambda *a: True",
        "r = f(1)\nassert r == 'ab'",
        False,
    ),
    ("def f(xs): xs.sort()", "xs = [2, 1]\nf(xs)\nassert xs == [1, 2]", True),
    ("def f(xs): pass", "xs = [2, 1]\nf(xs)\nassert xs == [1, 2]", False),
    ("def f(d, xs): d.clear(); xs.add(3)", "d, s = {1: 1}, {2}\nf(d, xs=s)\nassert d == {} and s == {2, 3}", True),
    ("def f(xs):\n xs.clear()\n return []", "xs = [2, 1]\nassert f(xs) == sorted(xs)", False),
]


def test_objects_of_the_code_and_changed_arguments(box: Sandbox) -> None:
    failed = {(code, tests) for code, tests, _ in failing(box, [(code, tests) for code, tests, _ in OBJECTS])}
    assert [case for case in OBJECTS if (case[:2] not in failed) != case[2]] == []


def test_a_failing_test_of_unittest_or_pytest_fails(box: Sandbox) -> None:
    case = "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 1)\n"
    tests = [case, case + "unittest.main()", "def test_one():\n    assert f(1) == 1"]
    codes = ("def f(x): return 2", "def f(x): raise SystemExit(0)", "def f(x): raise AttributeError", "exit()")
    assert len(failing(box, [(code, text) for code in codes for text in tests])) == len(codes) * len(tests)


def test_with_an_entry_point_other_names_are_not_the_codes(box: Sandbox) -> None:
    assert box.check("def f(x): return x", "assert candidate(1) == 1", entry_point="f").passed
    for code in ("def f(x): return x\ndef g(x): return x", "def f(x): return 2"):
        with pytest.raises(BrokenTests, match="`g`"):
            box.check(code, "assert f(1) == g(1)", entry_point="f")
    assert box.check("class A:\n def f(self, x): return x", "assert candidate(1) == 1", entry_point="A().f").passed


def test_calls_are_compared_by_the_types_of_JSON(box: Sandbox) -> None:
    def kind(code: str, *calls: FunctionCall, name: str = "f", tolerance: float = 1e-6) -> str:
        return box.check(code, list(calls), entry_point=name, tolerance=tolerance).kind

    assert kind("def f(x, y): return (x, [y])", FunctionCall([1, 2], ([1, [2]],))) == "passed"
    assert kind("def f(x): return {x: 1}", FunctionCall([1], ({"1": 1},))) == "passed"
    assert kind("def f(x): return x / 3", FunctionCall([1], (0.333333,))) == "passed"
    assert kind("def f(x): return x / 3", FunctionCall([1], (0.333333,)), tolerance=0) == "failed"
    assert kind("def f(x): return x + 1", FunctionCall([10**9], (10**9,))) == "failed"
    assert kind("def f(x): return str(x)", FunctionCall([1], (1,))) == "failed"
    assert kind("class Solution:\n def f(self, x: List[int]): return sum(x)", FunctionCall([[1]], (1,))) == "passed"
    assert kind("def f(x): raise StopIteration", FunctionCall([1], (1,))) == "error"
    assert kind("class f:\n def __init__(s, x): pass\n __eq__ = lambda *a: True", FunctionCall([1], (1,))) == "failed"


PROGRAMS = [
    ("print(1); exit()", "1", True),
    ("print(1); quit(0)", "1", True),
    ("print(1); exit(1)", "1", False),
    ("def main():\n    print(1)\n    exit()\nmain()\nprint(2)", "1", True),
    ("import os, sys\nprint(os.path.basename(__file__) == sys.argv[0], __name__)", "True __main__", True),
    ("print('1\\r\\n2')", "1\n2", True),
    (r"print('1\x0c2')", "1\n2", False),
    (r"print('1\x0b2')", "1\n2", False),
    (r"print('1\x852')", "1\n2", False),
    (r"print('1\u20282')", "1\n2", False),
    (r"print('1\x1c')", "1", False),
    ("import os\nos.write(1, b'\\xff')", "\N{REPLACEMENT CHARACTER}", False),
    ("print('  1 \\t')\nprint()", "  1", True),
    ("print(1 / 3)", "0.333333", True),
    ("print('%.2f' % 2.5)", "2.5", True),
    ("print('x = 0.50, y = 1e0')", "x = 0.5, y = 1.0", True),
    ("print(0.4)", "0.3333", False),
    ("print('0101')", "101", False),
    ("print(1000000007)", "1000000008", False),
    ("print(1000000007.0)", "1000000008", False),
    ("print('1.5 2')", "1.5  2", False),
    ("print('nan')", "1.0", False),
    ("print('1e999')", "2e999", False),
    ("print('1.2.30')", "1.2.3", False),
]


def test_programs_run_as_scripts_and_their_output_is_compared(box: Sandbox) -> None:
    with ThreadPoolExecutor(2) as threads:
        run = partial(box.check, tolerance=1e-6)
        passes = threads.map(lambda case: run(case[0], [ProgramCase("", case[1])]).passed, PROGRAMS)
    assert [case for case, passed in zip(PROGRAMS, passes, strict=True) if passed != case[2]] == []
    assert not box.check("print(2.50)", [ProgramCase("", "2.500")]).passed
