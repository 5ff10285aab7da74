"""The material of the recipe, fetched once by npm into the build folder.

Knows package names, versions and where a picture of a character lies in each. Does not open pictures.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lychee_app.errors import DownloadError

BUILD_FOLDER = Path("demo-build")
WORD_PACKAGE = "emojibase-data@17.0.0"


@dataclass(frozen=True)
class ArtSet:
    """One drawing style: `pattern` holds {code}, the character's code points in lower-case hex."""

    name: str
    package: str
    pattern: str
    upper: bool = False

    def find(self, modules: Path, character: str) -> Path | None:
        """The picture of `character`, with or without its variation selector; None if the set lacks it."""
        plain = "-".join(f"{ord(char):x}" for char in character if char != "\ufe0f")
        for code in (plain, f"{plain}-fe0f", f"{plain:0>4}"):
            path = modules / self.pattern.format(code=code.upper() if self.upper else code)
            if path.exists():
                return path
        return None


TRAINED_ART = (
    ArtSet("noto", "emoji-datasource-google@16.0.0", "emoji-datasource-google/img/google/64/{code}.png"),
    ArtSet(
        "twemoji", "emoji-datasource-twitter@16.0.0", "emoji-datasource-twitter/img/twitter/64/{code}.png"
    ),
    ArtSet("fluent-3d", "@lobehub/fluent-emoji-3d@1.1.0", "@lobehub/fluent-emoji-3d/assets/{code}.webp"),
    ArtSet("emojione", "emojione@2.2.7", "emojione/assets/png_128x128/{code}.png"),
)
HELD_OUT_ART = (
    ArtSet("fluent-flat", "@lobehub/fluent-emoji-flat@1.1.0", "@lobehub/fluent-emoji-flat/assets/{code}.svg"),
    ArtSet("openmoji", "openmoji@17.0.0", "openmoji/color/svg/{code}.svg", upper=True),
)


def fetch(build: Path = BUILD_FOLDER) -> Path:
    """Fetches what is missing; returns the folder the packages lie in. Raises DownloadError."""
    home = build / "npm"
    modules = home / "node_modules"
    wanted = [WORD_PACKAGE, *(art.package for art in (*TRAINED_ART, *HELD_OUT_ART))]
    missing = [package for package in wanted if not (modules / package.rpartition("@")[0]).exists()]
    if missing:
        _install(home, missing)
    return modules


def _install(home: Path, packages: list[str]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        message = "npm was not found; the demo's material comes from npm. Install Node.js."
        raise DownloadError("as-told", text=message)
    home.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    (home / "package.json").write_text('{"private": true}')
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DownloadError("as-told", text=f"npm could not fetch {packages}: {done.stderr[-500:]}")
