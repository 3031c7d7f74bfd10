"""Card libraries of npm as judges of what we write, installed once within the virtual environment. Never part of the program."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

WANTED = ("@risuai/ccardlib@0.4.2", "character-card-utils@2.0.3")
HOME = Path(sys.prefix) / "judges"
_SCRIPT = """
const { CCardLib } = require('@risuai/ccardlib');
const { parseToV2, v2 } = require('character-card-utils');
const card = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const told = { version: CCardLib.character.check(card) };
told.to = Object.fromEntries(['v1', 'v2', 'v3'].map(to => [to, CCardLib.character.convert(structuredClone(card), { to })]));
try { told.strict = parseToV2(structuredClone(card)); } catch (error) { told.refused = String(error); }
process.stdout.write(JSON.stringify(told));
"""


@cache
def missing() -> str:
    """Why the judges of npm cannot be heard; empty when they can."""
    if not (node := shutil.which("node")) or not (npm := shutil.which("npm")):
        return "no Node.js: card libraries from npm are not heard. On Debian: apt-get install nodejs npm"
    if not all((HOME / "node_modules" / name.rpartition("@")[0]).exists() for name in WANTED):
        HOME.mkdir(exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(HOME), *WANTED]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        except (subprocess.SubprocessError, OSError):
            return "npm could not install the card libraries that judge what we write"
    return "" if node else "no Node.js"


def heard(card: object) -> dict[str, Any]:
    """What the libraries make of a card: its version, its conversions, and what the strict one reads or why it refuses."""
    ran = subprocess.run(["node", "-e", _SCRIPT], input=json.dumps(card), capture_output=True, text=True, timeout=60, check=True, cwd=HOME)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found
