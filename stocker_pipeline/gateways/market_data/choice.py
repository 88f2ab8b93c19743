"""From settings to sources: who answers, who is asked next, who compares, who knows instruments.

A vendor's module is imported only where it was chosen; each of them costs a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa
from pydantic import SecretStr

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.session import Clock
from stocker_pipeline.gateways.market_data.fallback import FallbackMarket
from stocker_pipeline.gateways.market_data.instruments import (
    INSTRUMENTS_SCHEMA,
    read_instruments,
)
from stocker_pipeline.gateways.market_data.provider import MarketDataProvider

if TYPE_CHECKING:
    from stocker_pipeline.settings import Settings

PROVIDERS = ("sample", "files", "yfinance", "alpaca", "tiingo")


@dataclass(frozen=True)
class Access:
    """What sources need to be reached; a secret shows itself to nobody who prints it."""

    files_path: Path | None = None
    instruments_path: Path | None = None
    alpaca_key_id: SecretStr | None = None
    alpaca_secret_key: SecretStr | None = None
    tiingo_token: SecretStr | None = None

    @classmethod
    def of(cls, settings: "Settings", *, files_path: Path | None = None) -> Self:
        """What the environment gives; another path of files counts before its own."""
        return cls(
            files_path=files_path or settings.files_path,
            instruments_path=settings.instruments_path,
            alpaca_key_id=settings.apca_api_key_id,
            alpaca_secret_key=settings.apca_api_secret_key,
            tiingo_token=settings.tiingo_api_key,
        )


@dataclass(frozen=True)
class Sources:
    """Where bars come from.

    Attributes:
        provider: Answers; one that asks the next in order where the first fails.
        reference: A second opinion to compare with, or None.
        symbols: To ask for; empty = all that the provider lists, or that portfolios name.
        accept_withdrawals: Believe a source that takes back any number of rows.
    """

    provider: MarketDataProvider
    reference: MarketDataProvider | None = None
    symbols: tuple[str, ...] = ()
    accept_withdrawals: bool = False


def chosen_sources(
    names: Sequence[str],
    reference: str | None,
    access: Access,
    clock: Clock,
    symbols: Sequence[str] = (),
    *,
    accept_withdrawals: bool = False,
) -> Sources:
    """The sources by name.

    Raises:
        ConfigurationRefused: An unknown name, one that is there twice, a key or path not given.
    """
    providers = [_provider(name, access, clock) for name in names]
    alone = len(providers) == 1
    return Sources(
        providers[0] if alone else FallbackMarket(providers),
        None if reference is None else _provider(reference, access, clock),
        tuple(symbols),
        accept_withdrawals,
    )


def known_instruments(access: Access, symbols: Sequence[str], clock: Clock) -> pa.Table:
    """Instruments from the file, where one is set, else from Alpaca, where there are keys.

    Returns:
        ``INSTRUMENTS_SCHEMA``; no rows where neither is set.

    Raises:
        InputRefused: The file cannot be read, breaks a rule, or Alpaca gave no answer.
    """
    if access.instruments_path is not None:
        return read_instruments(access.instruments_path, known_at=clock.now())
    if access.alpaca_key_id is None or access.alpaca_secret_key is None:
        return INSTRUMENTS_SCHEMA.empty_table()
    from stocker_pipeline.gateways.market_data.alpaca_assets import fetch_alpaca_instruments

    answer = fetch_alpaca_instruments(
        _text(access.alpaca_key_id), _text(access.alpaca_secret_key), clock, symbols=symbols
    )
    if answer.failed is not None:
        raise InputRefused(
            "Alpaca's list of instruments",
            answer.failed,
            where="instruments",
            remedy="Try again later; nothing was changed.",
        )
    return answer.instruments


def _provider(name: str, access: Access, clock: Clock) -> MarketDataProvider:
    try:
        return _made(name, access, clock)
    except ModuleNotFoundError as error:
        raise ConfigurationRefused(
            f"the packages that the provider {name} needs",
            f"an installation without {error.name}",
            where="provider",
            remedy="Install the extra: pip install -c requirements.lock -e '.[vendors]'.",
        ) from error


def _made(name: str, access: Access, clock: Clock) -> MarketDataProvider:
    if name == "sample":
        from stocker_pipeline.gateways.market_data.sample import SampleMarket

        return SampleMarket(clock)
    if name == "files":
        return _files(access, clock)
    if name == "yfinance":
        from stocker_pipeline.gateways.market_data.yahoo import YahooMarket

        return YahooMarket(clock)
    if name == "alpaca":
        from stocker_pipeline.gateways.market_data.alpaca import AlpacaMarket

        return AlpacaMarket(_text(access.alpaca_key_id), _text(access.alpaca_secret_key), clock)
    if name == "tiingo":
        from stocker_pipeline.gateways.market_data.tiingo import TiingoMarket

        return TiingoMarket(_text(access.tiingo_token), clock)
    raise ConfigurationRefused(
        f"one of the providers {', '.join(PROVIDERS)}",
        repr(name),
        where="provider",
        remedy="Correct STOCKER_PROVIDERS, --provider or the run config.",
    )


def _files(access: Access, clock: Clock) -> MarketDataProvider:
    from stocker_pipeline.gateways.market_data.file_market import FileMarket

    if access.files_path is None:
        raise ConfigurationRefused(
            "the folder or file of the provider files",
            "none",
            where="provider files",
            remedy="Set STOCKER_FILES_PATH, or give --path.",
        )
    return FileMarket(access.files_path, clock)


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
