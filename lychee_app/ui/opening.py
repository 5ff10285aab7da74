"""The browser, opened once the server is up, as `streamlit run` does for a script but not for an `App`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streamlit import App, cli_util, get_option

MOMENT_SECONDS = 0.3
"""The server listens as soon as this module's context is entered; a browser takes longer to start anyway."""


@asynccontextmanager
async def in_browser(_app: App) -> AsyncIterator[dict[str, Any]]:
    """A lifespan. Says where the page is, in place of Streamlit's own greeting; nothing is opened where
    `server.headless` says that nobody sits here."""
    address = f"http://{get_option('server.address') or 'localhost'}:{get_option('server.port')}"
    print(f"Lychee: {address}  (Ctrl-C ends it)", flush=True)
    if not get_option("server.headless"):
        asyncio.get_running_loop().call_later(MOMENT_SECONDS, cli_util.open_browser, address)
    yield {}
