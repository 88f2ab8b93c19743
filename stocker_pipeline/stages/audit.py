"""The audit log beside its database: heads noted in a file, verdicts of the lake, one check.

A log that is kept by the database it watches can be cut off or written anew together with it. So
its last entry is noted in a file of the state directory whenever a command or a run has written.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import VERDICTS
from stocker_pipeline.ledger import Ledger, Reader, Writer
from stocker_pipeline.ledger.audits import AuditFault, Head, head_of, verify
from stocker_pipeline.ledger.fact_hashes import plain
from stocker_pipeline.ledger.types import canonical_json
from stocker_pipeline.risk.alerts import Alert, Severity

_log = logging.getLogger(__name__)

HEADS_FILE = "audit-heads.jsonl"
VERDICT = "verdict"
AUDIT_FAULT = "audit_fault"
_HEX_DIGITS = 32
_FAULTS_TOLD, _TEXT_MOST = 20, 2000


def note_head(ledger: Ledger, path: Path) -> None:
    """Add the log's last entry to the file of heads, unless it is its last line already.

    What was done stays done where the file cannot be written: that is a warning in the log.
    """
    try:
        _note_head(ledger, path)
    except OSError as error:
        _log.warning("the audit log's head was not noted in %s: %s", path, error)


def _note_head(ledger: Ledger, path: Path) -> None:
    head = ledger.read(head_of)
    if head is None:
        return
    line = {"sequence": head.sequence, "hash": head.hash}
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 400))
            if json.dumps(line)[1:-1].encode() in file.read():
                return
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    noted = {"at": ledger.now().astimezone(UTC).isoformat(timespec="seconds"), **line}
    # One write of one short line: two processes do not mix theirs.
    with path.open("ab", buffering=0) as file:
        file.write(f"{json.dumps(noted)}\n".encode())


def noted_heads(path: Path) -> list[Head]:
    """The heads in the file; a line that a kill cut short is left out, as it says nothing.

    Raises:
        InputRefused: Another line is no head.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line) if line.strip() else None
            if row is not None:
                source = f"{path.name}, line {number}, {row['at']}"
                found.append(Head(int(row["sequence"]), str(row["hash"]), source))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                continue
            raise InputRefused(
                "a head of the log on every line, as JSON with at, sequence and hash",
                line.decode(errors="replace")[:200],
                where=f"{path}, line {number}",
                remedy="The file was edited: compare it with a copy; move it away to go on.",
            ) from error
    return found


def typed_head(text: str) -> Head:
    """A head as a person wrote it down: ``SEQUENCE:HASH``.

    Raises:
        InputRefused: It is none.
    """
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest) != 64:
        raise InputRefused(
            "SEQUENCE:HASH, as `stocker audit verify` prints it",
            repr(text),
            where="--head",
            remedy="Copy it from an earlier answer or from a backup's.",
        )
    return Head(int(number), digest, "--head")


def put_verdict(ledger: Ledger, verdict: Mapping[str, Any]) -> bool:
    """Audit a verdict about a bar that the lake keeps; False where the log has it already."""
    content = {
        "verdict": verdict["verdict"],
        "reason": verdict["reason"],
        "decided_at": plain(verdict["decided_at"]),
        "bar_hash": verdict["bar_hash"],
        "hash": verdict_hash(verdict),
    }

    def fn(writer: Writer) -> bool:
        known = writer.audit(about=_subject(verdict), action=VERDICT)
        if any(entry.content.get("hash") == content["hash"] for entry in known):
            return False
        writer.put_audit(str(verdict["author"]), VERDICT, _subject(verdict), content)
        return True

    return ledger.write(None, fn)


def verdict_hash(verdict: Mapping[str, Any]) -> str:
    """Of everything that a verdict says."""
    content = {name: plain(verdict[name]) for name in VERDICTS.schema.names}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:_HEX_DIGITS]


def verify_all(ledger: Ledger, lake: Lake, heads: Sequence[Head]) -> list[AuditFault]:
    """Every fault of the log, of the ledger's facts, and of the verdicts in the lake."""

    def fn(reader: Reader) -> list[AuditFault]:
        return [*verify(reader, heads), *_verdict_faults(reader, lake)]

    return ledger.read(fn)


def watch_audit(ledger: Ledger, lake: Lake, heads: Sequence[Head]) -> list[AuditFault]:
    """Verify everything, and tell a person where something was changed, or is not any more."""
    faults = verify_all(ledger, lake, heads)
    named = "; ".join(f"{fault.kind}: {fault}" for fault in faults[:_FAULTS_TOLD])
    text = f"{len(faults)} faults: {named}" if faults else "nothing is changed"
    alert = Alert(Severity.CRITICAL, AUDIT_FAULT, text[:_TEXT_MOST], recovers=not faults)

    def tell(writer: Writer) -> None:
        if faults or writer.raised(alert.condition) is not None:
            writer.put_alert(alert)

    ledger.write(None, tell)
    return faults


def _verdict_faults(reader: Reader, lake: Lake) -> list[AuditFault]:
    rows = lake.read_versions(VERDICTS).to_pylist()
    there = {verdict_hash(row): row for row in rows}
    logged = {str(e.content["hash"]): e for e in reader.audit(action=VERDICT)}
    faults = [
        AuditFault(
            "verdict_changed",
            entry.sequence,
            f"verdict on {entry.subject}",
            f"the lake has no {entry.content['verdict']} of {entry.content['decided_at']} with "
            "this author, reason and content any more",
        )
        for digest, entry in logged.items()
        if digest not in there
    ]
    began = min((entry.at for entry in reader.audit(after=0)[:1]), default=None)
    faults += [
        AuditFault(
            "verdict_unlogged",
            None,
            f"verdict on {_subject(row)}",
            f"{row['verdict']} of {plain(row['decided_at'])} by {row['author']} is in the lake, "
            "and no entry speaks of it; give the same verdict again if it is right",
        )
        for digest, row in there.items()
        if digest not in logged and began is not None and row["decided_at"] >= began
    ]
    return faults


def _subject(verdict: Mapping[str, Any]) -> str:
    return f"{verdict['symbol']}/{verdict['session']}"
