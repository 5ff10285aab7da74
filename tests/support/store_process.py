"""A process of its own that uses the store, for tests that kill it.

Run with `python -m tests.support.store_process`.

Prints a line after each thing that the store has confirmed.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from lychee_app.errors import StoreError
from lychee_app.records import Run, Scored, Source
from lychee_app.store import Store
from tests.support.rows import key, reply, row, run_of

NOBODY = 65534


def child_row(index: int) -> Scored:
    """The same in every process: what a deterministic model would say."""
    return row(index, margin=index * 0.37 - 5, thumbnail=bytes([index % 251]) * 3000, seconds=0.01)


def child_run(run_id: str, total: int) -> Run:
    return run_of([], id=run_id, total=total)


def score(folder: str, run_id: str, total: str) -> None:
    """Begins or resumes a run, and adds what is missing of `total` rows."""
    with Store.open(Path(folder)) as store:
        known = {summary.id for summary in store.runs()}
        if run_id not in known:
            store.create(child_run(run_id, int(total)), [Source("a.jpg", data=b"a picture")])
        else:
            store.set_status(run_id, "running")
        say("begun")
        done = {image.upload_index for image in store.load(run_id).images}
        for index in range(int(total)):
            if index not in done:
                store.remember({key(query=f"query {index}"): reply(margin=float(index))})
                store.add(run_id, child_row(index))
                say(index)
        store.finish(run_id, "done", 1.0, 10)
        say("done")


def hold(folder: str, run_id: str) -> None:
    """Begins a run and does nothing more until its input ends."""
    with Store.open(Path(folder)) as store:
        store.create(child_run(run_id, 3))
        say("begun")
        sys.stdin.read()
        store.finish(run_id, "stopped", 1.0, 10)


def fill(folder: str, limit_bytes: str) -> None:
    """Adds rows until a file may not grow any more, then is allowed to go on."""
    with Store.open(Path(folder)) as store:
        store.create(child_run("full", 1000))
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit_bytes), resource.RLIM_INFINITY))
        said = until_refused(store)
        said["upload"] = refused(store, os.urandom(2 * int(limit_bytes)))
        said["left"] = [path.name for path in (Path(folder) / "uploads").iterdir()]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        said["then"] = "refused" if until_refused(store, 3)["code"] else "went on"
        say(json.dumps(said))


def fill_disk(folder: str) -> None:
    """The same on a disk of one megabyte. Needs the right to mount (see `unshare -rm`)."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
    with Store.open(Path(folder)) as store:
        store.create(child_run("full", 1000), [Source("a", data=bytes(200_000))])
        said = until_refused(store)
        say(json.dumps(said))
        store.delete("full")
        store.create(child_run("again", 1))
        store.add("again", child_row(0))
        say(len(store.load("again").images))


def until_refused(store: Store, most: int = 1000) -> dict:
    (run,) = [summary for summary in store.runs() if summary.id == "full"]
    for index in range(run.done, run.done + most):
        try:
            store.add("full", row(index, 1.0, thumbnail=os.urandom(9000)))
        except StoreError as error:
            kept = [image.upload_index for image in store.load("full").images]
            return {"confirmed": index, "kept": len(kept), "code": error.code, "message": str(error)}
    return {"confirmed": run.done + most, "kept": len(store.load("full").images), "code": ""}


def refused(store: Store, data: bytes) -> str:
    try:
        store.keep(data)
    except StoreError as error:
        return error.code
    return ""


def open_as_nobody(folder: str) -> None:
    """Opens the folder as a user with no right to write there."""
    if os.getuid() == 0:
        os.setuid(NOBODY)
    try:
        with Store.open(Path(folder)) as store:
            store.create(child_run("mine", 1))
        say("wrote")
    except StoreError as error:
        say(f"{error.code} {error}")


def say(text: object) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
