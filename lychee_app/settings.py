"""One frozen Settings, and the only place that reads environment variables.

| variable | meaning |
| --- | --- |
| LYCHEE_HOME | data folder (default: the platform's user data folder for "lychee") |
| LYCHEE_MODEL | default model |
| LYCHEE_IMAGE_TOKENS | default image token budget |
| LYCHEE_UPLOAD_CAP_GB | how much disk uploads may take in all |
| LYCHEE_ENGINE | local, or ray: what the page, the command and Python score with where nothing else is said |
| LYCHEE_RAY_ADDRESS | of the Ray cluster: HOST:PORT, or auto (default: Ray is started on this machine) |
| LYCHEE_KERNELS | 0: no Triton kernels on a CUDA card, torch's own operations instead |
| LC_ALL, LC_MESSAGES, LANG | the language of the terminal's messages, where there is a file for it |
| HF_HUB_OFFLINE, HF_ENDPOINT, HF_HOME | as the hub library defines them |
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from lychee_app.errors import UsageError
from lychee_app.sizes import DISK_GB

LEAST_TOKENS, MOST_TOKENS = 4, 16384
"""Bounds of the image token budget."""
EngineName = Literal["local", "ray"]
_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Settings:
    """What this machine is and may do; what is asked is a Request. `replace` makes a changed copy."""

    data_folder: Path
    model: str = "auto"
    max_image_tokens: int = 1280
    """Of a request that names none."""
    decode_ahead: int = 3
    """Images decoded while one is scored; the bound on how many are in memory."""
    decode_seconds: float = 10.0
    decode_memory_bytes: int = 1 << 30
    max_image_px: int = 120_000_000
    upload_cap_bytes: int = 4 * DISK_GB
    engine: EngineName = "local"
    ray_address: str | None = None
    """None: Ray is started on this machine."""
    kernels: bool = True
    """Whether the fast passes may use Triton kernels on a CUDA card. They are tried and compared first."""
    hub_offline: bool = False
    hub_endpoint: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Raises UsageError when a variable holds something it cannot hold."""
        env = os.environ if environment is None else environment
        home = env.get("LYCHEE_HOME")
        return cls(
            data_folder=Path(os.path.expanduser(home)) if home else platformdirs.user_data_path("lychee"),
            model=env.get("LYCHEE_MODEL", "auto"),
            max_image_tokens=_whole_number(
                env, "LYCHEE_IMAGE_TOKENS", 1280, low=LEAST_TOKENS, high=MOST_TOKENS
            ),
            upload_cap_bytes=_whole_number(env, "LYCHEE_UPLOAD_CAP_GB", 4, 1, 4096) * DISK_GB,
            engine=_engine(env.get("LYCHEE_ENGINE") or "local"),
            ray_address=env.get("LYCHEE_RAY_ADDRESS") or None,
            kernels=env.get("LYCHEE_KERNELS", "").lower() not in _NO,
            hub_offline=env.get("HF_HUB_OFFLINE", "").lower() in _YES,
            hub_endpoint=env.get("HF_ENDPOINT") or None,
        )


def locale_of_terminal(environment: Mapping[str, str] | None = None) -> str:
    """Such as "zh_CN.UTF-8"; "" where none is named. The order of the variables is that of POSIX."""
    env = os.environ if environment is None else environment
    return next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")


def without_reports() -> None:
    """Has Ray, where it is imported after this, send no statistics of its use and say nothing of its own."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_BACKEND_LOG_LEVEL="fatal")


def _engine(name: str) -> EngineName:
    if name not in ("local", "ray"):
        raise UsageError("engine-odd", engine=name)
    return name


def _whole_number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise UsageError("setting", name=name, value=text, low=low, high=high)
    return int(text)
