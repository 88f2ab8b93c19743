"""Several sources of market data as one: what the first does not have is asked of the next.

A symbol is answered by one source alone, bars and actions together: halves of two sources would not
share a basis. Stays out: comparing sources that both answer (``quality``).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.gateways.market_data.provider import (
    MarketData,
    MarketDataProvider,
    refuse_empty_request,
)

_KEY = [("symbol", "ascending"), ("session", "ascending")]
_REFUSED_KEY = [(name, "ascending") for name in ("symbol", "session", "reason", "evidence")]


class FallbackMarket:
    """Sources in the order in which they are asked.

    A symbol is ``missing`` only if every source answered that there is no bar; if one of them
    failed, it is ``failed``. Either reason is the sentences of all of them, by name.

    Raises:
        ConfigurationRefused: No source, or one name twice.
    """

    def __init__(self, providers: Sequence[MarketDataProvider]) -> None:
        names = [provider.name for provider in providers]
        if not names or len(set(names)) < len(names):
            raise ConfigurationRefused(
                "at least one provider, each once",
                ", ".join(names) or "none",
                where="order of providers",
                remedy="Name each provider once.",
            )
        self._providers = tuple(providers)

    @property
    def name(self) -> str:
        """The names in order; a row's ``source`` is the one that answered."""
        return ", ".join(provider.name for provider in self._providers)

    def symbols(self) -> tuple[str, ...]:
        """Those that any source lists; none if one of them has all symbols there are."""
        lists = [provider.symbols() for provider in self._providers]
        return tuple(sorted(set().union(*lists))) if all(lists) else ()

    def fetch(
        self,
        symbols: Collection[str],
        first: date,
        last: date,
        *,
        believes: Callable[[MarketData], MarketData] | None = None,
    ) -> MarketData:
        """See ``MarketDataProvider.fetch``.

        Args:
            believes: Makes of one source's answer what of it is believed; for a symbol that fails
                by it the next source is asked. None = all of it.
        """
        refuse_empty_request(symbols, first, last)
        unanswered, failed = set(symbols), set[str]()
        reasons: dict[str, list[str]] = {symbol: [] for symbol in symbols}
        bars, actions, refused = [], [], []
        # A symbol without a bar can still have split.
        actions_alone: dict[str, pa.Table] = {}
        for provider in self._providers:
            if not unanswered:
                break
            answer = provider.fetch(sorted(unanswered), first, last)
            if believes is not None:
                answer = believes(answer)
            answered = unanswered & _symbols(answer.bars)
            unanswered -= answered
            failed |= unanswered - answer.missing.keys()
            for symbol in unanswered:
                reasons[symbol].append(f"{provider.name}: {_reason(answer, symbol)}")
            for symbol in unanswered & _symbols(answer.actions) - actions_alone.keys():
                actions_alone[symbol] = _of(answer.actions, [symbol])
            bars.append(_of(answer.bars, answered))
            actions.append(_of(answer.actions, answered))
            refused.append(_by(provider.name, answer.refused_rows))
        missing = unanswered - failed
        actions += [table for symbol, table in actions_alone.items() if symbol in missing]
        return MarketData(
            _merged(bars, _KEY),
            _merged(actions, _KEY),
            _sentences(reasons, missing),
            _sentences(reasons, unanswered & failed),
            _merged(refused, _REFUSED_KEY),
        )


def fetch_believed(
    provider: MarketDataProvider,
    symbols: Collection[str],
    first: date,
    last: date,
    believes: Callable[[MarketData], MarketData],
) -> MarketData:
    """What of a source's answer is believed; of several sources the next where it is not."""
    if isinstance(provider, FallbackMarket):
        return provider.fetch(symbols, first, last, believes=believes)
    return believes(provider.fetch(symbols, first, last))


def _symbols(table: pa.Table) -> set[str]:
    return set(pc.unique(table["symbol"]).to_pylist())


def _reason(answer: MarketData, symbol: str) -> str:
    said = answer.missing.get(symbol) or answer.failed.get(symbol)
    return said or "it was asked, and said nothing about this symbol"


def _sentences(reasons: Mapping[str, list[str]], symbols: Collection[str]) -> dict[str, str]:
    return {symbol: "; ".join(reasons[symbol]) for symbol in sorted(symbols)}


def _by(name: str, refused: pa.Table) -> pa.Table:
    """Refused rows whose evidence says which source sent them."""
    evidence = pc.binary_join_element_wise(f"{name}: ", refused["evidence"], "")
    place = refused.column_names.index("evidence")
    return refused.set_column(place, refused.schema.field(place), evidence)


def _of(table: pa.Table, symbols: Collection[str]) -> pa.Table:
    return table.filter(pc.is_in(table["symbol"], value_set=pa.array(sorted(symbols), pa.string())))


def _merged(tables: Sequence[pa.Table], key: list[tuple[str, str]]) -> pa.Table:
    return pa.concat_tables(tables).sort_by(key).combine_chunks()
