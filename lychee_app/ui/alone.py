"""Streamlit, kept to this machine: it asks nobody who it is, and answers to no other name.

`python -m lychee_app.ui.alone run ...` is streamlit's.
"""

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit import get_option, net_util

LOOPBACK = "127.0.0.1"


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


if __name__ == "__main__":
    from streamlit.web.cli import main

    ask_nobody()
    main(prog_name="streamlit")
