"""``stocker alerts …``: what was noticed, who took note of it, and who would be told."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.author import Author, Reason, author_of, words
from stocker_pipeline.commands.operate import FOUND_EXIT_CODE
from stocker_pipeline.commands.output import (
    AsJson,
    counted,
    err,
    escaped,
    print_json,
    print_table,
    say,
    shown_rows,
)
from stocker_pipeline.commands.paper import environment_venue, settings_of

if TYPE_CHECKING:
    from stocker_pipeline.ledger.reader import Reader
    from stocker_pipeline.risk.alerts import Alert
    from stocker_pipeline.stages.alerts import Report

alerts_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Alerts of paper and live books."
)

_SHOWN = 30


@alerts_app.command("list")
def list_alerts(
    portfolio: Annotated[str | None, typer.Argument(help="None = all.")] = None,
    only_open: Annotated[
        bool, typer.Option("--open", help="Neither acknowledged nor over; INFO left out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List alerts, the newest last, and the state of each channel."""
    with environment_venue().ledger() as ledger:
        rows = ledger.read(lambda r: _rows(r, portfolio, only_open))
        channels = ledger.read(_channels)
    if as_json:
        print_json({"alerts": rows, "channels": channels})
        return
    if len(rows) > _SHOWN:
        say(f"{len(rows) - _SHOWN} older ones are left out; --json has them all")
    print_table("open alerts" if only_open else "alerts", shown_rows(rows[-_SHOWN:]))
    if not rows:
        say("no alert is open" if only_open else "there is no alert")
    print_table("channels", shown_rows(channels))


@alerts_app.command()
def ack(
    ids: Annotated[list[int], typer.Argument(metavar="ID...")],
    reason: Reason,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Take note of alerts: nothing more is sent about them."""
    from stocker_pipeline.stages.alerts import acknowledge

    by, why = author_of(author), words(reason, "--reason")
    with environment_venue().ledger() as ledger:
        new = acknowledge(ledger, ids, author=by, reason=why)
    if as_json:
        print_json({"acknowledged": new, "before": sorted(set(ids) - set(new))})
        return
    say(f"{counted(len(new), 'alert')} acknowledged by {escaped(by)}")


@alerts_app.command("deliver")
def deliver_alerts(as_json: AsJson = False) -> None:
    """Send what is due now, without Dagster; exit code 7 where a channel failed."""
    report, watch = _delivered()
    if as_json:
        print_json({**_told(report), "outside_watch": watch})
    else:
        say(escaped(report.words))
        say(f"outside watch: {escaped(watch)}")
    if report.failed:
        raise typer.Exit(FOUND_EXIT_CODE)


@alerts_app.command("test")
def try_channels(
    channel: Annotated[
        str | None, typer.Option(help="slack, email or pagerduty; none = all of them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send a canary and say what each channel answered; exit code 7 where one did not take it."""
    from stocker_pipeline.domain.session import SystemClock
    from stocker_pipeline.stages.alerts import put_canary

    with environment_venue().ledger() as ledger:
        number = put_canary(ledger, SystemClock(), channel=channel or "")
    _delivered()
    with environment_venue().ledger() as ledger:
        tries = ledger.read(lambda r: r.alert_deliveries([number]))
    rows = [
        {"channel": item.channel, "delivered": item.delivered, "detail": item.detail}
        for item in tries
    ]
    if as_json:
        print_json({"alert": number, "channels": rows})
    elif rows:
        print_table(f"canary {number}", shown_rows(rows))
    if not rows:
        err.print("nothing was sent: see the channels in stocker alerts list", soft_wrap=True)
    if not rows or not all(item.delivered for item in tries):
        raise typer.Exit(FOUND_EXIT_CODE)


def _delivered() -> "tuple[Report, str]":
    from stocker_pipeline.domain.session import SystemClock
    from stocker_pipeline.gateways.alerts.choice import chosen_channels, chosen_deadman
    from stocker_pipeline.stages.alert_targets import targets_of
    from stocker_pipeline.stages.alerts import deliver, tell_deadman

    targets = targets_of(settings_of())
    with environment_venue().ledger() as ledger:
        report = deliver(ledger, chosen_channels(targets), SystemClock())
        return report, tell_deadman(ledger, chosen_deadman(targets))


def _channels(reader: "Reader") -> list[dict[str, object]]:
    from stocker_pipeline.stages.alert_targets import configured, targets_of
    from stocker_pipeline.stages.alerts import channel_rows

    return channel_rows(reader, configured(targets_of(settings_of())))


def _rows(reader: "Reader", portfolio: str | None, only_open: bool) -> list[dict[str, Any]]:
    found: list[Alert] = reader.open_alerts(portfolio) if only_open else reader.alerts(portfolio)
    told: dict[int, set[str]] = {}
    for item in reader.alert_deliveries():
        if item.delivered:
            told.setdefault(item.alert_id, set()).add(item.channel)
    noted = {item.alert_id: item.author for item in reader.alert_acknowledgements()}
    ends = {item.alert_id: item for item in reader.alert_ends()}
    rows = []
    for alert in found:
        end = ends.get(alert.alert_id)
        rows.append(
            {
                "alert": alert.alert_id,
                "at": alert.recorded_at,
                "severity": "over" if alert.recovers else alert.severity.value,
                "code": alert.code,
                "portfolio": alert.portfolio,
                "text": alert.text,
                "told": ", ".join(sorted(told.get(alert.alert_id, ()))) or "nobody yet",
                "acknowledged": noted.get(alert.alert_id),
                "end": f"{end.how}: {end.reason}" if end else None,
            }
        )
    return rows


def _told(report: "Report") -> dict[str, Any]:
    return {
        "sent": [_message(item.channel, item.title, item.reason) for item in report.sent],
        "failed": [_message(item.channel, item.title, why) for item, why in report.failed],
        "held": [
            {
                "alert": item.alert_id,
                "channel": item.channel,
                "reason": item.reason,
                "until": item.until,
            }
            for item in report.held
        ],
        "busy": report.busy or None,
    }


def _message(channel: str, title: str, reason: str) -> dict[str, str]:
    return {"channel": channel, "title": title, "reason": reason}
