"""Streamlit's server, kept to this machine: it asks nobody who it is, and answers to no other name.

`python -m lychee_app.ui.server run ...` is streamlit's command.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit import App, cli_util, get_option, net_util

LOOPBACK = "127.0.0.1"
MOMENT_SECONDS = 0.3
"""The server listens as soon as `in_browser` is entered; a browser takes longer to start anyway."""


def own_names_only() -> list[Middleware]:
    """Refuses every request under another host's name, as a page elsewhere could make a browser send.

    Streamlit itself holds only its socket to `server.allowedHosts`; its files it gives to anybody. Called
    before the server listens, so this is where it is told to ask nobody, too.
    """
    ask_nobody()
    names = get_option("server.allowedHosts") or ["*"]
    return [Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)]


def ask_nobody() -> None:
    """When a page of another origin knocks, Streamlit wants to know whether that is this machine's own outer
    one, and asks a service on the internet. It remembers an address once it has one; there is no option.
    """
    net_util._external_ip = net_util._internal_ip = LOOPBACK


@asynccontextmanager
async def in_browser(_app: App) -> AsyncIterator[dict[str, Any]]:
    """A lifespan. Says where the page is and opens it, as `streamlit run` does for a script but not for an
    `App`; nothing is opened where `server.headless` says that nobody sits here."""
    address = f"http://{get_option('server.address') or 'localhost'}:{get_option('server.port')}"
    print(f"Lychee: {address}  (Ctrl-C ends it)", flush=True)
    if not get_option("server.headless"):
        asyncio.get_running_loop().call_later(MOMENT_SECONDS, cli_util.open_browser, address)
    yield {}


if __name__ == "__main__":
    from streamlit.web.cli import main

    ask_nobody()
    main(prog_name="streamlit")
