"""E-mail by SMTP: encrypted, or to a server on this machine.

``smtps://`` is encrypted from the first byte, usually on port 465; ``smtp://`` asks for STARTTLS,
usually on port 587, and goes no further without it.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import parse_qs, unquote

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import Clock, SystemClock
from stocker_pipeline.gateways.alerts.channel import Answer
from stocker_pipeline.gateways.alerts.posting import TIMEOUT_S, parsed_url
from stocker_pipeline.risk.alert_messages import Message
from stocker_pipeline.risk.alert_policy import EMAIL
from stocker_pipeline.risk.alerts import Severity

VARIABLE: Final = "STOCKER_ALERT_EMAIL_URL"
FORM: Final = "smtps://USER:PASSWORD@HOST:465/?from=ADDRESS&to=ADDRESS[,ADDRESS]"
_LOCAL = ("127.0.0.1", "::1", "localhost")
_PORTS = {"smtps": 465, "smtp": 587}


@dataclass(frozen=True)
class Mailbox:
    """Where mail is handed over, and from whom to whom."""

    host: str
    port: int
    encrypted: bool
    user: str | None
    password: str | None
    sender: str
    recipients: tuple[str, ...]

    @classmethod
    def parse(cls, url: str) -> "Mailbox":
        """From the form ``smtps://user:password@host:port/?from=…&to=…``.

        Raises:
            ConfigurationRefused: A part is missing. The URL, a secret, is not shown.
        """
        parts = parsed_url(url)
        asked = parse_qs(parts.query)
        recipients = [item.strip() for given in asked.get("to", []) for item in given.split(",")]
        recipients = [item for item in recipients if item]
        sender = asked.get("from", [""])[0].strip()
        try:
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            port = 0
        faults = [
            word
            for word, missing in (
                ("a scheme smtp or smtps", parts.scheme not in _PORTS),
                ("a host", not parts.hostname),
                ("a port", not port),
                ("?from=", "@" not in sender),
                ("&to=", not recipients or any("@" not in item for item in recipients)),
            )
            if missing
        ]
        if faults:
            raise ConfigurationRefused(
                FORM,
                f"a URL without {', '.join(faults)}",
                where=f"environment variable {VARIABLE}",
                remedy="Correct it, or unset it to go without e-mail.",
            )
        return cls(
            parts.hostname or "",
            port,
            parts.scheme == "smtps",
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
            sender,
            tuple(recipients),
        )


class EmailChannel:
    """One sender, some recipients.

    Args:
        context: What certificates are believed; None = the system's.
    """

    name = EMAIL

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._to = Mailbox.parse(url)
        self._timeout_s = timeout_s
        self._context = context
        self._clock = clock or SystemClock()

    def send(self, message: Message) -> Answer:
        """Hand it to the server; delivered where it takes it for every recipient."""
        mail = as_mail(message, self._to)
        mail["Date"] = format_datetime(self._clock.now())
        try:
            with self._connection() as server:
                refused = server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            return Answer(False, f"{error.smtp_code} {type(error).__name__}")
        except (smtplib.SMTPException, OSError) as error:
            return Answer(False, _sentence(error))
        if refused:
            return Answer(False, f"refused for {len(refused)} of {len(self._to.recipients)}")
        return Answer(True, f"250 taken for {len(self._to.recipients)}")

    def _connection(self) -> smtplib.SMTP:
        to = self._to
        context = self._context or ssl.create_default_context()
        if to.encrypted:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                to.host, to.port, timeout=self._timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(to.host, to.port, timeout=self._timeout_s)
        try:
            if not to.encrypted:
                server.ehlo()
                # A server of this machine needs none; any other that has none is not used.
                if to.host not in _LOCAL or server.has_extn("starttls"):
                    server.starttls(context=context)
            if to.user is not None:
                server.login(to.user, to.password or "")
        except BaseException:
            server.close()
            raise
        return server


def as_mail(message: Message, to: Mailbox) -> EmailMessage:
    """The mail, without its date. The same message has the same Message-ID."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.title.split())[:200]
    mail["From"] = to.sender
    mail["To"] = ", ".join(to.recipients)
    mail["Message-ID"] = f"<{message.message_id}@stocker>"
    mail["X-Stocker-Incident"] = message.incident
    if message.severity is Severity.CRITICAL and message.action == "trigger":
        mail["X-Priority"] = "1"
    mail.set_content(message.body)
    return mail


def _sentence(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLError):
        return f"no encrypted connection: {error.reason or type(error).__name__}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the server offers no encryption or no login"
    return f"no answer: {type(error).__name__}"
