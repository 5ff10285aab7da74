"""`lychee app` starts the page, `lychee serve` the API for other programs."""

import argparse
import os
import secrets
import socket
import subprocess

from lychee_app.cli.output import say
from lychee_app.errors import LycheeError, UsageError
from lychee_app.locale import Words
from lychee_app.settings import Settings


def app(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import launch

    _check_port(arguments.port)
    command = launch.command(port=arguments.port)
    if os.name == "posix":
        os.execv(command[0], command)  # the page is this process: who ends it ends the page
    return subprocess.call(command)


def serve(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app.engines.local import LocalEngine
    from lychee_app.model import checkpoints
    from lychee_app.store import Store

    if arguments.token == "":
        raise UsageError("serve-token-empty")
    if arguments.token and arguments.no_token:
        raise UsageError("token-or-none")
    settings = Settings.from_environment()
    model = str(checkpoints.resolved(arguments.model or settings.model, settings))
    checkpoints.hash_of(model, settings)  # it is here and whole, or this is where it is said
    engine = LocalEngine(settings)
    try:
        if arguments.mcp:
            from lychee_app.serve import mcp

            with Store.open(settings.data_folder) as store:
                mcp.serve(engine, store, model, arguments.allow, t)
            return 0
        from lychee_app.serve import http
    except ImportError as error:
        raise LycheeError("serve-extra") from error
    _check_port(arguments.port)
    token = None if arguments.no_token else arguments.token or secrets.token_urlsafe(24)
    api = http.create(engine, model, http.Allowed(arguments.allow), token)
    folders = t.listed(arguments.allow) or t("terminal.serving.no_folder")
    address = f"http://127.0.0.1:{arguments.port}/v1/rerank"
    say(t("terminal.serving", model=model, address=address, folders=folders))
    if token and arguments.token is None:
        say(t("terminal.serving.token", token=token))
    http.run(api, arguments.port)
    return 0


def _check_port(port: int) -> None:
    """The page's own server would say less of a port where somebody listens already."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex(("127.0.0.1", port)):
            return
    other = port + 1 if port < 65535 else port - 1
    raise LycheeError("port", port=port, other=other)
