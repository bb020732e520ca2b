"""Brings the database's schema to the newest version; safe to call from several processes at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from adapters.settings import Settings

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config(settings: Settings) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = settings.sqlalchemy_url
    return config


def migrate(settings: Settings) -> None:
    """Upgrades to the newest version; does nothing where it is there already."""
    command.upgrade(alembic_config(settings), "head")
