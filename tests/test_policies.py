"""Who may call what: every route names a policy, and every role gets exactly what it was granted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import update
from sqlalchemy.func import now  # type: ignore[import-not-found]
