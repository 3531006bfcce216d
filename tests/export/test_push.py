"""An upload sends the folder's bytes to a private repository, or ends with one sentence and the folder complete."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from byte_model import save_byte_model
from command_line import Posttrain
from hub_server import Repository, hub
from posttrain.errors import InputError
from posttrain.export.push import check_push, push_folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with hub(monkeypatch) as running:
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = save_byte_model(tmp_path / "model")
    (folder / "README.md").write_text("---\ntags: [posttrain]\n---\nThe card.\n")
    return folder


def test_the_repository_holds_the_files_of_the_folder_and_is_private(
    server: Any, model: Path, tmp_path: Path, posttrain: Posttrain
) -> None:
    done = posttrain("export", str(model), "--to", str(tmp_path / "out"), "--push", "org/name")
    assert done.code == 0, done.err
    assert f"uploaded to {server.url}/org/name (private)" in done.out
    repository = server.repositories["org/name"]
    assert repository.private
    assert repository.files == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert "model.safetensors" in repository.files
    assert len([path for _, path, _ in server.requests if "/commit/" in path]) == 1


def test_nothing_is_sent_without_the_flag(server: Any, model: Path, tmp_path: Path, posttrain: Posttrain) -> None:
    assert posttrain("export", str(model), "--to", str(tmp_path / "out")).code == 0
    assert server.requests == []
    refused = posttrain("export", str(model), "--to", str(tmp_path / "second"), "--public")
    assert refused.code == 2
    assert "nothing is uploaded without --push" in refused.err


def test_a_repository_is_public_only_if_the_flag_says_so(server: Any, model: Path) -> None:
    assert push_folder(model, "org/open", public=True) == f"{server.url}/org/open (public)"
    assert not server.repositories["org/open"].private
    with pytest.raises(InputError, match="public already; add --public"):
        check_push("org/open", public=False)
    check_push("org/open", public=True)


def test_a_private_repository_stays_private_and_keeps_its_other_files(server: Any, model: Path) -> None:
    server.repositories["org/mine"] = Repository(True, {"notes.txt": b"kept", "config.json": b"old"})
    check_push("org/mine", public=False)
    assert push_folder(model, "org/mine", public=True) == f"{server.url}/org/mine (private)"
    files = server.repositories["org/mine"].files
    assert files["notes.txt"] == b"kept"
    assert files["config.json"] == (model / "config.json").read_bytes()


@pytest.mark.parametrize(
    ("token", "repository", "says"),
    [
        (None, "org/name", "there is no token; log in with `hf auth login`, or set HF_TOKEN"),
        ("hf_unknown", "org/name", "the hub does not accept the token"),
        ("hf_writes", "name", "write org/name"),
        ("hf_writes", "org/name/more", "write org/name"),
    ],
)
def test_an_upload_that_cannot_succeed_is_refused_before_the_export(
    server: Any,
    model: Path,
    tmp_path: Path,
    posttrain: Posttrain,
    monkeypatch: pytest.MonkeyPatch,
    token: str | None,
    repository: str,
    says: str,
) -> None:
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setenv("HF_TOKEN", token) if token else monkeypatch.delenv("HF_TOKEN")
    done = posttrain("export", str(model), "--to", str(tmp_path / "out"), "--push", repository)
    assert done.code == 2
    assert says in done.err
    assert not (tmp_path / "out").exists()
    assert server.repositories == {}


def test_a_refused_upload_leaves_the_folder_and_says_how_to_go_on(
    server: Any, model: Path, tmp_path: Path, posttrain: Posttrain
) -> None:
    done = posttrain("export", str(model), "--to", str(tmp_path / "out"), "--push", "strangers/name")
    assert done.code == 2
    assert "the token may not write to strangers" in done.err
    assert f"hf upload strangers/name {tmp_path / 'out'} --private" in done.err
    assert (tmp_path / "out/model.safetensors").is_file()


def test_offline_and_without_a_hub_the_reason_is_one_sentence(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set, so nothing is uploaded"):
        check_push("org/name", public=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(InputError, match=r"the hub .* cannot be used"):
            check_push("org/name", public=False)
