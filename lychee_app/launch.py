"""The command line that starts the page. Imports no streamlit, so that `lychee --help` stays quick.

Streamlit reads `.streamlit/config.toml` from the current folder and from beside the main script. An installed
package has neither, so the same options go along as flags.
"""

import sys
from pathlib import Path

OPTIONS: dict[str, str | tuple[str, ...]] = {
    "browser.gatherUsageStats": "false",
    "logger.hideWelcomeMessage": "true",
    "server.address": "127.0.0.1",
    "server.allowedHosts": ("localhost", "127.0.0.1"),
    "server.showEmailPrompt": "false",
    "server.enableXsrfProtection": "true",
    "server.enableCORS": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "200",
    "server.maxMessageSize": "200",
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "none",
    "runner.postScriptGC": "false",
    "runner.magicEnabled": "false",
    "theme.font": "sans-serif",
    "theme.baseRadius": "10px",
    "theme.buttonRadius": "8px",
    "theme.showWidgetBorder": "true",
    "theme.light.primaryColor": "#b3364a",
    "theme.light.backgroundColor": "#fffdfb",
    "theme.light.secondaryBackgroundColor": "#f6f1ec",
    "theme.light.textColor": "#2b2325",
    "theme.light.borderColor": "#e5dcd4",
    "theme.light.sidebar.backgroundColor": "#f8f3ee",
    "theme.light.sidebar.secondaryBackgroundColor": "#fffdfb",
    "theme.dark.primaryColor": "#e2697c",
    "theme.dark.backgroundColor": "#181516",
    "theme.dark.secondaryBackgroundColor": "#231f20",
    "theme.dark.textColor": "#ece6e3",
    "theme.dark.borderColor": "#3a3335",
    "theme.dark.sidebar.backgroundColor": "#1f1b1c",
    "theme.dark.sidebar.secondaryBackgroundColor": "#2a2526",
}


def command(port: int = 8501, *, headless: bool = False, script: Path | None = None) -> list[str]:
    """The arguments of a process that serves the page on this machine only.

    `headless`: do not open a browser. `script`: another page than ours (tests).
    """
    page = script or Path(__file__).with_name("ui") / "served.py"
    options = {**OPTIONS, "server.port": str(port), "server.headless": str(headless).lower()}
    return [sys.executable, "-m", "lychee_app.ui.server", "run", str(page), *_flags(options)]


def _flags(options: dict[str, str | tuple[str, ...]]) -> list[str]:
    """A list is given as the same flag several times."""
    pairs = [(name, (value,) if isinstance(value, str) else value) for name, value in options.items()]
    return [f"--{name}={one}" for name, values in pairs for one in values]
