"""A real S3 server on this machine, for as long as a test needs it."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

BUCKET = "pictures"


@contextmanager
def serving(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """With an empty BUCKET, found by s3:// here and in processes that are started meanwhile."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    # What is in its buckets outlives a server: it is the process's.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        patch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        s3fs.S3FileSystem().mkdir(BUCKET)
        yield
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


def put(files: Mapping[str, bytes]) -> None:
    """Into the bucket, by key."""
    import s3fs

    system = s3fs.S3FileSystem()
    for key, data in files.items():
        system.pipe_file(f"{BUCKET}/{key}", data)
    system.invalidate_cache()
