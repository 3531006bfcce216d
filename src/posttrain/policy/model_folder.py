"""Checks of a local model folder, made before any library reads it."""

from pathlib import Path

from posttrain.errors import InputError


def check_folder(name: str) -> None:
    """Refuse a local folder that cannot be a model, with a clearer error than the libraries' own.

    Raises:
        InputError: the folder is missing, incomplete, or holds pickled weights only.
    """
    path = Path(name)
    if not path.exists():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise InputError(f"{name}: there is no such model folder")
        return
    if not path.is_dir():
        raise InputError(
            f"{name}: a model is a folder (config.json, model.safetensors, tokenizer.json), but this is a file"
        )
    if not (path / "config.json").is_file():
        raise InputError(f"{name}: no config.json, so this is not a Hugging Face model folder")
    if not any(path.glob("*.safetensors")):
        pickles = sorted(p.name for p in path.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".ckpt"})
        if pickles:
            raise InputError(
                f"{name}: the folder has only pickled weights ({pickles[0]}), which can run code when loaded; "
                "convert them to safetensors (transformers: model.save_pretrained) and try again"
            )
        raise InputError(f"{name}: the folder has no model.safetensors")
