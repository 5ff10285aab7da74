"""Bytes as text: memory in powers of 1024, as it is sold; disks and files in powers of 1000."""

import math

DISK_GB = 10**9


def memory_gb(count: int) -> str:
    """A card of 24 GB holds 24 * 2^30 bytes."""
    return f"{count / (1 << 30):.1f}"


def disk_gb(count: int) -> str:
    """A file of 16.6 GB holds 16.6 * 10^9 bytes; below one, two decimals."""
    return f"{count / DISK_GB:.{1 if count >= 1e9 else 2}f}"


def files(count: int) -> str:
    """A few files: "15 KB", "2.3 MB". What is not nothing is at least 1 KB."""
    return f"{math.ceil(count / 1e3)} KB" if count <= 999_000 else f"{count / 1e6:.1f} MB"
