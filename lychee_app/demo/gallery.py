"""The demo gallery: 32 drawn scenes with the truth about them, ready to be ranked.

Copies the committed files. Does not draw; `build_gallery` made them.
"""

import errno
import filecmp
import shutil
from pathlib import Path

GALLERY_FOLDER = Path(__file__).with_name("gallery")
GALLERY_QUERY = "绿色沙发 + brass lamp + 手冲咖啡"
"""What truth.json tells the truth about."""
GALLERY_QUERIES = {"en": "green sofa + brass lamp + pour-over coffee", "zh": GALLERY_QUERY}
"""By language: the same in words that its reader can read."""
TRUTH_FILE = "truth.json"


def gallery_query(language: str) -> str:
    """What to ask of the gallery, in a language of the page; English where there is none in that."""
    return GALLERY_QUERIES.get(language, GALLERY_QUERIES["en"])


def write_gallery(folder: Path, *, replace: bool = False) -> None:
    """Writes the scenes and truth.json into `folder`, which is made if missing.

    Raises OSError; FileExistsError, before anything is written, where a file of one of these names is there
    already, is another, and is not to be replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [path for path in sorted(GALLERY_FOLDER.iterdir()) if path.suffix in {".webp", ".json"}]
    for path in files if not replace else ():
        if (goal := folder / path.name).exists() and not filecmp.cmp(path, goal, shallow=False):
            raise FileExistsError(errno.EEXIST, f"{path.name} is there already, and is another file")
    for path in files:
        shutil.copyfile(path, folder / path.name)
