"""Code that tries to score 1 without the right value, and tests whose loops and protocols it may try to end.

The tested function is ``f``; its right value is ``f(x) == 2 * x``.
"""

RIGHT = "def f(x): return 2 * x"

XS = "XS = [1, 2, 3]\n"

CONSUMERS: dict[str, str] = {
    "map, all": "assert all(map(lambda x: f(x) == 2 * x, XS))",
    "map, any": "assert not any(map(lambda x: f(x) != 2 * x, XS))",
    "map, sum": "assert sum(map(lambda x: abs(f(x) - 2 * x), XS)) == 0",
    "map, min": "assert min(map(lambda x: f(x) == 2 * x, XS), default=True)",
    "map, max": "assert not max(map(lambda x: f(x) != 2 * x, XS), default=False)",
    "zip of map": "for got, want in zip(map(f, XS), [2, 4, 6]):\n    assert got == want",
    "enumerate of map": "for i, got in enumerate(map(f, XS)):\n    assert got == 2 * XS[i]",
    "a loop over map": "for same in map(lambda x: f(x) == 2 * x, XS):\n    assert same",
    "a comprehension over map": "assert not [x for x in map(lambda x: f(x) - 2 * x, XS) if x]",
    "a generator": "assert all(f(x) == 2 * x for x in XS)",
    "filter, list": "assert not list(filter(lambda x: f(x) != 2 * x, XS))",
    "filter, tuple": "assert not tuple(filter(lambda x: f(x) != 2 * x, XS))",
    "filter, set": "assert not set(filter(lambda x: f(x) != 2 * x, XS))",
    "filter, dict": "assert not dict(filter(lambda pair: f(pair[0]) != pair[1], [(1, 2)]))",
    "filter, sorted": "assert not sorted(filter(lambda x: f(x) != 2 * x, XS))",
    "filter, extend": "bad = []\nbad.extend(filter(lambda x: f(x) != 2 * x, XS))\nassert not bad",
    "filter, update": "bad = set()\nbad.update(filter(lambda x: f(x) != 2 * x, XS))\nassert not bad",
    "filter, starred": "bad = [*filter(lambda x: f(x) != 2 * x, XS)]\nassert not bad",
    "filter, unpacked": "(*bad,) = filter(lambda x: f(x) != 2 * x, XS)\nassert not bad",
    "filter, arguments": "assert max(0, 0, *filter(lambda x: f(x) != 2 * x, XS)) == 0",
    "in": "assert False not in map(lambda x: f(x) == 2 * x, XS)",
    "join": "assert ''.join(map(lambda x: '' if f(x) == 2 * x else 'x', XS)) == ''",
    "next with a default": "assert next(map(lambda x: f(x) == 2 * x, XS), True)",
    "iter with a sentinel": "for bad in iter(lambda: f(1) != 2, False):\n    assert False",
    "reversed": "class S:\n    def __len__(self): return 3\n    def __getitem__(self, i): return f(i) == 2 * i\n"
    "assert all(reversed(S()))",
    "reduce": "import functools\nassert functools.reduce(lambda a, b: a and b, map(lambda x: f(x) == 2 * x, XS), True)",
    "takewhile": "import itertools\nassert not list(itertools.takewhile(lambda x: f(x) != 2 * x, XS))",
    "dropwhile": "import itertools\nassert not list(itertools.dropwhile(lambda x: f(x) == 2 * x, XS))",
    "filterfalse": "import itertools\nassert not list(itertools.filterfalse(lambda x: f(x) == 2 * x, XS))",
    "starmap": "import itertools\nassert all(itertools.starmap(lambda x: f(x) == 2 * x, zip(XS)))",
    "chain": "import itertools\nassert not any(itertools.chain(map(lambda x: f(x) != 2 * x, XS), []))",
    "accumulate": "import itertools\nassert not any(itertools.accumulate(XS, lambda a, x: f(x) != 2 * x, initial=0))",
    "groupby": "import itertools\nfor same, _ in itertools.groupby(XS, lambda x: f(x) == 2 * x):\n    assert same",
    "merge": "import heapq\nassert not list(heapq.merge(filter(lambda x: f(x) != 2 * x, XS)))",
    "deque": "import collections\nassert not collections.deque(filter(lambda x: f(x) != 2 * x, XS))",
    "iteration by index": "class Bad:\n    def __getitem__(self, i): return f(XS[i]) != 2 * XS[i]\n"
    "assert not any(Bad())",
    "hasattr": "class P:\n    @property\n    def bad(self):\n        if f(1) == 2: raise AttributeError\n"
    "assert not hasattr(P(), 'bad')",
    "getattr with a default": "class P:\n    @property\n    def same(self): return f(1) == 2\n"
    "assert getattr(P(), 'same', True)",
    "get of a mapping": "import collections.abc\nclass M(collections.abc.Mapping):\n"
    "    def __getitem__(self, x): return f(x) == 2 * x\n    def __iter__(self): return iter(XS)\n"
    "    def __len__(self): return 3\nassert M().get(1, True)",
    "a length for a hint": "class L:\n    def __iter__(self): return iter(())\n    def __len__(self):\n"
    "        assert f(1) == 2\n        return 0\nlist(L())",
    "where something may be caught": "try:\n    same = all(map(lambda x: f(x) == 2 * x, XS))\n"
    "except ValueError:\n    same = False\nassert same",
    "hasattr where something may be caught": "class P:\n    @property\n    def bad(self):\n"
    "        if f(1) == 2: raise AttributeError\n"
    "try:\n    assert not hasattr(P(), 'bad')\nexcept ValueError:\n    raise",
    "iteration by index in a function that catches": "class Bad:\n    def __getitem__(self, i):\n"
    "        return f(XS[i]) != 2 * XS[i]\ndef found():\n    try:\n        return any(Bad())\n    except ValueError:\n"
    "        return True\nassert not found()\nassert f(2) == 4 or True",
    "iteration by index in a with": "import contextlib\nclass Bad:\n"
    "    def __getitem__(self, i): return f(XS[i]) != 2 * XS[i]\n"
    "with contextlib.nullcontext():\n    assert not any(Bad())",
    "in a with": "import contextlib\nwith contextlib.nullcontext():\n    assert all(map(lambda x: f(x) == 2 * x, XS))",
    "called by check": "def check(candidate):\n    assert all(map(lambda x: candidate(x) == 2 * x, XS))\ncheck(f)",
    "exit by the tests": "import sys\nif not all(map(lambda x: f(x) == 2 * x, XS)):\n    sys.exit('wrong')",
}
"""Tests that right code passes."""

ENDINGS: dict[str, str] = {
    "StopIteration": "def f(x): raise StopIteration",
    "a subclass of it": "class Mine(StopIteration): pass\ndef f(x): raise Mine(2 * 0)",
    "StopAsyncIteration": "def f(x): raise StopAsyncIteration",
    "GeneratorExit": "def f(x): raise GeneratorExit",
    "SystemExit": "def f(x): raise SystemExit(0)",
    "IndexError": "def f(x): raise IndexError",
    "KeyError": "def f(x): raise KeyError(x)",
    "AttributeError": "def f(x): return x.nothing",
    "TypeError": "def f(): return 2",
    "a StopIteration sent by hand": "import json, os\ndef f(x):\n"
    " data = json.dumps(['raised', 'StopIteration', 'StopIteration', '', []]).encode()\n"
    " while True: os.write(4, len(data).to_bytes(4, 'big') + data)",
}
"""Code that ends a loop of the tests in which it is called."""


def _by_hand(*answer: object) -> str:
    return (
        f"import json, os\ndef f(x):\n data = json.dumps({list(answer)!r}).encode()\n"
        " os.write(4, len(data).to_bytes(4, 'big') + data)\n os._exit(0)"
    )


_DUNDERS = ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__contains__"]

FORGERIES: dict[str, str] = {
    "equal to all": "class Yes:\n "
    + "\n ".join(f"{d} = lambda *a: True" for d in _DUNDERS)
    + "\ndef f(x): return Yes()",
    "an int equal to all": "class I(int):\n __eq__ = lambda *a: True\n __hash__ = int.__hash__\ndef f(x): return I(0)",
    "a class for a function": "class f:\n def __init__(self, x): pass\n __eq__ = lambda *a: True",
    "an int for a class": "class f(int):\n def __new__(c, x): return int.__new__(c, 0)\n __eq__ = lambda *a: True",
    "a pretended class": "class P:\n __class__ = int\n __eq__ = lambda *a: True\ndef f(x): return P()",
    "a class that is an int": "class M(type):\n __eq__ = lambda *a: True\n __hash__ = type.__hash__\n"
    "class f(int, metaclass=M): pass\nf.__new__ = lambda c, x: c",
    "a mock": "from unittest.mock import MagicMock\nf = MagicMock()",
    "NotImplemented": "def f(x): return NotImplemented",
    "not a number": "def f(x): return float('nan')",
    "a decimal that is none": "from decimal import Decimal\ndef f(x): return Decimal('sNaN')",
    "an endless iterator": "import itertools\ndef f(x): return itertools.repeat(2 * 0)",
    "an iterator that stops": "def f(x): return iter(())",
    "a generator that stops": "def f(x):\n return\n yield",
    "a coroutine": "async def f(x): return 2 * 0",
    "a type": "def f(x): return bool",
    "nothing": "def f(x): pass",
    "dict views": "def f(x): return {}.keys()",
    "exit status 0": "import os\ndef f(x): os._exit(0)",
    "exit at once": "exit(0)",
    "quit at once": "quit()",
    "verdict printed": 'print(\'["passed", ""]\')\ndef f(x): return 0',
    "builtins patched": "import builtins\nfor n in ('all', 'any', 'map', 'zip', 'abs', 'sum'):\n"
    " setattr(builtins, n, lambda *a: True)\ndef f(x): return 0",
    "all redefined": "def all(*a): return True\ndef any(*a): return False\ndef f(x): return 0",
    "tests redefined": "def check(f): pass\ndef test_f(): pass\ncheck(0)\ndef f(x): return 0",
    "codec patched": "import sys\nfor name, module in list(sys.modules.items()):\n if 'sandbox' in name:\n"
    "  for key, value in list(vars(module).items()):\n"
    "   if callable(value): setattr(module, key, lambda *a, **k: ['passed', ''])\ndef f(x): return 0",
    "values ahead": "import json, os\ndata = json.dumps(['value', 2]).encode()\n"
    "for _ in range(9): os.write(4, len(data).to_bytes(4, 'big') + data)\ndef f(x): return 0",
    "an object by hand": _by_hand("object", 0),
    "an iterator by hand": _by_hand("value", {"kept": [0]}),
    "a broken verdict by hand": _by_hand("broken", "the tests never call the code"),
    "a marked exception by hand": _by_hand("raised", "BaseException", "Disconnected", "", []),
    "an exit by hand": _by_hand("raised", "SystemExit", "SystemExit", "", [0]),
    "a group by hand": _by_hand("raised", "ExceptionGroup", "ExceptionGroup", "x", ["x", []]),
    "an endless number by hand": _by_hand("value", {"Fraction": ["1e99999"]}),
    "a huge exponent": "from decimal import Decimal\ndef f(x): return Decimal('1e999999999')",
}
"""Code that tries to pass for right code by other means."""

ESCAPES: dict[str, tuple[str, str]] = {
    "nested too deep to go back": (
        "assert f(f(1)) == 4",
        "def f(x):\n v = []\n for _ in range(98): v = [v]\n return v",
    ),
    "too large to go back": ("assert f(f(1)) == 4", "def f(x): return 'x' * 10 ** 6"),
    "a function of a name not bound": ("for x in f(3):\n    last = x\nassert last == 2", "def f(x): return []"),
    "a local name not bound": (
        "def test():\n    for x in f(3):\n        last = x\n    assert last == 2\ntest()",
        "def f(x): return []",
    ),
    "a failing test that exits": ("import sys\nif f(2) != 4:\n    sys.exit(1)", "def f(x): return 0"),
    "a failing test that interrupts": ("if f(2) != 4:\n    raise KeyboardInterrupt", "def f(x): return 0"),
    "a failing test with a name of its own": ("if f(2) != 4:\n    raise NameError('wrong')", "def f(x): return 0"),
    "code that does not compile": ("assert f(2) == 4", "def f(x) return 4"),
    "code that is none": ("assert f(2) == 4", "I cannot do that."),
    "null bytes": ("assert f(2) == 4", "def f(x):\0 return 4"),
    "a lone surrogate": ("assert f(2) == 4", "def f(x): return '\ud800'"),
    "a type that does not cross": ("assert f(2) == 4", "def f(x): return lambda: 4"),
    "a frame that is none": ("assert f(2) == 4", "import os\ndef f(x): os.write(4, b'\\xff' * 99)"),
    "brackets without end": ("assert f(2) == 4", "x = " + "[" * 100_000),
    "operators without end": ("assert f(2) == 4", "x = " + "-" * 100_000 + "1\ndef f(x): return 0"),
    "fences without end": ("assert f(2) == 4", "```\n" * 20_000),
}
"""(tests, code that tries to make them look broken instead of itself). It scores 0, and is never "not applicable"."""
