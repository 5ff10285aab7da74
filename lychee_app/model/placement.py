"""Where a model's weights go: one card, several, cards and RAM, RAM, or RAM and disk.

Arithmetic only. It is told what is free, so that it can be tested for machines nobody has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lychee_app.reasons import Reason
from lychee_app.sizes import disk_gb, memory_gb

ROOM_BYTES = 2 << 30
"""Kept free beside the weights on a card: activations at 1280 image tokens and the workspaces of kernels."""

_WHOLE_BYTES = 1 << 30
"""A layer, or the embedding table, lies on one card: so much of each may stay empty."""


@dataclass(frozen=True)
class Placement:
    """Arguments of `from_pretrained`. `map` None loads without accelerate."""

    map: str | dict[str, str] | None
    max_memory: dict[int | str, int] | None = None
    offload_folder: Path | None = None
    spills: bool = False

    def arguments(self) -> dict[str, Any]:
        values = {
            "device_map": self.map,
            "max_memory": self.max_memory,
            "offload_folder": self.offload_folder,
        }
        return {key: value for key, value in values.items() if value is not None}


def placement_for(
    weight_bytes: int,
    device: str,
    free_card_bytes: int,
    free_ram_bytes: int,
    scratch: Path,
    *,
    others: Mapping[int, int] | None = None,
) -> Placement:
    """`weight_bytes` in the precision they are run in. A card that holds them all gets them all; where one is
    too small they are split over all of them, and what these do not hold goes into RAM.

    others: the free bytes of further cards, by number.
    """
    if device.startswith("cuda"):
        if weight_bytes + ROOM_BYTES <= free_card_bytes:
            return Placement({"": device})
        index = int(device.partition(":")[2] or 0)
        cards = {index: free_card_bytes} | dict(others or {})
        limits: dict[int | str, int] = {each: max(0, free - ROOM_BYTES) for each, free in cards.items()}
        if others and weight_bytes + len(cards) * _WHOLE_BYTES <= sum(limits.values()):
            return Placement("auto", limits)
        limits["cpu"] = int(free_ram_bytes * 0.9)
        return Placement("auto", limits, scratch, spills=True)
    if device == "cpu" and weight_bytes > free_ram_bytes * 0.9:
        return Placement("auto", {"cpu": int(free_ram_bytes * 0.8)}, scratch, spills=True)
    return Placement(None)


def cost(ram_bytes: int, disk_bytes: int) -> Reason:
    """What a spill costs. Its speeds (PCIe 12 GB/s, disk 1 GB/s) are rules of thumb."""
    if not ram_bytes + disk_bytes:
        return Reason.of("card-full")
    seconds = ram_bytes / 12e9 + disk_bytes / 1e9
    ram, disk = memory_gb(ram_bytes), disk_gb(disk_bytes)
    if not disk_bytes:
        return Reason.of("spilled-to-ram", ram_gb=ram, seconds=seconds)
    if not ram_bytes:
        return Reason.of("spilled-to-disk", disk_gb=disk, seconds=seconds)
    return Reason.of("spilled-to-both", ram_gb=ram, disk_gb=disk, seconds=seconds)
