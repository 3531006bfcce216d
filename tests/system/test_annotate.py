"""`posttrain annotate` as users call it: from a file to an export, and a one-line error for each mistake."""

import json
from pathlib import Path

import pytest

from annotate_server import owner_of, running
from command_line import Posttrain

ROWS = [
    {"id": f"r{n}", "prompt": f"Q{n}", "candidates": [{"id": x, "text": f"{x}{n}"} for x in "ab"]} for n in range(4)
]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    ranked = [{**row, "ranks": {"a": 1, "b": 2}, "annotator": who} for row in ROWS for who in ("ann", "bob")]
    for name, lines in (("candidates", ROWS), ("ranked", ranked)):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    return tmp_path


def test_rankings_are_imported_exported_as_pairs_and_traced(rows: Path, posttrain: Posttrain) -> None:
    answer = posttrain("annotate", "import", "ranked.jsonl", "--project", "tone")
    assert (answer.code, "4 items, 8 judgments, 2 people" in answer.out) == (0, True)
    again = posttrain("annotate", "import", "ranked.jsonl", "--project", "tone", "--json")
    assert json.loads(again.out) == {"items": 0, "judgments": 0, "people": 0, "known already": 4}
    assert "krippendorff_alpha_nominal" in posttrain("annotate", "agreement", "--project", "tone").out
    answer = posttrain("annotate", "export", "--project", "tone", "--out", "out", "--set", "least=0.9")
    assert (answer.code, "train 4" in answer.out) == (0, True)
    traced = json.loads(posttrain("annotate", "trace", "out/train.jsonl:2").out)
    assert traced["item"] == "r1"
    assert [one["person"] for one in traced["judgments"]] == ["ann", "bob"]
    assert "ann" in posttrain("annotate", "users", "list").out
    assert posttrain("annotate", "backup", "copy.db").code == 0
    assert "ann" in posttrain("annotate", "users", "list", "--db", "copy.db").out


def test_the_app_serves_imported_items_and_the_command_line_changes_roles(rows: Path, posttrain: Posttrain) -> None:
    answer = posttrain("annotate", "import", "candidates.jsonl", "--set", "overlap=2", "--set", "criteria=[tone]")
    assert "posttrain annotate serve" in answer.out
    with running(str(rows / "annotate.db")) as server:
        owen = owner_of(server)
        held = owen.post("/projects/1/assignments").json()
        assert held["criteria"] == ["tone"]
        link = posttrain("annotate", "users", "invite", "--role", "viewer", "--url", server.url).out.strip()
        assert link.startswith(f"{server.url}/join/")
        assert owen.http.get(link).status_code == 200
        assert posttrain("annotate", "users", "change", "owen", "--role", "viewer").code == 2, "the last owner"
    with running(str(rows / "annotate.db")) as server:
        assert server.owner_link == "", "there is an owner already"


WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no such file": (("import", "candidats.jsonl"), ("did you mean candidates.jsonl",)),
    "a misspelt setting": (("import", "candidates.jsonl", "--set", "overlp=2"), ("did you mean overlap",)),
    "a setting out of bounds": (("import", "candidates.jsonl", "--set", "overlap=0"), ("overlap", "greater")),
    "no such project": (("export", "--project", "x", "--out", "o", "--db", "known.db"), ("no such project", "tone")),
    "no such selection of pairs": (("export", "--project", "tone", "--out", "o", "--set", "pairs=some"), ("pairs",)),
    "the earlier name of pairs": (
        ("export", "--project", "tone", "--out", "o", "--set", "policy=all"),
        ("--set policy", "pairs"),
    ),
    "a database that is not there": (("agreement", "--db", "none.db"), ("none.db", "no such file")),
    "no such database server": (("users", "list", "--db", "oracle://x"), ("oracle", "postgresql")),
    "no such role": (("users", "invite", "--role", "king"), ("no role king",)),
    "no such person": (("users", "change", "zoe", "--role", "viewer"), ("no person zoe",)),
    "a backup in place of another": (
        ("backup", "candidates.jsonl", "--db", "known.db"),
        ("candidates.jsonl", "already"),
    ),
    "a backup of a server": (("backup", "copy.db", "--db", "postgresql://host/name"), ("pg_dump",)),
    "no place": (("trace", "out"), ("FOLDER/train.jsonl:LINE",)),
    "a port that is taken": (("serve", "--host", "203.0.113.1"), ("203.0.113.1", "cannot be listened on")),
    "a proxy that is no address": (("serve", "--proxy", "yes"), ("--proxy yes", "127.0.0.1")),
    "half of a sign-in service": (("serve", "--oidc", "https://issuer.example"), ("--oidc-client",)),
    "a sign-in service over plain HTTP": (
        ("serve", "--oidc", "http://issuer.example", "--oidc-client", "x"),
        ("http://issuer.example", "must be an https:// URL"),
    ),
    "no guideline": (("import", "candidates.jsonl", "--guideline", "g.txt"), ("g.txt",)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_gives_a_one_line_error(case: str, rows: Path, posttrain: Posttrain) -> None:
    arguments, expected = WRONG[case]
    assert posttrain("annotate", "import", "ranked.jsonl", "--project", "tone", "--db", "known.db").code == 0
    answer = posttrain("annotate", *arguments)
    assert answer.code == 2, (answer.out, answer.err)
    assert "Traceback" not in answer.err
    for words in expected:
        assert words in answer.err, answer.err
