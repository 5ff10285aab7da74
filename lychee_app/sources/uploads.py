"""Files that came through a browser, some of them out of folders, -> the sources that are meant."""

import posixpath
from collections.abc import Sequence

from lychee_app.intake.sniff import HEAD_BYTES
from lychee_app.records import Found, Source
from lychee_app.sources import companions
from lychee_app.sources.left_out import PICTURES, Rules, Tally
from lychee_app.sources.walk import in_natural_order, is_a_picture, suffix_of
from lychee_app.store.store import FILE_NAME


def picked(files: Sequence[Source], rules: Rules) -> Found:
    """What a walk of the same folders would find. A name with slashes is a path below the folder that was
    given; a file without one is meant, whatever it is. Of a shot only the picture is taken.
    """
    tally = Tally()
    folders: dict[str, list[Source]] = {}
    data_folders = {posixpath.dirname(one.name) for one in files if posixpath.basename(one.name) == FILE_NAME}
    for file in files:
        if kind := _kind(file, rules, data_folders):
            tally.add(kind, file.name)
        else:
            folders.setdefault(posixpath.dirname(file.name), []).append(file)
    loose = _shots(folders.pop("", []), tally, is_meant=True)
    inside = [file for folder in folders.values() for file in _shots(folder, tally, is_meant=False)]
    inside.sort(key=lambda file: [in_natural_order(part) for part in file.name.split("/")])
    return Found((*loose, *inside), tally.reasons())


def _kind(file: Source, rules: Rules, data_folders: set[str]) -> str | None:
    """Why it is left out."""
    *folders, name = file.name.split("/")
    path = "/".join([*folders[1:], name])
    for depth in range(1, len(folders)):
        above = "/".join(folders[:depth])
        below = "/".join(folders[1 : depth + 1])
        if kind := rules.kind_of_folder(folders[depth], below, is_beside_data=above in data_folders):
            return kind
    kind = rules.kind_of_file(name, path)
    if not folders:
        return kind if kind == "excluded" else None
    if kind is None and suffix_of(name) not in PICTURES | companions.SUFFIXES:
        return None if is_a_picture((file.data or b"")[:HEAD_BYTES]) else "others"
    return kind


def _shots(files: list[Source], tally: Tally, *, is_meant: bool) -> list[Source]:
    """Those of one folder, without what goes with another of them; `is_meant`: with what is no picture."""
    names = [posixpath.basename(file.name) for file in files]
    pictures = [name for name in names if suffix_of(name) not in companions.NEVER_ALONE | {".json"}]
    groups = companions.grouped(pictures, [name for name in names if suffix_of(name) in companions.SUFFIXES])
    carried = {name for group in groups.values() for name in group}
    kept = set(names) - carried if is_meant else groups.keys()
    lonely = set(names) - carried - kept
    sidecars = {name for name in lonely if suffix_of(name) in companions.SIDECARS}
    tally.add("companions", n=len(carried))
    tally.add("sidecars", n=len(sidecars))
    tally.add("others", n=len(lonely - sidecars))
    return [file for file, name in zip(files, names, strict=True) if name in kept]
