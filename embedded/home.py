"""The folder that holds all state of the zero-set-up stack: `.racord/`, or where ``RACORD_HOME`` says."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded.ports import API, LOOPBACK, SANDBOX
from embedded.postgres_place import NOBODY
from embedded.sandbox import keys

PROJECT = Path(__file__).resolve().parent.parent
LARGEST_LOG = 5_000_000


class HomeUnusableError(RuntimeError):
    """The folder cannot hold state; the text says why."""


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """``RACORD_HOME``, or `.racord` in the project's root."""
    asked = environ.get("RACORD_HOME")
    return Path(asked).expanduser().absolute() if asked else PROJECT / ".racord"


@dataclass(frozen=True)
class Home:
    """Paths in the folder, and what is generated into it once."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> "Home":
        """Create what is missing; everything is for the owner only.

        Run by root, the group ``nobody`` may pass through to Postgres's folder: Postgres refuses to be root.
        Raises :class:`HomeUnusableError`.
        """
        home = cls(folder.absolute())
        try:
            home.folder.mkdir(parents=True, exist_ok=True)
            if (owner := home.folder.stat().st_uid) != os.geteuid():
                raise HomeUnusableError(
                    f"{home.folder} belongs to user {owner} and you are user {os.geteuid()}: "
                    "run as its owner, or choose another folder with RACORD_HOME=..."
                )
            home._close_to_others()
            home.logs.mkdir(mode=0o700, exist_ok=True)
            home.mail.mkdir(mode=0o700, exist_ok=True)
            home.evidence.mkdir(mode=0o700, exist_ok=True)
            if not home._secret_key.exists():
                write_secret(home._secret_key, secrets.token_hex(32))
            home._complete_sandbox_secrets()
        except OSError as error:
            raise HomeUnusableError(f"cannot keep state in {home.folder}: {error.strerror}") from error
        return home

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def ports(self) -> Path:
        return self.folder / "ports.json"

    @property
    def children(self) -> Path:
        """Which processes were started, for a next start that follows a kill."""
        return self.folder / "children.json"

    @property
    def running(self) -> Path:
        """Ports of the stack that is up; absent while none is."""
        return self.folder / "running.json"

    @property
    def mail(self) -> Path:
        """Every message caught, as ``.eml``."""
        return self.folder / "mail"

    @property
    def evidence(self) -> Path:
        """Uploaded evidence, one file a content."""
        return self.folder / "evidence"

    @property
    def sandbox(self) -> Path:
        """What the sandbox's partners hold."""
        return self.folder / "sandbox"

    @property
    def api_key(self) -> Path:
        """A manager's API key."""
        return self.folder / "api-key"

    @property
    def login_link(self) -> Path:
        """Where a starting stack's login link passes through."""
        return self.logs / "login-link"

    @property
    def sample_loaded(self) -> Path:
        """Marks that the sample data went in once: what a person deletes of it stays deleted."""
        return self.folder / "sample-loaded"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def log(self, name: str) -> Path:
        """The log of ``name``; one that grew too long is put aside first."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.rename(path.with_suffix(".log.1"))
        return path

    def environment(self, ports: Mapping[str, int], database_url: str) -> dict[str, str]:
        """The children's: ours, whose ``RACORD_*`` override all but the embedded servers' addresses."""
        defaults = {
            "PYTHONUNBUFFERED": "1",
            "RACORD_PUBLIC_URL": public_url(ports),
            "RACORD_SECRET_KEYS": self._secret_key.read_text(),
            "RACORD_SMTP_HOST": LOOPBACK,
            "RACORD_SMTP_PORT": str(ports["smtp"]),
            "RACORD_SMTP_SECURITY": "none",
            "RACORD_MAIL_FROM": "racord@racord.example",
            "RACORD_SUPPORT_EMAIL": "suport@programari.example",
            "RACORD_MAIL_DIR": str(self.mail),
            "RACORD_EVIDENCE_DIR": str(self.evidence),
            "RACORD_BOUNCES_MAILDIR": str(self.folder / "bounces"),
            "RACORD_LOG_FORMAT": "text",
            "RACORD_PARTNER_ENDPOINTS": json.dumps(self._endpoints(ports)),
            "RACORD_PARTNER_PRIVATE_HOSTS": LOOPBACK,
        }
        fixed = {
            "RACORD_HOME": str(self.folder),
            "RACORD_DATABASE_URL": database_url,
            "RACORD_TEMPORAL_ADDRESS": f"{LOOPBACK}:{ports['temporal']}",
            "RACORD_TEMPORAL_NAMESPACE": "default",
        }
        return defaults | dict(os.environ) | fixed

    def sandbox_environment(self) -> dict[str, str]:
        """The sandbox's, whose only setting is each partner's secrets."""
        made = json.dumps(self._sandbox_secrets())
        return {"PYTHONUNBUFFERED": "1", keys.VARIABLE: os.environ.get(keys.VARIABLE, made)}

    def _endpoints(self, ports: Mapping[str, int]) -> dict[str, object]:
        """Where each partner's deliveries go; nowhere beside a stack of before there was a sandbox."""
        if SANDBOX not in ports:
            return {}
        return {
            slug: {"url": f"{sandbox_url(ports)}/{slug}", "secrets": secrets}
            for slug, secrets in self._sandbox_secrets().items()
        }

    def _complete_sandbox_secrets(self) -> None:
        """A secret for each partner that there is a playbook of; those that exist stay."""
        folder = Path(os.environ.get("RACORD_PARTNERS_DIR", PROJECT / "partners"))
        known = self._sandbox_secrets()
        completed = keys.completed(known, keys.slugs_in(folder))
        if completed != known:
            write_secret(self._sandbox_secrets_file, json.dumps(completed, indent=2))

    def _sandbox_secrets(self) -> dict[str, list[str]]:
        try:
            text = self._sandbox_secrets_file.read_text()
            keys.keys_of(text)
        except FileNotFoundError:
            return {}
        except ValueError as wrong:
            raise HomeUnusableError(
                f"{self._sandbox_secrets_file}: {wrong}. Mend it, or delete it to have new secrets made"
            ) from None
        known: dict[str, list[str]] = json.loads(text)
        return known

    @property
    def _sandbox_secrets_file(self) -> Path:
        return self.folder / "sandbox-secrets.json"

    @property
    def _secret_key(self) -> Path:
        return self.folder / "secret-key"

    def _close_to_others(self) -> None:
        if os.geteuid() == 0:
            os.chown(self.folder, -1, NOBODY)
            self.folder.chmod(0o710)
        else:
            self.folder.chmod(0o700)


def public_url(ports: Mapping[str, int]) -> str:
    """Where a browser on this machine reaches Racord."""
    return f"http://{LOOPBACK}:{ports[API]}"


def sandbox_url(ports: Mapping[str, int]) -> str:
    """Where the sandbox's partners are."""
    return f"http://{LOOPBACK}:{ports[SANDBOX]}"


def write_secret(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, readable by its owner only and whole or not at all."""
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    half.touch(0o600)
    half.write_text(text)
    half.rename(path)
