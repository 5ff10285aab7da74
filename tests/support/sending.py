"""Sends files as the page's own script does (assets/adding/send.js), all of them in one request."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.testclient import TestClient

OURS = {"X-Lychee": "1"}


def choose(client: TestClient, files: Sequence[tuple[str, bytes]], rules: Mapping[str, Any] | None = None):
    """Which of these are wanted."""
    rules = rules or {"exclude": [], "hidden": False}
    asked = {
        "files": [[name, len(data), base64.b64encode(data[:1024]).decode()] for name, data in files],
        "exclude": rules["exclude"],
        "hidden": rules["hidden"],
    }
    return client.post("/lychee/choose", content=json.dumps(asked), headers=OURS)


def add(
    client: TestClient, draft: str, files: Sequence[tuple[str, bytes]], left: Mapping[str, int] | None = None
):
    line = json.dumps({"files": [[name, len(data)] for name, data in files], "left": left or {}})
    body = line.encode() + b"\n" + b"".join(data for _, data in files)
    return client.post(f"/lychee/add/{draft}", content=body, headers=OURS)


def send(
    client: TestClient, draft: str, files: Sequence[tuple[str, bytes]], rules: Mapping[str, Any] | None = None
) -> None:
    """Both, as they must go."""
    told = choose(client, files, rules)
    assert told.status_code == 200, told.text
    answer = add(client, draft, [files[place] for place in told.json()["wanted"]], told.json()["left"])
    assert answer.status_code == 200, answer.text
