"""A hub on this machine, as far as a download asks of one: listing, files, ranges, and kinds of trouble."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

REPO = "tests/tiny"


@dataclass
class Hub:
    """`cut` ends the connection after so many bytes of a file; `cuts` is how often. Asked ranges are kept."""

    folder: Path
    url: str = ""
    cut: dict[str, int] = field(default_factory=dict)
    cuts: int = 1_000
    corrupt: set[str] = field(default_factory=set)
    fail_with: int | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def ranges(self, name: str) -> list[str | None]:
        return [asked for file, asked in self.asked if file == name]

    def bytes_of(self, name: str) -> bytes:
        data = (self.folder / name).read_bytes()
        return data[:-1] + bytes([data[-1] ^ 255]) if name in self.corrupt else data

    def listing(self) -> dict[str, object]:
        return {
            "id": REPO,
            "sha": "0" * 39 + "1",
            "siblings": [self._entry(file) for file in sorted(self.folder.rglob("*")) if file.is_file()],
        }

    def _entry(self, file: Path) -> dict[str, object]:
        data = file.read_bytes()
        entry: dict[str, object] = {
            "rfilename": str(file.relative_to(self.folder)),
            "size": len(data),
            "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
        }
        if file.suffix == ".safetensors":
            sha256 = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
        return entry


@contextmanager
def serving(folder: Path) -> Iterator[Hub]:
    hub = Hub(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlparse(self.path).path
            if hub.fail_with is not None:
                self._send(hub.fail_with, b"trouble")
            elif path.startswith(f"/api/models/{REPO}"):
                self._send(200, json.dumps(hub.listing()).encode(), "application/json")
            elif path.startswith(f"/{REPO}/resolve/"):
                self._file(path.split("/", 5)[5])
            else:
                self._send(404, b'{"error": "Repository not found"}', "application/json", "RepoNotFound")

        def _file(self, name: str) -> None:
            data, wanted = hub.bytes_of(name), self.headers.get("Range")
            hub.asked.append((name, wanted))
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(data) - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if name in hub.cut and hub.cuts > 0:
                hub.cuts -= 1
                self.wfile.write(data[start : start + hub.cut[name]])
                self.close_connection = True
                return
            self.wfile.write(data[start:])

        def _send(self, status: int, data: bytes, kind: str = "text/plain", code: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if code:
                self.send_header("X-Error-Code", code)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
