"""The page is served to this machine alone, whichever way it is started."""

import tomllib
from pathlib import Path

from lychee_app import launch

CONFIG = Path(__file__).parents[1] / ".streamlit" / "config.toml"


def flat(table: dict, prefix: str = "") -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            found[prefix + name] = tuple(value)
        else:
            found[prefix + name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def test_the_flags_say_what_the_configuration_file_says() -> None:
    assert flat(tomllib.loads(CONFIG.read_text(encoding="utf-8"))) == launch.OPTIONS


def test_the_command_serves_this_machine_only_and_tells_nobody() -> None:
    command = launch.command(8600)
    assert "--server.address=127.0.0.1" in command
    assert "--server.allowedHosts=localhost" in command
    assert "--browser.gatherUsageStats=false" in command
    assert "--server.port=8600" in command
    assert Path(command[4]).is_file()
