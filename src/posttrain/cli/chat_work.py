"""The work of `posttrain chat`: read lines, show answers as they are generated, save conversations."""

import asyncio
import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import typer

from posttrain.cli.chat_state import ChatState, after_command
from posttrain.cli.serve_work import load_named
from posttrain.errors import InputError
from posttrain.files import write_whole
from posttrain.generation.sampling import Sampling
from posttrain.pipeline.run_models import named_models
from posttrain.serve.answering import AnswerRequest, Count, Requests
from posttrain.serve.problems import RequestProblem
from posttrain.serve.served import ServedModel

ROWS = 16


def chat_with(
    names: Sequence[str],
    first: Sequence[str],
    system: str | None,
    *,
    context: int | None,
    template: str | None,
    place: Mapping[str, Any],
) -> None:
    """Talk until the user ends it.

    Args:
        first: the models that answer at first; the last one if there are none.

    Raises:
        InputError: a model cannot be loaded, or there is none of this name.
    """
    known = tuple(named_models(names))
    if unknown := [name for name in first if name not in known]:
        raise InputError(f"--ask {unknown[0]}: there is no such model; the models are {', '.join(known)}")
    models = load_named(names, context=context, template=template, place=place)
    state = ChatState(known, tuple(dict.fromkeys(first)) or known[-1:], system=system)
    typer.echo(
        f"{' and '.join(state.answering)} answers; the models are {', '.join(models)}. /help lists the commands."
    )
    requests = Requests(models, ROWS)
    try:
        while (line := _read()) is not None:
            try:
                state = _after(state, line, models, requests)
            except (InputError, RequestProblem) as error:
                typer.secho(str(error), fg="red", err=True)
    except EOFError:
        pass
    finally:
        requests.engine.close()


def _read() -> str | None:
    """The next line; None at the end."""
    terminal = sys.stdin.isatty()
    while True:
        try:
            return input("\n> " if terminal else "")
        except EOFError:
            return None
        except UnicodeDecodeError as error:
            raise InputError("the messages must be UTF-8; convert the file that is read") from error
        except KeyboardInterrupt:
            typer.echo("\nCtrl-D or /exit ends the chat")


def _after(state: ChatState, line: str, models: Mapping[str, ServedModel], requests: Requests) -> ChatState:
    """The chat after a line.

    Raises:
        EOFError: the user ends the chat.
        InputError, RequestProblem: the line cannot be followed; the chat is unchanged.
    """
    word, _, rest = line.strip().partition(" ")
    if not word:
        return state
    if word == "/exit":
        raise EOFError
    if word == "/save":
        _save(state, rest.strip())
        return state
    if word == "/again":
        return _answered(state.without_answers(), models, requests) or state
    if word.startswith("/"):
        state, answer = after_command(state, line)
        typer.echo(answer)
        return state
    wanted = state.with_message("user", dict.fromkeys(state.answering, line.strip()))
    return _answered(wanted, models, requests) or state


def _answered(state: ChatState, models: Mapping[str, ServedModel], requests: Requests) -> ChatState | None:
    """The chat with the answers of the models, which are shown; None if Ctrl-C ends them before there is text."""
    wanted = {name: _request_of(models[name], state) for name in state.answering}
    texts = dict.fromkeys(state.answering, "")

    async def answers() -> None:
        queues = {name: asyncio.Queue[str | RequestProblem | None]() for name in wanted}
        async with asyncio.TaskGroup() as group:
            for name, one in wanted.items():
                group.create_task(_generate(one, requests, queues[name]))
            for name, pieces in queues.items():
                if len(wanted) > 1:
                    typer.secho(f"{name}:", bold=True)
                await _show_all(pieces, lambda text, name=name: texts.update({name: texts[name] + text}))

    try:
        asyncio.run(answers())
    except KeyboardInterrupt:
        typer.echo(" (ended)")
        return state.with_message("assistant", texts, cut=True) if all(texts.values()) else None
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return state.with_message("assistant", texts)


async def _generate(
    wanted: AnswerRequest, requests: Requests, pieces: "asyncio.Queue[str | RequestProblem | None]"
) -> None:
    """Put the pieces of an answer into a queue, and None or the error at its end."""
    try:
        async with aclosing(requests.pieces(wanted, Count(len(wanted.prompts[0])))) as found:
            async for piece in found:
                pieces.put_nowait(piece.text)
        pieces.put_nowait(None)
    except RequestProblem as problem:
        pieces.put_nowait(problem)


async def _show_all(pieces: "asyncio.Queue[str | RequestProblem | None]", on_text: Callable[[str], None]) -> None:
    while (piece := await pieces.get()) is not None:
        if isinstance(piece, RequestProblem):
            raise piece
        on_text(piece)
        typer.echo("".join(c for c in piece if c.isprintable() or c in "\n\t"), nl=False)  # a terminal obeys others
    typer.echo()


def _request_of(model: ServedModel, state: ChatState) -> AnswerRequest:
    settings = state.settings
    prompt = model.chat_tokens(list(state.conversation(model.name)), {})
    left = model.context - len(prompt)
    if left < 1:
        raise RequestProblem(
            f"{model.name}: the conversation is longer than {model.context} tokens; /new begins another"
        )
    sampling = Sampling(
        min(settings.max_tokens or left, left),
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        min_p=settings.min_p,
        seed=secrets.randbits(32) if settings.seed is None else settings.seed,
    )
    return AnswerRequest(model, [prompt], sampling, 1, opening=model.opening({}))


def _save(state: ChatState, name: str) -> None:
    path = Path(name)
    rows = state.rows()
    if not name or not rows:
        raise InputError("/save FILE: names the file" if not name else "/save: there is no conversation yet")
    if path.exists():
        raise InputError(f"/save {name}: is there already; choose another name")
    try:
        write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    except OSError as error:
        raise InputError(f"/save {name}: cannot be written ({error.strerror})") from error
    typer.echo(f"{len(rows)} conversation{'s' if len(rows) > 1 else ''} in {name}")
