"""POST /v1/rerank, asked by the clients that people have."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import cohere
import httpx
import pytest

from tests.serve.conftest import MOST_BODY_BYTES, TOKEN
from tests.support.fakes import picture

AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}


def data_url(colour: str) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture(colour)).decode()}"


def post(address: str, body: Any, path: str = "/v1/rerank", **headers: str) -> httpx.Response:
    return httpx.post(f"{address}{path}", json=body, headers={**AUTHORISED, **headers}, timeout=60)


def test_cohere_s_client_gets_the_order_of_the_command(address: str) -> None:
    documents = [data_url(colour) for colour in ("blue", "red", "green")]
    with httpx.Client() as own:  # the client leaves the one that it makes itself open
        client = cohere.ClientV2(api_key=TOKEN, base_url=address, httpx_client=own)
        found = client.rerank(model="auto", query="red", documents=documents, top_n=2)
    assert found.results[0].index == 1
    assert len(found.results) == 2
    assert found.results[0].relevance_score > 0.9


LAYOUTS = {
    "jina": lambda colour: {"image": data_url(colour)},
    "jina, base64 alone": lambda colour: {"image": base64.b64encode(picture(colour)).decode()},
    "openai": lambda colour: {"type": "image_url", "image_url": {"url": data_url(colour)}},
    "vllm": lambda colour: {
        "content": [
            {"type": "text", "text": "a caption"},
            {"type": "image_url", "image_url": {"url": data_url(colour)}},
        ]
    },
    "an address": data_url,
    "base64": lambda colour: base64.b64encode(picture(colour)).decode(),
}


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_a_document_is_the_same_image(address: str, layout: str, path: str) -> None:
    documents = [LAYOUTS[layout](colour) for colour in ("green", "blue", "red")]
    answer = post(address, {"model": "demo", "query": "red", "documents": documents}, path).json()
    assert answer["results"][0]["index"] == 2
    assert answer["results"][0]["score"] == pytest.approx(10 * answer["results"][0]["relevance_score"])
    assert answer["usage"]["total_tokens"] > 0


def test_paths_in_an_allowed_folder_are_read_and_a_broken_image_is_no_result(
    address: str, pictures: Path
) -> None:
    documents = [
        str(pictures / "page.png"),
        "red.png",
        (pictures / "blue.png").as_uri(),
        {"path": "none.png"},
        "~nobody-of-this-name/a.png",
    ]
    answer = post(address, {"query": "red", "documents": documents, "return_documents": True}).json()
    assert [each["index"] for each in answer["results"]] == [1, 2]
    assert answer["results"][0]["document"] == {"text": "red.png"}
    assert [(each["index"], each["code"]) for each in answer["errors"]] == [
        (0, "format"),
        (3, "unreadable"),
        (4, "unreadable"),
    ]


def test_files_are_uploaded(address: str) -> None:
    files = [("files", (f"{colour}.png", picture(colour))) for colour in ("green", "red")]
    answer = httpx.post(
        f"{address}/v1/rerank/files", data={"query": "red"}, files=files, headers=AUTHORISED, timeout=60
    ).json()
    assert [each["document"]["text"] for each in answer["results"]] == ["red.png", "green.png"]


def test_elements_what_is_not_wanted_and_reasons_can_be_asked_for(address: str) -> None:
    documents = [data_url("red"), data_url("green")]
    parts = post(address, {"query": "red + green", "documents": documents, "elements": True}).json()
    assert all(len(each["elements"]) == 2 for each in parts["results"])
    unwanted = post(address, {"query": "red", "not": "red", "documents": documents}).json()
    assert unwanted["results"][-1]["score"] < 5
    told = post(address, {"query": "red", "documents": documents, "mode": "explain"}).json()
    assert told["results"][0]["reply"].startswith("It is red.")


REFUSED: dict[str, tuple[Any, int, str]] = {
    "text": ({"query": "red", "documents": ["a red sofa"]}, 400, "documents[0] is text"),
    "the web": ({"query": "red", "documents": ["https://example.org/a.jpg"]}, 400, "nothing is fetched"),
    "outside": (
        {"query": "red", "documents": ["/etc/passwd"]},
        403,
        "in no folder that this server may read",
    ),
    "a way out": ({"query": "red", "documents": ["../../etc/hosts.png"]}, 403, "in no folder"),
    "a file address": ({"query": "red", "documents": ["file:///etc/passwd"]}, 403, "in no folder"),
    "a null": ({"query": "red", "documents": ["a\0.png"]}, 403, "in no folder"),
    "no image": ({"query": "red", "documents": [{"title": "x"}]}, 400, "documents[0] names no image"),
    "a number": ({"query": "red", "documents": [7]}, 400, "documents[0] names no image"),
    "broken": ({"query": "red", "documents": ["data:image/png;base64,@@"]}, 400, "not valid base64"),
    "no documents": ({"query": "red", "documents": []}, 422, "documents: "),
    "no query": ({"documents": ["red.png"]}, 422, "query: "),
    "an empty query": ({"query": " ", "documents": ["red.png"]}, 400, "query"),
    "another model": (
        {"model": "rerank-v9", "query": "red", "documents": ["red.png"]},
        404,
        "rerank-v9 is not",
    ),
    "no top": ({"query": "red", "documents": ["red.png"], "top_n": 0}, 422, "top_n: "),
}


@pytest.mark.parametrize("which", REFUSED)
def test_what_cannot_be_done_is_one_sentence(address: str, which: str) -> None:
    body, status, text = REFUSED[which]
    answer = post(address, body)
    assert (answer.status_code, text in answer.json()["message"]) == (status, True), answer.text
    assert "\n" not in answer.json()["message"]


def test_what_is_no_json_and_an_address_that_is_not_there_are_told(address: str) -> None:
    for content, kind in ((b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain")):
        headers = {**AUTHORISED, "Content-Type": kind}
        answer = httpx.post(f"{address}/v1/rerank", content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "body-no-json"), kind
    missing = httpx.get(f"{address}/v3/rerank", headers=AUTHORISED)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no-such-address")


def test_a_link_out_of_an_allowed_folder_is_not_followed(
    address: str, pictures: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "secret.png"
    outside.write_bytes(picture("red"))
    link = pictures / "link.png"
    link.symlink_to(outside)
    try:
        assert post(address, {"query": "red", "documents": ["link.png"]}).status_code == 403
    finally:
        link.unlink()


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}"])
def test_without_the_token_nothing_is_told(address: str, token: str) -> None:
    headers = {"Authorization": token} if token else {}
    for method, path in (("POST", "/v1/rerank"), ("GET", "/v1/models"), ("POST", "/v1/rerank/files")):
        answer = httpx.request(method, f"{address}{path}", headers=headers)
        assert answer.status_code == 401
        assert "token is missing or wrong" in answer.json()["message"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_another_host_s_name_is_refused(address: str, host: str) -> None:
    body = {"query": "red", "documents": ["red.png"]}
    assert post(address, body, Host=host).status_code == 403
    assert httpx.get(f"{address}/v1/models", headers={**AUTHORISED, "Host": host}).status_code == 403


def test_refusals_speak_the_language_that_is_asked_for(address: str) -> None:
    answer = post(address, {"query": "red", "documents": ["a red sofa"]}, **{"Accept-Language": "zh-CN"})
    assert "是文字" in answer.json()["message"]


def test_a_body_that_is_told_to_be_too_large_is_not_read(address: str) -> None:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/v1/rerank")
    connection.putheader("Content-Length", str(MOST_BODY_BYTES + 1))
    connection.endheaders()
    with closing(connection), connection.getresponse() as answer:
        assert answer.status == 413
        assert json.load(answer)["message"].startswith("The request is too large: at most 64 MB")


def test_a_body_that_tells_no_size_is_read_up_to_the_bound(address: str) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(MOST_BODY_BYTES // 1_000_000 + 2):
            yield b" " * 1_000_000

    answer = httpx.post(f"{address}/v1/rerank", headers=AUTHORISED, content=body(), timeout=60)
    assert answer.status_code == 413


def test_the_api_is_described_and_nothing_of_it_comes_from_the_web(address: str) -> None:
    described = httpx.get(f"{address}/openapi.json").json()
    assert {"/v1/rerank", "/v1/rerank/files", "/v1/models"} <= set(described["paths"])
    assert httpx.get(f"{address}/docs").status_code == 404
    assert httpx.get(f"{address}/health").json() == {"status": "ok"}
    assert httpx.get(f"{address}/v1/models", headers=AUTHORISED).json()["data"][0]["id"] == "demo"
