"""Copy the interpreter that runs this, without its packages, to a folder that everybody may read:  copy_python.py DESTINATION"""

import shutil
import sys
import sysconfig
from pathlib import Path


def main(place: Path) -> None:
    """A shared libpython is looked for beside the copy, no longer by the path it was built for."""
    home = Path(sys.base_prefix)
    leave = shutil.ignore_patterns("site-packages", "test", "idlelib", "tkinter", "*.a", "share")
    shutil.copytree(home, place, symlinks=True, ignore=leave)
    old, new = f"{home}/lib".encode() + b"\0", b"$ORIGIN/../lib\0"
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and len(new) <= len(old):
        program = place / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        program.write_bytes(program.read_bytes().replace(old, new.ljust(len(old), b"\0")))
    for path in (place, *place.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


main(Path(sys.argv[1]))
