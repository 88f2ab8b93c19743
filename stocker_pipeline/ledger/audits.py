"""Whether the audit log is whole, and whether the ledger is what its entries say it is.

Three things are held against each other: each entry against its own hash and the one before; the
facts that entries bind against the rows there are now, in both directions, so that a log whose end
was cut off is found by the facts that no entry speaks of; and heads of the log that were noted
outside the database. Belongs here: finding faults. Stays out: writing entries, and where heads are
noted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from stocker_pipeline.ledger.control_records import AuditEntry
from stocker_pipeline.ledger.fact_hashes import all_facts
from stocker_pipeline.ledger.hashes import FIRST_HASH, audit_hash
from stocker_pipeline.ledger.reader import Reader


@dataclass(frozen=True)
class AuditFault:
    """Something that was changed, removed or inserted past the rules of the ledger.

    Attributes:
        kind: ``entry_changed``, ``entry_removed``, ``entry_inserted``, ``fact_changed``,
            ``fact_removed``, ``fact_inserted``, ``head_lost`` or a caller's own.
        sequence: The entry it is about, or the one that binds the fact; None = no entry does.
        subject: The entry's words, or the fact as table and key.
        sentence: What differs.
    """

    kind: str
    sequence: int | None
    subject: str
    sentence: str

    def __str__(self) -> str:
        place = "" if self.sequence is None else f"entry {self.sequence}, "
        return f"{place}{self.subject}: {self.sentence}"


@dataclass(frozen=True)
class Head:
    """The last entry of the log at some time: nothing before it can change unseen.

    Attributes:
        source: Where it was noted, for a person.
    """

    sequence: int
    hash: str
    source: str


def verify(reader: Reader, heads: Iterable[Head] = ()) -> list[AuditFault]:
    """Every fault of the log and of the facts that it binds, of every portfolio.

    Args:
        heads: Noted outside the database.
    """
    entries = reader.audit()
    return [
        *chain_faults(entries),
        *_fact_faults(reader, entries),
        *_lost_heads(entries, heads),
    ]


def head_of(reader: Reader) -> Head | None:
    """The log's last entry now."""
    last = reader.last_audit()
    return None if last is None else Head(last.sequence, last.hash, "ledger")


def head_text(reader: Reader) -> str:
    """The log's last entry as a person notes it, ``12:ab…``; empty where there is none."""
    head = head_of(reader)
    return "" if head is None else f"{head.sequence}:{head.hash}"


def chain_faults(entries: Sequence[AuditEntry]) -> Iterator[AuditFault]:
    """Where an entry is not what its hash was made of, or does not follow the one before."""
    before: AuditEntry | None = None
    behind = FIRST_HASH
    for entry in entries:
        expected = 1 if before is None else before.sequence + 1
        if entry.sequence != expected:
            last = entry.sequence - 1
            named = f"entry {expected}" if last == expected else f"entries {expected} to {last}"
            yield AuditFault(
                "entry_removed", expected, f"before {_words(entry)}", f"{named} removed"
            )
        elif entry.previous_hash != (before.hash if before else FIRST_HASH):
            yield _unlinked(entry, before, behind)
        if audit_hash(entry.previous_hash, entry) != entry.hash:
            yield _changed(entry)
        behind = before.hash if before else FIRST_HASH
        before = entry


def _unlinked(entry: AuditEntry, before: AuditEntry | None, behind: str) -> AuditFault:
    if before is None:
        return AuditFault(
            "entry_removed", entry.sequence, _words(entry), "it is not the log's first entry"
        )
    if entry.previous_hash == behind:
        return AuditFault(
            "entry_inserted",
            before.sequence,
            _words(before),
            f"inserted: entry {entry.sequence} follows the one before it",
        )
    return AuditFault(
        "entry_changed",
        before.sequence,
        _words(before),
        f"its hash is {before.hash[:12]}…, and entry {entry.sequence} was written after "
        f"{entry.previous_hash[:12]}…: it was written again",
    )


def _changed(entry: AuditEntry) -> AuditFault:
    for number in (entry.sequence - 1, entry.sequence + 1):
        if audit_hash(entry.previous_hash, replace(entry, sequence=number)) == entry.hash:
            return AuditFault(
                "entry_changed",
                entry.sequence,
                _words(entry),
                f"its number was {number}: an entry before it was "
                f"{'inserted' if number < entry.sequence else 'removed'}",
            )
    return AuditFault(
        "entry_changed",
        entry.sequence,
        _words(entry),
        "its instant, actor, action, subject, content or hash was changed after it was written",
    )


def _fact_faults(reader: Reader, entries: Sequence[AuditEntry]) -> Iterator[AuditFault]:
    found, bound, told = all_facts(reader.connection), set(), set()
    for entry in entries:
        facts = entry.content.get("facts", {})
        for name, wanted in facts.items() if isinstance(facts, dict) else ():
            bound.add(name)
            there = found.hashes.get(name)
            if there == wanted or (name, wanted) in told:
                continue
            told.add((name, wanted))
            if there is None:
                yield AuditFault(
                    "fact_removed", entry.sequence, name, "it was there, and is not any more"
                )
            else:
                yield AuditFault(
                    "fact_changed",
                    entry.sequence,
                    name,
                    f"its hash was {str(wanted)[:12]}… and is {there[:12]}…",
                )
    for name in sorted(found.expected - bound):
        yield AuditFault(
            "fact_inserted",
            None,
            name,
            "no entry of the log speaks of it: it was inserted, or the entry was removed",
        )


def _lost_heads(entries: Sequence[AuditEntry], heads: Iterable[Head]) -> Iterator[AuditFault]:
    hashes = {entry.sequence: entry.hash for entry in entries}
    for head in heads:
        there = hashes.get(head.sequence)
        if there == head.hash:
            continue
        last = max(hashes, default=0)
        said = (
            f"the log ends at entry {last}: what followed was removed"
            if there is None
            else f"its hash was {head.hash[:12]}… and is {there[:12]}…"
        )
        yield AuditFault("head_lost", head.sequence, f"noted in {head.source}", said)


def _words(entry: AuditEntry) -> str:
    return f"{entry.action} of {entry.subject} by {entry.actor} at {entry.at:%Y-%m-%d %H:%M:%S} UTC"
