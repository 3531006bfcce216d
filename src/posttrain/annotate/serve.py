"""`posttrain annotate serve`."""

import typer
from sqlalchemy import func, select

from posttrain.annotate.people import invite
from posttrain.annotate.store import now, open_store, writing
from posttrain.annotate.tables import people
from posttrain.errors import InputError


def serve_app(db: str, host: str, port: int, *, secure: bool) -> None:
    """Serve until stopped; while there is no owner, print a link to become one.

    Raises:
        InputError: the place is taken, or cannot be listened on.
    """
    import socket

    import uvicorn

    from posttrain.annotate.web.app import make_app

    engine = open_store(db)
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: cannot be listened on ({error.strerror})") from error
    url = f"http://{host}:{port}"
    with writing(engine) as connection:
        owners = select(func.count()).where(people.c.role == "owner", people.c.active)
        if not connection.execute(owners).scalar_one():
            typer.echo(f"Sign up as the owner: {url}/join/{invite(connection, None, 'owner', now())}")
    typer.echo(f"The ranking app is at {url}; stop it with Ctrl-C.")
    config = uvicorn.Config(make_app(engine, secure=secure), log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listener])
