"""What is done once: `lychee demo`, `lychee download`, `lychee doctor`."""

import argparse
import json
import shlex
from dataclasses import replace
from pathlib import Path

from lychee_app.errors import LycheeError, UsageError
from lychee_app.locale import Words
from lychee_app.settings import Settings


def demo(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import demo

    if arguments.words and arguments.folder is not None:
        raise UsageError("demo-both")
    if arguments.words:
        print(json.dumps([*demo.known_words(), *demo.colours()], ensure_ascii=False, indent=1))
        return 0
    if arguments.folder is None:
        raise UsageError("demo-neither")
    try:
        demo.write_gallery(arguments.folder)
    except OSError as error:
        path, detail = str(arguments.folder), error.strerror or str(error)
        raise LycheeError("gallery", path=path, detail=detail) from error
    command = f'lychee rank "{demo.GALLERY_QUERY}" {shlex.quote(str(arguments.folder))}'
    print(t("terminal.gallery", folder=arguments.folder, command=command))
    return 0


def download(arguments: argparse.Namespace, t: Words) -> int:
    folder = fetch(arguments.model, Settings.from_environment())
    print(t("terminal.downloaded", model=arguments.model, folder=folder))
    return 0


def fetch(model: str, settings: Settings) -> Path:
    from lychee_app.model.download import download
    from lychee_app.terminal import download_line

    with download_line() as show:
        return download(model, settings, show)


def doctor(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import doctor

    for line in doctor.examine(_settings(arguments), t):
        print(line)
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = Settings.from_environment()
    return replace(settings, model=arguments.model or settings.model)
