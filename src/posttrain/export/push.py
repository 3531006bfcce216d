"""Uploads an exported folder to a hub, by huggingface_hub. Nothing is sent unless the user names a repository."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError

from posttrain.errors import InputError, first_line
from posttrain.policy.hub_names import is_offline

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def check_push(repository: str, *, public: bool) -> None:
    """Refuse an upload that would fail, before the work of the export begins. The hub is only read.

    Args:
        repository: the name on the hub, org/name. The hub is that of ``HF_ENDPOINT``.
        public: whether everybody may see the model.

    Raises:
        InputError: the name is wrong, the hub cannot be reached or must not be, or the token is missing or refused; or
            everybody can see the repository, and `public` is False.
    """
    if _REPOSITORY.fullmatch(repository) is None:
        raise InputError(f"--push {repository}: write org/name, the organisation or user and the name of the model")
    if is_offline():
        raise InputError("--push: HF_HUB_OFFLINE is set, so nothing is uploaded; unset it, or leave --push out")
    with _hub_errors(repository):
        if get_token() is None:
            raise InputError("--push: there is no token; log in with `hf auth login`, or set HF_TOKEN")
        if not public and _is_private(HfApi(), repository) is False:
            raise InputError(
                f"--push {repository}: this repository is public already; add --public if everybody may see the model, "
                "or choose another name"
            )


def push_folder(folder: Path, repository: str, *, public: bool) -> str:
    """Upload the files of a folder. A repository that is not there is made first.

    A private repository that exists stays private, and its other files stay.

    Returns:
        the address of the repository, and whether it is private.

    Raises:
        InputError: the hub refuses the upload or cannot be reached. The folder stays.
    """
    api = HfApi()
    later = f"; the folder {folder} is complete, so upload it later with: hf upload {repository} {folder}"
    with _hub_errors(repository, later if public else f"{later} --private"):
        private = _is_private(api, repository)
        if private is None:
            private = not public
            api.create_repo(repository, private=private)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload an export of posttrain")
    return f"{api.endpoint}/{repository} ({'private' if private else 'public'})"


def _is_private(api: HfApi, repository: str) -> bool | None:
    """Whether a repository is private; None if it does not exist."""
    try:
        return bool(api.model_info(repository).private)
    except HfHubHTTPError as error:
        if error.response.status_code == 404:
            return None
        raise


@contextmanager
def _hub_errors(repository: str, ending: str = "") -> Generator[None]:
    """While open, each error of the hub and of the network is one `InputError`.

    Args:
        ending: the end of the message: what the user can do after the export.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"--push {repository}: {_reason(error, repository)}{ending}") from error


def _reason(error: BaseException, repository: str) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__  # errors of single files are wrapped
    if cause is None:
        return f"the hub {HfApi().endpoint} cannot be used ({first_line(error)[:300]})"
    status, owner = cause.response.status_code, repository.split("/")[0]
    match status:
        case 401:
            return "the hub does not accept the token; log in again with `hf auth login`, or set HF_TOKEN"
        case 403:
            return f"the token may not write to {owner}; use a token with write access there"
        case 404:
            return f"the hub knows no organisation or user {owner}, or the token may not see it"
        case _:
            return f"the hub answers with status {status} ({cause.server_message or first_line(cause)[:300]})"
