"""Files that the page's script sends: what is added, and what is refused whole."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lychee_app import intake
from lychee_app.reasons import Reason
from lychee_app.services import Services, opened
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.web import upload
from lychee_app.web.routes import routes
from tests.support.sending import OURS, add, choose, send

ODD = ['12" vinyl.png', "a%22b.png", "50%.png", "图\n片.png", "\udcff.png", "../../evil.png"]


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    made = opened(Settings(settings.data_folder, upload_cap_bytes=10_000_000))
    yield made
    made.store.close()


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(Starlette(routes=routes(lambda: services)))


def added(store: Store) -> list[tuple[str, bytes]]:
    return [(source.name, source.read()) for _, source in store.drafts.images("d")]


def on_disk(services: Services) -> list[Path]:
    return list((services.settings.data_folder / "uploads").glob("*"))


def test_files_arrive_as_they_are_under_the_names_they_have(client: TestClient, services: Services) -> None:
    files = [(name, bytes([number]) * number * 1000) for number, name in enumerate(ODD)]
    files.append(("large.png", bytes(range(256)) * 20_000))  # in many pieces
    assert add(client, "d", files).json() == {"added": len(files)}
    assert added(services.store) == files
    assert sorted(path.name for path in on_disk(services)) == sorted(
        hashlib.sha256(data).hexdigest() for _, data in files
    )
    assert {path.stat().st_mode & 0o777 for path in on_disk(services)} == {0o600}


def test_a_file_keeps_the_date_that_the_browser_tells(client: TestClient, services: Services) -> None:
    """In milliseconds since 1970; a clock may be far off, and what is no date costs nothing."""
    files = [["a.png", 1, 1_563_121_808_123], ["b.png", 1, -1], ["c.png", 1, 1e300], ["d.png", 1]]
    line = json.dumps({"files": files, "left": {}}).encode()
    answer = client.post("/lychee/add/d", content=line + b"\nabcd", headers=OURS)
    assert answer.json() == {"added": 4}
    first, *others = [source.path for _, source in services.store.drafts.images("d")]
    assert first.stat().st_mtime == pytest.approx(1_563_121_808.123, abs=0.01)
    assert all(path.read_bytes() for path in others)


def test_equal_files_are_kept_once_and_are_two_images(client: TestClient, services: Services) -> None:
    for _ in range(2):
        send(client, "d", [("a.png", b"same"), ("b.png", b"same"), ("empty.png", b"")])
    assert [name for name, _ in added(services.store)] == ["a.png", "b.png", "empty.png"] * 2
    assert len(on_disk(services)) == 2


def test_a_folder_is_chosen_from_by_its_names_and_what_is_left_out_is_counted(
    client: TestClient, services: Services
) -> None:
    names = ("p/img10.png", "p/img2.png", "p/img2.NEF", "p/@eaDir/x.png", "p/notes.txt", "p/draft.png")
    rules = {"exclude": ["draft*"], "hidden": False}
    answer = choose(client, [(name, b"x") for name in names], rules)
    assert answer.json() == {
        "wanted": [1, 0],
        "left": {"thumbnails": 1, "companions": 1, "others": 1, "excluded": 1},
        "told": [],
    }
    add(client, "d", [("p/img2.png", b"x")], answer.json()["left"])
    draft = services.store.drafts.get("d")
    assert draft
    assert Reason.of("left-out-excluded", n=1) in draft.left_out


def test_what_is_no_image_and_what_excluded_nothing_is_told_before_anything_is_sent(
    client: TestClient,
) -> None:
    files = [("a.png", b"x"), *((f"{number}.txt", b"text") for number in range(7))]
    told = choose(client, files, {"exclude": ["draft*"], "hidden": False}).json()
    assert told["wanted"] == [0]
    assert told["told"][0].startswith("Not added: 0.txt. This is not an image")
    assert told["told"][5:] == [
        "Nor were 2 more files that are no images.",
        "Nothing matches what is to be left out: draft*",
    ]


def test_more_than_may_be_kept_is_refused_before_it_is_sent_and_told(
    client: TestClient, services: Services
) -> None:
    answer = client.post(
        "/lychee/choose",
        headers=OURS,
        json={
            "files": [["a.png", 6_000_000, ""], ["b.png", 6_000_000, ""]],
            "exclude": [],
            "hidden": False,
        },
    )
    assert answer.status_code == 503
    assert "LYCHEE_UPLOAD_CAP_GB" in answer.json()["message"]
    send(client, "d", [("a.png", b"a" * 6_000_000)])
    answer = add(client, "d", [("b.png", b"b" * 6_000_000)])
    assert (answer.status_code, len(on_disk(services))) == (503, 1)
    assert [name for name, _ in added(services.store)] == ["a.png"]


def test_a_refusal_speaks_the_language_of_the_page(client: TestClient) -> None:
    asked = {"files": [["a.png", 60_000_000, ""]], "exclude": [], "hidden": False}
    answer = client.post("/lychee/choose?lang=zh", headers=OURS, json=asked)
    assert answer.json()["message"].startswith("上传的图片最多共占")


@pytest.mark.parametrize("path", ["choose", "add/d"])
def test_pages_elsewhere_can_add_nothing(client: TestClient, services: Services, path: str) -> None:
    assert client.post(f"/lychee/{path}", content=b'{"files": [], "left": {}}\n').status_code == 403
    assert services.store.drafts.get("d") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no line",
        b"[]\n",
        b"{}\n",
        b'{"files": [["a.png", 4]], "left": {}}\nabc',
        b'{"files": [["a.png", 2]], "left": {}}\nabc',
        b'{"files": [["a.png", -1]], "left": {}}\n',
        b'{"files": [["a.png", 1e999]], "left": {}}\n',
        b'{"files": [["a.png"]], "left": {}}\na',
        b'{"files": [["a.png", 1]], "left": []}\na',
        b'{"files": [["a.png", %d]], "left": {}}\n' % (intake.MAX_FILE_BYTES + 1),
        b"[" * 100_000 + b"\n",
        b"x" * (upload.MOST_LINE_BYTES + 1),
    ],
)
def test_what_is_cut_short_or_no_such_request_adds_nothing_and_leaves_nothing(
    client: TestClient, services: Services, body: bytes
) -> None:
    assert client.post("/lychee/add/d", content=body, headers=OURS).status_code == 400
    assert services.store.drafts.get("d") is None
    assert on_disk(services) == []


@pytest.mark.parametrize(
    "asked", [[], {}, {"files": [["a", 1, "%"]], "exclude": [], "hidden": False}, {"files": 3, "exclude": []}]
)
def test_what_is_no_list_of_names_is_refused(client: TestClient, asked: object) -> None:
    answer = client.post("/lychee/choose", content=json.dumps(asked), headers=OURS)
    assert answer.status_code == 400


def test_a_folder_that_takes_nothing_more_is_told(client: TestClient, services: Services) -> None:
    (services.settings.data_folder / "uploads").write_bytes(b"in the way")
    answer = add(client, "d", [("a.png", b"a")])
    assert answer.status_code == 503
    assert "uploads" in answer.json()["message"]
    assert services.store.drafts.get("d") is None
