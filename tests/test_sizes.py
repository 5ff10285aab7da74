from pathlib import Path

import pytest

from lychee_app.settings import Settings
from lychee_app.sizes import disk_gb, files, memory_gb


def test_memory_counts_in_powers_of_1024_as_it_is_sold() -> None:
    assert memory_gb(24 << 30) == "24.0"
    assert memory_gb(24_000_000_000) == "22.4"


@pytest.mark.parametrize(("count", "text"), [(16_600_000_000, "16.6"), (21_700_000, "0.02"), (0, "0.00")])
def test_files_count_in_powers_of_1000(count: int, text: str) -> None:
    assert disk_gb(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 KB"),
        (1, "1 KB"),
        (15_000, "15 KB"),
        (999_000, "999 KB"),
        (999_001, "1.0 MB"),
        (2_340_000, "2.3 MB"),
    ],
)
def test_a_few_files_are_told_in_kb_below_one_mb(count: int, text: str) -> None:
    assert files(count) == text


@pytest.mark.parametrize(("environment", "text"), [({}, "4.0"), ({"LYCHEE_UPLOAD_CAP_GB": "7"}, "7.0")])
def test_the_cap_on_uploads_is_told_as_it_was_given(environment: dict[str, str], text: str) -> None:
    assert disk_gb(Settings.from_environment(environment).upload_cap_bytes) == text
    assert disk_gb(Settings(Path()).upload_cap_bytes) == "4.0"
