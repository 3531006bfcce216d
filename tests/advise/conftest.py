"""Models to advise on: small enough to train, with a chat template (it answers) and without (a base model)."""

import sys
from pathlib import Path

import pytest
import torch

from byte_model import save_byte_model
from command_line import Answer, Posttrain
from posttrain import cli

torch.set_num_threads(1)  # on tiny tensors threads only wait for each other


@pytest.fixture(scope="session")
def instruct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("instruct") / "model")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("base") / "model", template=None)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTTRAIN_CACHE", str(cache))


@pytest.fixture
def posttrain(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Posttrain:
    """Call the command line in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["posttrain", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return Answer(code, shown.out, shown.err)

    return call
