"""What uploaded files are called, `"` and line breaks included, which browsers send as %22, %0D and %0A.

WHATWG HTML, "multipart/form-data encoding algorithm": a % is sent as it is, so that nobody can tell `a"b`
from `a%22b` by what arrives. The page's own script (assets/upload_names.js) sends %25 for it then.
"""

import re

from lychee_app.ui import widgets

MARK = "\u2063"
"""Before a name that the script has changed: an invisible separator."""
SENT = re.compile("%(25|22|0D|0A)")


def listen() -> None:
    """On every drawing of the page: the script must be there when files are chosen."""
    widgets.component("upload_names")(key="upload-names", data={"mark": MARK})


def as_written(name: str) -> str:
    """The name of the file where it came from; for one of a folder, its path in there."""
    if not name.startswith(MARK):
        return name
    return SENT.sub(lambda found: chr(int(found[1], 16)), name.removeprefix(MARK))
