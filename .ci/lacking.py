"""Print the entries of one lock whose packages another lock does not pin: `lacking.py LOCK OTHER`."""

import re
import sys
from pathlib import Path

ENTRY = re.compile(r"^(\S+?)==.*(?:(?<=\\)\n.*)*", re.MULTILINE)

wanted, known = (Path(name).read_text() for name in sys.argv[1:3])
pinned = {found[1] for found in ENTRY.finditer(known)}
print("\n".join(found[0] for found in ENTRY.finditer(wanted) if found[1] not in pinned))
