"""Every environment variable that Stocker reads, once, typed."""

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """Where state lives and which environment this is. Names are prefixed with ``STOCKER_``."""

    model_config = SettingsConfigDict(env_prefix="STOCKER_", frozen=True)

    env: Literal["dev", "paper", "live"] = Field(
        "dev", description="Which schedules and sensors run; dev runs none."
    )
    home: Path = Field(
        PROJECT_ROOT / ".stocker",
        description="Directory of all local state: lake, Dagster, reports.",
    )
    lake_uri: str | None = Field(
        None, description="Root of the lake, a directory or s3://bucket/prefix; null = home/lake."
    )
    first_session: date = Field(date(2000, 1, 3), description="First partition of the asset graph.")
    provider: Literal["sample"] = Field("sample", description="Where bars come from.")

    @cached_property
    def root(self) -> Path:
        """``home`` as an absolute path, whatever the working directory of a process is."""
        home = self.home.expanduser()
        return home if home.is_absolute() else PROJECT_ROOT / home

    @property
    def lake_root(self) -> str:
        """Where the lake's tables live."""
        return self.lake_uri or str(self.root / "lake")

    @property
    def reports(self) -> Path:
        """Where tear sheets are written."""
        return self.root / "reports"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own directory."""
        return self.root / "dagster"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that dbt writes."""
        return self.root / "warehouse.duckdb"
