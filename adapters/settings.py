"""Every setting of Racord, read from the environment (prefix ``RACORD_``); none that is a secret has a default."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from adapters.partners.endpoints import PartnerEndpoint, private_host, read_endpoints

PACKAGED_PARTNERS = Path(__file__).resolve().parent.parent / "partners"


class SmtpSecurity(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class LogFormat(StrEnum):
    JSON = "json"
    TEXT = "text"


class Settings(BaseSettings):
    """Typed settings; a missing or wrong one is a :class:`pydantic.ValidationError` that names it."""

    model_config = SettingsConfigDict(
        env_prefix="RACORD_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: str = Field(
        description="Postgres, e.g. `postgresql://racord:secret@db/racord`; a socket folder goes in `?host=`."
    )
    database_pool_size: int = Field(default=10, ge=1, description="Connections one process keeps at most.")
    temporal_address: str = Field(description="Temporal's frontend, `host:port`.")
    temporal_namespace: str = Field(default="default", description="Temporal's namespace.")
    public_url: str = Field(
        description="Where people reach Racord, e.g. `https://racord.clinic.ro`; links in mails start with it."
    )
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        min_length=1,
        description="Keys that sign links, comma-separated, each of 32 characters or more. "
        "The first signs, all verify: put a new one in front to rotate.",
    )
    smtp_host: str = Field(description="Mail server.")
    smtp_port: int = Field(default=587, description="Mail server's port.")
    smtp_security: SmtpSecurity = Field(
        default=SmtpSecurity.STARTTLS,
        description="`starttls` (required, never opportunistic), `tls`, or `none` for a server on this machine.",
    )
    smtp_username: str | None = Field(default=None, description="Mail server's user, if it wants one.")
    smtp_password: SecretStr | None = Field(default=None, description="Mail server's password.")
    mail_from: str = Field(description="Racord's own address: sender of notices and of links.")
    support_email: str = Field(
        description="The scheduling system's support desk: in CC of every intent e-mail (R3)."
    )
    partners_dir: Path = Field(default=PACKAGED_PARTNERS, description="Folder of the partners' playbooks.")
    partner_private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts of partners, comma-separated and without port, that may be in a private network "
        "and be spoken to without TLS.",
    )
    # Behind the private hosts: its check asks for them.
    partner_endpoints: Annotated[dict[str, PartnerEndpoint], NoDecode] = Field(
        default={},
        description="Partners' systems that are told over HTTP, JSON by slug: "
        '`{"generali": {"url": "https://…", "secrets": ["whsec_…"]}}`. All secrets sign.',
    )
    link_days: int = Field(default=21, ge=1, le=365, description="Days a signed link stays valid, at least.")
    evidence_dir: Path = Field(
        description="Folder of uploaded evidence, outside the database; all APIs share it, and it needs a backup."
    )
    mail_dir: Path | None = Field(
        default=None,
        description="Folder of caught mails; only where set, `/dev/mail` shows them. Never in production.",
    )
    bounces_maildir: Path | None = Field(
        default=None,
        description="Maildir of what comes back to Racord's address; only where set, delivery reports are read there.",
    )
    log_format: LogFormat = Field(default=LogFormat.JSON, description="`json` or `text`.")
    metrics_address: str | None = Field(
        default=None, description="Where the worker serves its Prometheus figures, `host:port`."
    )

    @field_validator("secret_keys", "partner_private_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("secret_keys")
    @classmethod
    def _long_enough(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 32 for key in keys):
            raise ValueError(
                "every secret key needs 32 characters or more; make one with `racord new-secret`"
            )
        return keys

    @field_validator("partner_private_hosts")
    @classmethod
    def _hosts_alone(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(private_host, hosts))

    @field_validator("partner_endpoints", mode="before")
    @classmethod
    def _endpoints(cls, value: object, info: ValidationInfo) -> object:
        return read_endpoints(value, info.data.get("partner_private_hosts", ()))

    @field_validator("public_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def served_securely(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def sqlalchemy_url(self) -> str:
        """The database's address for SQLAlchemy, with the psycopg 3 driver named."""
        return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
