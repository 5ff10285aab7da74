"""The decoder processes themselves: what they load, what they may do, and that none outlives its parent."""

import io
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lychee_app import intake
from lychee_app.intake import workers
from lychee_app.settings import Settings
from tests.intake.conftest import prepared
from tests.support import pictures

ROOT = Path(intake.__file__).resolve().parents[2]


def run_script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )


SCRIPT = """
import io, os, sys
from pathlib import Path
from PIL import Image
from lychee_app import intake
from lychee_app.intake import workers
from lychee_app.records import ImageBudget, Source
from lychee_app.settings import Settings
file = io.BytesIO(); Image.new("RGB", (64, 64)).save(file, "PNG")
sources = [(index, Source("x", file.getvalue())) for index in range(4)]
images = intake.prepare(sources, ImageBudget(28), Settings(data_folder=Path("unused")))
print(next(images).image.size)
print(*workers.shared(1).processes(), flush=True)
"""


def test_a_script_without_a_main_guard_works_and_ends_in_silence() -> None:
    done = run_script(SCRIPT + "list(images)\n", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("(56, 56)")


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while any(
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids
    ):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    "ending", ["os.kill(os.getpid(), 9)", "os._exit(3)", "sys.exit(3)", "raise SystemError"]
)
def test_decoders_end_with_their_parent_however_it_ends(ending: str) -> None:
    done = run_script(SCRIPT + ending + "\n", "-")
    pids = [int(pid) for pid in done.stdout.splitlines()[1].split()]
    assert pids
    assert gone(pids)


def test_a_decoder_whose_parent_is_killed_ends_even_in_the_middle_of_a_file() -> None:
    slow = SCRIPT + (
        "from tests.support import pictures\n"
        "big = Source('x', pictures.png_black(10_900, 10_900))\n"
        "job = intake.job(0, big, ImageBudget(28), Settings(data_folder=Path('unused')))\n"
        "workers.shared(1).submit(job)\n"
        "import time; time.sleep(0.1); os.kill(os.getpid(), 9)\n"
    )
    pids = [int(pid) for pid in run_script(slow, "-").stdout.splitlines()[1].split()]
    assert gone(pids, seconds=13.0)


def test_a_decoder_process_imports_nothing_heavy() -> None:
    text = "import sys, lychee_app.intake.child\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(run_script(text, "-").stdout.split())
    assert "PIL" in loaded
    assert not loaded & {"torch", "transformers", "streamlit", "numpy", "pandas", "skimage"}


def test_a_decoder_can_write_no_file(settings: Settings) -> None:
    prepared([pictures.good("PNG")], settings)
    for pid in workers.shared(1).processes():
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        line = next(line for line in limits.splitlines() if line.startswith("Max file size"))
        assert line.split()[3:5] == ["0", "0"]


def test_what_a_decoder_says_is_never_more_than_was_asked_for() -> None:
    from lychee_app.intake.pipes import receive_into, send

    pipe = io.BytesIO()
    send(pipe, {"size": [9, 9]}, bytes(1000))
    pipe.seek(0)
    with pytest.raises(ValueError, match="1000 bytes"):
        receive_into(pipe, bytearray(100))
