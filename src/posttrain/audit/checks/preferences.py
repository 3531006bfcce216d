"""Preference pairs and rankings: reversed pairs, preference cycles, and biases such as length and position."""

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.table import Table, groups_of_equal_keys
from posttrain.statistics.intervals import wilson

REVERSED = Rule(
    "reversed-preference",
    "warn",
    "pairs prefer the answer that an earlier pair rejects",
    "collect them again, or drop both: together they teach nothing",
)
SWAPPED = Rule(
    "swapped-pair",
    "info",
    "pairs show the two answers of an earlier pair in the other order",
    "keep both to test annotators; keep one to train on",
)
CYCLE = Rule(
    "preference-cycle",
    "warn",
    "pairs are part of a cycle: a above b above c above a",
    "collect the pairs of these prompts again: no ranking satisfies all of them",
)
LENGTH_BIAS = Rule(
    "length-bias",
    "warn",
    "pairs prefer the longer answer",
    "add pairs whose shorter answer is better, or balance by length: otherwise the model learns to write long answers",
)
POSITION = Rule(
    "position-bias",
    "warn",
    "verdicts favour a side of the screen",
    "show each pair in both orders, and use only the verdicts that agree",
)
SIDED = Rule(
    "annotator-position-bias",
    "warn",
    "annotators favour a side of the screen",
    "leave their verdicts out, or have these pairs judged again in the other order",
)
FEW_PROMPTS = Rule(
    "few-prompts-dominate",
    "warn",
    "pairs belong to a few prompts",
    "collect more prompts: preferences on a few prompts do not generalise",
)

_FEWEST = 50
"""A share is computed only from this many pairs or more."""

_FAR = 0.1
"""An annotator favours a side if the 95% interval of the share lies beyond one half plus or minus this."""

_BIASED = 0.65
"""There is a length bias if the 95% interval of the share of pairs that prefer the longer answer lies above this."""


def preference_checks(table: Table) -> tuple[list[Finding], dict[str, object]]:
    """The findings on preference pairs, and the figures behind them."""
    rows = table.train
    pairs = np.flatnonzero((rows["kind"] == 1) & (rows["worst"] != 0))
    if not len(pairs):
        return [], {}
    findings = [*_orders(table, pairs), *_cycles(table, pairs)]
    figures: dict[str, object] = {"pairs": len(pairs)}
    decided = pairs[~rows["tied"][pairs]]
    longer = int((rows["answer_chars"][decided] > rows["worst_chars"][decided]).sum())
    shorter = int((rows["answer_chars"][decided] < rows["worst_chars"][decided]).sum())
    if longer + shorter:
        low, high = wilson(longer, longer + shorter)
        share = longer / (longer + shorter)
        equal = len(decided) - longer - shorter
        figures["chosen_longer"] = {"share": share, "interval": [low, high], "n": longer + shorter}
        figures["length_only_accuracy"] = (max(longer, shorter) + equal / 2) / len(decided)
        if longer + shorter >= _FEWEST and low > _BIASED:
            what = f"of 100 pairs prefer the longer answer (95% interval {low:.0%} to {high:.0%})"
            findings.append(finding(LENGTH_BIAS, [], count=round(100 * share), what=what))
    findings += _position(table, figures)
    findings += _domination(table, pairs, figures)
    return findings, figures


def _orders(table: Table, pairs: NDArray[np.intp]) -> list[Finding]:
    """The findings on pairs with the same two answers and the same judge: reversed preferences, swapped orders."""
    rows = table.rows
    keys = _prompt_and_judge(rows) ^ (rows["answer"] + rows["worst"]) * np.uint64(0x9E3779B97F4A7C15)
    reversed_: list[Shown] = []
    swapped: list[Shown] = []
    order_known = (rows["first"][pairs] == 2).any()  # if not, the preferred answer always comes first
    for group in groups_of_equal_keys(keys[pairs]):
        members = pairs[group]
        top, shown_first = rows["answer"][members], _shown_first(rows[members])
        for i, member in enumerate(members.tolist()):
            text = f"see {table.where(int(members[0]))}"
            decided = ~rows["tied"][members[:i]]
            if not rows["tied"][member] and (top[:i][decided] != top[i]).any():
                reversed_.append(Shown(table.where(member), text))
            if order_known and (shown_first[:i] != shown_first[i]).any():
                swapped.append(Shown(table.where(member), text))
    return [finding(rule, hits) for rule, hits in ((REVERSED, reversed_), (SWAPPED, swapped)) if hits]


def _shown_first(rows: NDArray[np.void]) -> NDArray[np.uint64]:
    """The hash of the answer that comes first in each row."""
    return np.where(rows["first"] == 2, rows["worst"], rows["answer"])


def _prompt_and_judge(rows: NDArray[np.void]) -> NDArray[np.uint64]:
    """A key for each prompt and judge. Only pairs of the same judge are compared: two people may disagree."""
    return rows["prompt"] ^ rows["judge"].astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)


def _cycles(table: Table, pairs: NDArray[np.intp]) -> list[Finding]:
    """The finding on cycles of three or more answers by one judge; cycles of two are reversed pairs."""
    rows = table.rows
    decided = pairs[~rows["tied"][pairs] & (rows["answer"][pairs] != rows["worst"][pairs])]
    hits: list[Shown] = []
    circles = 0
    for group in groups_of_equal_keys(_prompt_and_judge(rows)[decided]):
        members = decided[group]
        edges = {(int(rows["answer"][i]), int(rows["worst"][i])) for i in members}
        for circle in circles_of(edges):
            circles += 1
            inside = [i for i in members.tolist() if {int(rows["answer"][i]), int(rows["worst"][i])} <= circle]
            hits += [Shown(table.where(i), f"a cycle of {len(circle)} answers") for i in inside]
    what = f"pairs are part of {circles} cycle{'s' * (circles > 1)}: a above b above c above a"
    return [finding(CYCLE, hits, what=what)] if hits else []


def circles_of(edges: set[tuple[int, int]]) -> list[set[int]]:
    """The strongly connected components with three or more nodes (Tarjan's algorithm)."""
    after: dict[int, list[int]] = {}
    for a, b in sorted(edges):
        after.setdefault(a, []).append(b)
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    circles: list[set[int]] = []
    for root in after:
        if root in number:
            continue
        work = [(root, iter(after[root]))]
        number[root] = low[root] = len(number)
        path.append(root)
        while work:
            node, children = work[-1]
            child = next(children, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    at = path.index(node)
                    component = set(path[at:])
                    del path[at:]
                    if len(component) > 2:
                        circles.append(component)
            elif child not in number:
                number[child] = low[child] = len(number)
                path.append(child)
                work.append((child, iter(after.get(child, ()))))
            elif child in path:
                low[node] = min(low[node], number[child])
    return circles


def _position(table: Table, figures: dict[str, object]) -> list[Finding]:
    first, second = (sum(n for (_, choice), n in table.verdicts.items() if choice == side) for side in (1, 2))
    if first + second < _FEWEST:
        return []
    low, high = wilson(first, first + second)
    figures["first_preferred"] = {"share": first / (first + second), "interval": [low, high], "n": first + second}
    sided = _sided(table, figures)
    if low <= 0.5 <= high:
        return sided
    side = "first" if low > 0.5 else "second"
    count = first if low > 0.5 else second
    what = (
        f"of {first + second:,} verdicts favour the response shown {side} (first: {first / (first + second):.1%}, "
        f"95% interval {low:.1%} to {high:.1%})"
    )
    return [finding(POSITION, [], count=count, what=what), *sided]


def _sided(table: Table, figures: dict[str, object]) -> list[Finding]:
    """The finding on annotators who significantly and strongly favour a side of the screen."""
    shares: dict[str, float] = {}
    for name in sorted({name for name, _ in table.verdicts} - {""}):
        first, second = table.verdicts[name, 1], table.verdicts[name, 2]
        if first + second >= _FEWEST:
            shares[name] = first / (first + second)
    sided = [
        f"{name} ({share:.0%} first)"
        for name, share in shares.items()
        if not _interval_within(share, table.verdicts[name, 1] + table.verdicts[name, 2])
    ]
    if shares:
        figures["first_preferred_by"] = shares
    if not sided:
        return []
    return [finding(SIDED, [], count=len(sided), what=f"annotators favour a side of the screen: {', '.join(sided)}")]


def _interval_within(share: float, n: int) -> bool:
    low, high = wilson(round(share * n), n)
    return low <= 0.5 + _FAR and high >= 0.5 - _FAR


def _domination(table: Table, pairs: NDArray[np.intp], figures: dict[str, object]) -> list[Finding]:
    _, counts = np.unique(table.rows["prompt"][pairs], return_counts=True)
    share = counts / counts.sum()
    effective = float(1 / (share**2).sum())
    figures["prompts"] = {"distinct": len(counts), "effective": effective, "largest_share": float(share.max())}
    if len(pairs) < _FEWEST or effective >= max(20.0, 0.05 * len(pairs)):
        return []
    what = f"pairs belong to effectively {effective:.0f} prompts; the largest has {share.max():.0%} of the pairs"
    return [finding(FEW_PROMPTS, [], count=len(pairs), what=what)]
