"""Write the software bill of materials of the locks, or check its licences. Run by .ci/sbom."""

import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENTRY = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)[^\n]*((?:\n\s+--hash=sha256:[0-9a-f]{64}[ \\]*)+)", re.MULTILINE)
FREE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|LGPL|Unlicense|0BSD|Zlib|HPND|CC0|PostgreSQL)\b", re.IGNORECASE
)
"""Licences that let others do with a whole what the MIT licence allows, as long as each part keeps its own."""
BINDING = re.compile(r"\b(A?GPL|SSPL|BUSL|GNU (Affero )?General)|non-?commercial|proprietary|commons clause", re.IGNORECASE)
"""Licences under which the whole could not be given away as it is."""


def locked() -> dict[str, tuple[str, list[str]]]:
    """Package -> version and SHA-256 of its files."""
    text = "".join((ROOT / name).read_text() for name in ("requirements.lock", ".ci/voice.lock", ".ci/weights.lock"))
    return {name: (version, re.findall(r"sha256:([0-9a-f]{64})", hashes)) for name, version, hashes in ENTRY.findall(text)}


def licence(package: str) -> str | None:
    """What the package says of itself: an SPDX expression, else its classifiers, else the first line of its licence field."""
    try:
        said = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return None
    if expression := said.get("License-Expression"):
        return str(expression)
    classified = [entry.rsplit(" :: ", 1)[-1] for entry in said.get_all("Classifier") or () if entry.startswith("License :: ")]
    named = [entry for entry in classified if entry != "OSI Approved"]
    return "; ".join(named) or (said.get("License") or "").strip().split("\n")[0][:80]


def document() -> dict[str, Any]:
    """The bill as CycloneDX 1.6. What is locked for other machines only stands in it without a licence."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    components = []
    for name, (version, hashes) in sorted(locked().items()):
        url = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        found: dict[str, Any] = {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}
        if said := licence(name):
            found["licenses"] = [{"license": {"name": said}}]
        # Each hash is of one of the files of which a machine installs the one that fits.
        found["properties"] = [{"name": "tzurot:file:sha256", "value": digest} for digest in hashes]
        components.append(found)
    own = {"type": "application", "bom-ref": "tzurot", "name": project["name"], "version": project["version"]}
    own["licenses"] = [{"license": {"id": project["license"]}}]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": own}, "components": components}


def check() -> int:
    """Print package, version and licence; 1 where a licence is unknown or not among the free ones."""
    wrong = 0
    for name, (version, _) in sorted(locked().items()):
        said = licence(name)
        if said is None:
            print(f"{name:36} {version:14} (not installed on this machine)")
            continue
        free = bool(FREE.search(said)) and not BINDING.search(said)
        wrong += not free
        print(f"{name:36} {version:14} {said or 'no licence named'}{'' if free else '   <- not known as free'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if "--licences" in sys.argv[1:]:
        sys.exit(check())
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")
