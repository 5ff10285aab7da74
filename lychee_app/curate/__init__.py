"""Images that are alike: bursts, near-duplicates, copies. Told by pixels and clocks, whatever they score.

image -> fingerprint -> groups -> the best of each
"""

from lychee_app.curate.fingerprint import fingerprint
from lychee_app.curate.groups import Group, beside, groups

__all__ = ["Group", "beside", "fingerprint", "groups"]
