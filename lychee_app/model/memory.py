"""How much memory there is and how much is used: the card's, or RAM where there is no card."""

from dataclasses import dataclass

import psutil

from lychee_app.records import MemoryReading


@dataclass(frozen=True)
class Machine:
    """What a checkpoint can run on. `card_bytes` is the memory of `largest_card`, 0 without one."""

    card: str
    card_bytes: int
    ram_bytes: int


def machine() -> Machine:
    import torch

    ram, index = psutil.virtual_memory().total, largest_card()
    if index is None:
        return Machine("", 0, ram)
    card = torch.cuda.get_device_properties(index)
    return Machine(card.name, card.total_memory, ram)


def largest_card() -> int | None:
    """The CUDA card that is used unless another is named: the first of those with most memory."""
    import torch

    if not torch.cuda.is_available():
        return None
    sizes = [torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count())]
    return sizes.index(max(sizes)) if sizes else None


def reading(device: str) -> MemoryReading:
    """A CUDA card's memory as used by everybody, and this process's peak of it. Without a card: RAM.

    The peak is the process's own and since it began: what the weights took to load is in it.
    """
    import torch

    if torch.device(device).type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        peak = torch.cuda.max_memory_allocated(device)
        return MemoryReading("GPU", total - free, total, peak)
    ram = psutil.virtual_memory()
    return MemoryReading("RAM", ram.total - ram.available, ram.total, _peak_rss())


def _peak_rss() -> int:
    """The largest this process ever was; where the system does not tell, what it is now."""
    try:
        import resource
    except ImportError:
        info = psutil.Process().memory_info()
        return getattr(info, "peak_wset", info.rss)
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
