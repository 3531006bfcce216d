"""Answers in the forms that chat models write: each form puts a solution, right or wrong, into an answer."""

import json
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SPLIT = "\n# second part\n"
"""The place at which a solution is split into two blocks."""


class Problem(NamedTuple):
    """Code that passes the row's tests, code that does not, an example of its use, and the row."""

    right: str
    wrong: str
    usage: str
    row: Mapping[str, Any]


def _function(right: str, wrong: str, usage: str, tests: Any, name: str | None = None) -> Problem:
    return Problem(right, wrong, usage, {"test": tests, "entry_point": name})


def _program(right: str, wrong: str, cases: Mapping[str, str]) -> Problem:
    tests = json.dumps({"inputs": list(cases), "outputs": list(cases.values())})
    return Problem(right, wrong, "print(solve('2 3'))", {"test": tests, "entry_point": None})


def _problems() -> dict[str, Problem]:
    helper = f"def _twice(x):\n    return x + x\n{SPLIT}\ndef double(x):\n    return _twice(x)\n"
    stack = (
        "from dataclasses import dataclass, field\n\n\n@dataclass\nclass Stack:\n"
        "    items: list = field(default_factory=list)\n\n"
        f"    def pop(self):\n        return self.items.pop()\n{SPLIT}\n"
        'def backwards(xs):\n    """Reverse.\n\n    >>> backwards([1, 2])\n    [2, 1]\n    """\n'
        "    stack = Stack(list(xs))\n    return [stack.pop() for _ in xs]\n"
    )
    squares = (
        f"import itertools\n{SPLIT}\ndef squares(n):\n    for i in itertools.islice(itertools.count(), n):\n"
        "        yield i * i\n"
    )
    solution = (
        f"class Pairs:\n    pass\n{SPLIT}\nclass Solution:\n    def longest(self, words: List[str]) -> str:\n"
        "        return max(words, key=len)\n"
    )
    raises = (
        f"class Negative(ValueError):\n    pass\n{SPLIT}\ndef root(x):\n    if x < 0:\n"
        "        raise Negative('negative')\n    return x ** 0.5\n\n\nif __name__ == '__main__':\n    print(root(4))\n"
    )
    total = (
        "import sys\n\n\ndef solve(line):\n    return sum(map(int, line.split()))\n"
        f"{SPLIT}\nfor line in sys.stdin:\n    print(solve(line))\n"
    )
    mean = (
        "def solve(line):\n    numbers = [int(part) for part in line.split()]\n    return sum(numbers) / len(numbers)\n"
        f"{SPLIT}\ndef main():\n    n = int(input())\n    for _ in range(n):\n        print('%.2f' % solve(input()))\n"
        "\n\nif __name__ == '__main__':\n    main()\n    exit()\n"
    )
    catch = (
        "try:\n    root(-1)\nexcept ValueError as error:\n    assert error.args == ('negative',)\n"
        "else:\n    assert False"
    )
    return {
        "helper": _function(
            helper, helper.replace("x + x", "x + 1"), "print(double(4))", "assert double(4) == 8", "double"
        ),
        "class": _function(
            stack,
            stack.replace("list(xs)", "sorted(xs)"),
            "print(backwards([3, 1]))",
            ["assert backwards([1, 3, 2]) == [2, 3, 1]"],
        ),
        "generator": _function(
            squares,
            squares.replace("i * i", "i + i"),
            "for x in squares(3):\n    print(x)",
            "def check(candidate):\n    assert list(candidate(4)) == [0, 1, 4, 9]\n    assert sum(candidate(3)) == 5",
            "squares",
        ),
        "method": _function(
            solution,
            solution.replace("max", "min"),
            "print(Solution().longest(['a', 'bc']))",
            {"fn_name": "longest", "inputs": [[["a", "bcd", "ef"]]], "outputs": ["bcd"]},
        ),
        "raises": _function(
            raises, raises.replace("'negative'", "'less'"), "root(9)", ["assert root(9) == 3", catch], "root"
        ),
        "program": _program(total, total.replace("sum", "max"), {"1 2\n3 4\n": "3\n7\n", "": ""}),
        "main": _program(mean, mean.replace("/ len", "- len"), {"2\n1 2\n3 4 5\n": "1.5\n4\n", "1\n1 1 2\n": "1.33"}),
    }


PROBLEMS = _problems()


def _fence(code: str, info: str = "python", mark: str = "```") -> str:
    return f"{mark}{info}\n{code}{mark}\n"


def _in_list(indent: int, item: str) -> Callable[[str, str, str], str]:
    return lambda code, _, usage: f"{item} The code:\n\n{textwrap.indent(_fence(code), ' ' * indent)}\n{item} Done."


def _with_output(code: str, _: str, usage: str) -> str:
    return f"{_fence(code)}It prints:\n{_fence('8' + chr(10), '')}\nand in full:\n\n{_fence('> 8' + chr(10), 'text')}"


FORMS: dict[str, Callable[[str, str, str], str]] = {
    "code alone": lambda code, _, usage: code,
    "one fence": lambda code, _, usage: _fence(code),
    "prose around": lambda code, _, usage: f"Sure! It's **simple**:\n\n{_fence(code)}\nThis takes `O(n)`. Don't worry.",
    "output shown": _with_output,
    "usage in a block": lambda code, _, usage: f"{_fence(code)}Use it:\n{_fence(usage + chr(10))}",
    "usage in a bare block": lambda code, _, usage: f"{_fence(code)}Use it:\n{_fence(usage + chr(10), '')}",
    "a session": lambda code, _, usage: (
        f"{_fence(code)}Then:\n{_fence(f'>>> {usage.splitlines()[0]}' + chr(10) + '8' + chr(10))}"
    ),
    "shell before": lambda code, _, usage: f"First:\n```bash\npip install x\n```\nThen\n{_fence(code)}",
    "shell after": lambda code, _, usage: f"{_fence(code)}Run it:\n```sh\npython a.py\n```\nDone, I'd say.",
    "another language": lambda code, _, usage: (
        f"In JavaScript:\n```js\nfunction f() {{ return 1 }}\n```\nIn Python:\n{_fence(code)}"
    ),
    "JSON after": lambda code, _, usage: f'{_fence(code)}```json\n{{"passed": true}}\n```\n',
    "a draft before": lambda code, draft, usage: f"<think>\n{_fence(draft)}\nWait, no.\n</think>\n{_fence(code)}",
    "two blocks": lambda code, _, usage: "First:\n{}\nThen:\n{}".format(
        *(_fence(f"{part}\n") for part in code.split(SPLIT))
    ),
    "two blocks, then usage": lambda code, _, usage: "{}Then:\n{}\nUse:\n{}".format(
        *(_fence(f"{part}\n") for part in (*code.split(SPLIT), usage))
    ),
    "numbered list": _in_list(3, "1."),
    "bullets": _in_list(2, "-"),
    "list, deeply indented": _in_list(8, "1."),
    "quoted": lambda code, _, usage: textwrap.indent(_fence(code), "> ", lambda line: True),
    "four backticks": lambda code, _, usage: _fence(code, mark="````"),
    "tildes": lambda code, _, usage: f"Code\n{_fence(code, mark='~~~')}",
    "CRLF": lambda code, _, usage: f"Code:\n{_fence(code)}\nDone.\n".replace("\n", "\r\n"),
    "title": lambda code, _, usage: _fence(code, 'python title="solution.py" {1,2}'),
    "version": lambda code, _, usage: _fence(code, "Python3.11"),
    "attributes": lambda code, _, usage: _fence(code, "{.python .numberLines}"),
    "short name": lambda code, _, usage: _fence(code, " py "),
    "bare fence": lambda code, _, usage: f"Code:\n{_fence(code, '')}",
    "never closed": lambda code, _, usage: f"Code:\n```python\n{code}",
    "prose, no fence": lambda code, _, usage: f"Here is the code:\n\n{code}\nThis works since it's simple.",
    "fence within a line": lambda code, _, usage: f"Here is the code: ```python\n{code}```\nDone.",
    "byte-order mark": lambda code, _, usage: f"\ufeff{code}",
    "tags": lambda code, _, usage: f"<answer>\n{code}</answer>\n",
}
