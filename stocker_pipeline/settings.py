"""Every environment variable that Stocker reads, once, typed."""

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from stocker_pipeline import redaction
from stocker_pipeline.paths import PROJECT_ROOT

Environment = Literal["dev", "paper", "live"]
ProviderName = Literal["sample", "files", "yfinance", "alpaca", "tiingo"]
Listed = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Where state lives, where data comes from, and which environment this is.

    Names are prefixed with ``STOCKER_``; the vendors' own variables keep their names.
    """

    model_config = SettingsConfigDict(env_prefix="STOCKER_", frozen=True, populate_by_name=True)

    env: Environment = Field("dev", description="Which schedules and sensors run; dev runs none.")
    home: Path = Field(
        PROJECT_ROOT / ".stocker",
        description="Directory of all local state: lake, Dagster, reports.",
    )
    lake_uri: str | None = Field(
        None, description="Root of the lake, a directory or s3://bucket/prefix; null = home/lake."
    )
    ledger_url: SecretStr | None = Field(
        None,
        description="Database of paper and live books, sqlite:///… or postgresql://…; null = "
        "home/ledger.sqlite.",
    )
    first_session: date = Field(date(2000, 1, 3), description="First partition of the asset graph.")
    providers: Annotated[tuple[ProviderName, ...], NoDecode] = Field(
        ("sample",),
        min_length=1,
        description="Where bars come from, comma-separated; the next one is asked where one fails.",
    )
    reference_provider: ProviderName | None = Field(
        None, description="A second source to compare bars with; nothing is traded on its bars."
    )
    files_path: Path | None = Field(
        None, description="Folder or file of the provider files; see docs/market-data-files.md."
    )
    instruments_path: Path | None = Field(
        None, description="CSV or Parquet of instruments, where no vendor is asked for them."
    )
    symbols: Listed = Field(
        (), description="Symbols to ingest beside those of the portfolios, comma-separated."
    )
    apca_api_key_id: SecretStr | None = Field(
        None, validation_alias="APCA_API_KEY_ID", description="Alpaca's key."
    )
    apca_api_secret_key: SecretStr | None = Field(
        None, validation_alias="APCA_API_SECRET_KEY", description="Alpaca's secret."
    )
    tiingo_api_key: SecretStr | None = Field(
        None, validation_alias="TIINGO_API_KEY", description="Tiingo's token."
    )
    alert_slack_url: SecretStr | None = Field(
        None, description="Slack's incoming webhook; alerts of every loudness go there."
    )
    alert_email_url: SecretStr | None = Field(
        None,
        description="smtp[s]://user:password@host:port/?from=ADDRESS&to=ADDRESS[,ADDRESS]; ERROR "
        "and CRITICAL go there.",
    )
    alert_pagerduty_key: SecretStr | None = Field(
        None, description="PagerDuty's routing key (Events API v2); CRITICAL goes there."
    )
    alert_pagerduty_url: SecretStr | None = Field(
        None, description="Where its events go, for another region; null = PagerDuty's own."
    )
    alert_deadman_url: SecretStr | None = Field(
        None,
        description="Asked once a session has its outcome; the service behind it pages when it "
        "hears nothing.",
    )

    @field_validator("providers", "symbols", mode="before")
    @classmethod
    def _from_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    def model_post_init(self, _: object) -> None:
        """What is secret is taken out of every text from now on."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                variable = field.validation_alias or f"STOCKER_{name.upper()}"
                redaction.learn(redaction.secrets_of(str(variable), value.get_secret_value()))

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
    def ledger(self) -> str:
        """The ledger's URL, with its password where it has one."""
        if self.ledger_url is not None:
            return self.ledger_url.get_secret_value()
        return f"sqlite:///{self.root / 'ledger.sqlite'}"

    @property
    def accounts(self) -> Path:
        """Where the simulated broker keeps its own truth."""
        return self.root / "accounts"

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

    @property
    def dbt_target(self) -> Path:
        """Where dbt keeps what it compiled, its log and the models it has read."""
        return self.root / "dbt"
