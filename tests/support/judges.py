"""Libraries of others as judges of what we write and of our doubles. `.ci/judges` brings them; nothing here installs anything."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("TZUROT_JUDGES") or ROOT / ".judges")
"""Where they are: TZUROT_JUDGES names it, else it is `.judges` in the repository."""
CARDS = FOLDER / "cards"
PROVIDER = FOLDER / "provider"
_SCRIPT = """
const { CCardLib } = require('@risuai/ccardlib');
const { parseToV2, v2 } = require('character-card-utils');
const card = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const told = { version: CCardLib.character.check(card) };
told.to = Object.fromEntries(['v1', 'v2', 'v3'].map(to => [to, CCardLib.character.convert(structuredClone(card), { to })]));
try { told.strict = parseToV2(structuredClone(card)); } catch (error) { told.refused = String(error); }
process.stdout.write(JSON.stringify(told));
"""


def from_npm(folder: Path, *packages: str) -> str:
    """What runs the packages of npm in this folder. Skips the test with the reason where one is not here."""
    node = shutil.which("node")
    missing = [package for package in packages if not (folder / "node_modules" / package).exists()]
    if node is None or missing:
        absent(", ".join(missing) or "node")
    return str(node)


def absent(judge: str) -> None:
    """Skip the test, and say that this judge was not heard and what brings it."""
    pytest.skip(f"NO JUDGE: {judge} is not here, so it was not heard. `.ci/judges` brings it.")


def heard(card: object) -> dict[str, Any]:
    """What the libraries make of a card: its version, its conversions, and what the strict one reads or why it refuses."""
    node = from_npm(CARDS, "@risuai/ccardlib", "character-card-utils")
    ran = subprocess.run([node, "-e", _SCRIPT], input=json.dumps(card), capture_output=True, text=True, timeout=60, check=True, cwd=CARDS)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found
