"""Streamlit, kept from asking the internet who it is. `python -m lychee_app.ui.alone run ...` is streamlit's.

When a page of another origin knocks, Streamlit wants to know whether that is this machine's own outer one,
and asks a service on the internet. This page has none: it is on the loopback alone.
"""

from streamlit import net_util

LOOPBACK = "127.0.0.1"


def ask_nobody() -> None:
    """Streamlit remembers an address once it has found one. There is no option for this."""
    net_util._external_ip = net_util._internal_ip = LOOPBACK


if __name__ == "__main__":
    from streamlit.web.cli import main

    ask_nobody()
    main(prog_name="streamlit")
