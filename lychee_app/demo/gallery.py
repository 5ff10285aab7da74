"""The demo gallery: 32 drawn scenes with the truth about them, ready to be ranked.

Copies the committed files. Does not draw; `build_gallery` made them.
"""

import shutil
from pathlib import Path

GALLERY_FOLDER = Path(__file__).with_name("gallery")
GALLERY_QUERY = "绿色沙发 + brass lamp + 手冲咖啡"
TRUTH_FILE = "truth.json"


def write_gallery(folder: Path) -> None:
    """Writes the scenes and truth.json into `folder`, which is made if missing; files of the same names are
    replaced. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(GALLERY_FOLDER.iterdir()):
        if path.suffix in {".webp", ".json"}:
            shutil.copyfile(path, folder / path.name)
