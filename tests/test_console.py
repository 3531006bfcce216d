"""The lines that a screen prints where it is no terminal."""

import pytest

from posttrain import console


def lines_of(times: list[tuple[float, int]], total: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of a bar that opens at second 0 and hears of (second, done)."""
    clock = iter([0.0, *(second for second, _ in times)])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    lines: list[str] = []
    screen = console.Screen()
    monkeypatch.setattr(screen, "_print", lambda text, style=None: lines.append(text.strip()))
    with screen.bar("asks", total) as advance:
        for _, done in times:
            advance(done, "answers")
    return lines


def test_the_time_left_counts_from_the_opening_of_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answers take long, and then many end at the same time."""
    lines = lines_of([(10.0, 1), (10.1, 2), (20.0, 4)], 8, monkeypatch)
    assert lines == [
        "asks: 1 of 8, 70 s left  answers",
        "asks: 2 of 8, 30 s left  answers",
        "asks: 4 of 8, 20 s left  answers",
    ]


def test_what_was_done_before_a_stop_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_of([(50.0, 5), (60.0, 6)], 8, monkeypatch)
    assert lines == ["asks: 5 of 8  answers", "asks: 6 of 8, 20 s left  answers"]
