"""Where alerts go, out of the settings, and whether each place is fit to be used."""

from pydantic import SecretStr

from stocker_pipeline.gateways.alerts.choice import Targets, WrongChannel, chosen_channels
from stocker_pipeline.ledger.reader import Reader
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.alerts import backlog_words


def targets_of(settings: Settings) -> Targets:
    """Where alerts go; the only place that takes them out of their wrapping."""

    def plain(secret: SecretStr | None) -> str | None:
        return None if secret is None else secret.get_secret_value()

    return Targets(
        slack_url=plain(settings.alert_slack_url),
        email_url=plain(settings.alert_email_url),
        pagerduty_key=plain(settings.alert_pagerduty_key),
        pagerduty_url=plain(settings.alert_pagerduty_url),
        deadman_url=plain(settings.alert_deadman_url),
    )


def configured(targets: Targets) -> dict[str, str]:
    """Channel → empty, or why it cannot work; channels without a target are left out."""
    return {
        item.name: item.why if isinstance(item, WrongChannel) else ""
        for item in chosen_channels(targets)
    }


def alerting_words(reader: Reader, settings: Settings) -> str:
    """Who would be told, and what was told to nobody: a sentence for ``status``, ``doctor``."""
    channels = configured(targets_of(settings))
    waiting = backlog_words(reader)
    fit = [name for name, why in channels.items() if not why]
    wrong = [f"{name} cannot be used: {why}" for name, why in channels.items() if why]
    words = f"alerts go to {', '.join(fit)}" if fit else "no alert channel can be used"
    if not channels:
        words = "no alert channel is configured: alerts wait in the ledger"
    return "; ".join(part for part in (words, *wrong, waiting) if part)
