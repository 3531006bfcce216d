"""A rollout on disk is the rollout."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiences import experiences
from posttrain.core.group import Group
from posttrain.rollouts import store
from posttrain.rollouts.types import Rollout, RolloutState, with_column


def same(a: Group, b: Group) -> bool:
    """Bit for bit."""
    return (
        (a.where, a.prompt.tobytes(), len(a.completions)) == (b.where, b.prompt.tobytes(), len(b.completions))
        and all(
            x.tokens.tobytes() == y.tokens.tobytes() and x.loss.tobytes() == y.loss.tobytes()
            for x, y in zip(a.completions, b.completions, strict=True)
        )
        and {n: (v.dtype, v.tobytes()) for n, v in a.columns.items()}
        == {n: (v.dtype, v.tobytes()) for n, v in b.columns.items()}
    )


@given(experiences, st.integers(0, 100), st.floats(0, 9), st.dictionaries(st.text(max_size=5), st.floats(-9, 9)))
@settings(max_examples=40)
def test_a_saved_rollout_is_read_bit_for_bit(some: Rollout, cursor: int, beta: float, first: dict[str, float]) -> None:
    groups = some.groups()
    rng = np.random.default_rng(cursor)
    groups = with_column(groups, "advantage", [rng.normal(size=g.loss_tokens).astype(np.float32) for g in groups])
    memory = RolloutState(cursor, beta, first)
    measured = {"reward": beta, "pass_rate": None}
    with TemporaryDirectory() as name:
        place = store.rollout_folder(Path(name), 7)
        store.save(place, groups, measured, memory)
        back = store.groups_in(place)
        assert store.metrics_in(place) == measured
        assert store.state_in(place) == memory
    assert len(back) == len(groups)
    assert all(same(a, b) for a, b in zip(groups, back, strict=True))


def test_a_rollout_is_complete_or_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        store.save(tmp_path / "rollout-00000000", _groups(), {"reward": float("nan")}, RolloutState())
    assert not list(tmp_path.iterdir())


def test_only_older_rollouts_are_discarded(tmp_path: Path) -> None:
    for number in (0, 3, 4, 11):
        store.save(store.rollout_folder(tmp_path, number), _groups(), {}, RolloutState())
    (tmp_path / "rollout-00000001.partial").mkdir()
    (tmp_path / "rollout-mine").mkdir()
    store.discard_before(tmp_path, 4)
    left = {"rollout-00000004", "rollout-00000011", "rollout-00000001.partial", "rollout-mine"}
    assert {path.name for path in tmp_path.iterdir()} == left
    store.discard_before(tmp_path / "nothing", 4)


def _groups() -> list[Group]:
    from experiences import experience

    return experience([[1.0, 0.0]]).groups()
