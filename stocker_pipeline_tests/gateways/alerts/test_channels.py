import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.gateways.alerts.channel import Channel
from stocker_pipeline.gateways.alerts.choice import Deadman, Targets, chosen_channels
from stocker_pipeline.gateways.alerts.email import EmailChannel, Mailbox
from stocker_pipeline.gateways.alerts.pagerduty import PagerDutyChannel
from stocker_pipeline.gateways.alerts.slack import SlackChannel
from stocker_pipeline.risk.alert_messages import Message, grouped
from stocker_pipeline.risk.alerting import Send
from stocker_pipeline.risk.alerts import Alert, Severity
from stocker_pipeline_tests.gateways.alerts.servers import (
    ROUTING_KEY,
    Post,
    Web,
    mail_server,
    web_server,
)

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def message(channel: str, *, code: str = "break_position", **changes: object) -> Message:
    alert = Alert(
        Severity.CRITICAL,
        code,
        "TSLA: expected 5, the broker has 7 <& it is locked>",
        "trend_paper",
        date(2026, 11, 20),
        "TSLA",
        alert_id=7,
        recorded_at=NOON,
    )
    send = Send(alert, channel, "alert", 0, 1, alert.severity, "critical goes to all")
    (made,) = grouped([send], "paper")
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server() as server:
        yield server


@pytest.fixture(params=["slack", "email", "pagerduty"])
def channel(request: pytest.FixtureRequest, web: Web, post: Post) -> Channel:
    made: dict[str, Channel] = {
        "slack": SlackChannel(f"{web.url}/slack", timeout_s=0.5),
        "email": EmailChannel(post.url, timeout_s=0.5),
        "pagerduty": PagerDutyChannel(ROUTING_KEY, url=f"{web.url}/pagerduty", timeout_s=0.5),
    }
    return made[request.param]


def test_every_channel_delivers_and_says_what_the_vendor_said(
    channel: Channel, web: Web, post: Post
) -> None:
    answer = channel.send(message(channel.name))
    assert answer.delivered
    assert answer.detail[:3] in {"200", "202", "250"}
    assert len(web.received) + len(post.received) == 1


def test_every_channel_answers_a_refusal_with_the_vendors_code_and_no_secret(
    channel: Channel, web: Web, post: Post
) -> None:
    web.status = {"/slack": 404, "/pagerduty": 429}
    post.refuses = "451 try later"
    answer = channel.send(message(channel.name))
    assert not answer.delivered
    assert answer.detail[:3] in {"404", "429", "451"}
    if channel.name == "pagerduty":
        assert ROUTING_KEY not in answer.detail


@pytest.mark.parametrize("kind", ["slack", "pagerduty", "email"])
def test_a_server_that_does_not_answer_costs_one_time_out(kind: str, web: Web) -> None:
    web.hang_s = 5.0
    port = web.url.rpartition(":")[2]
    box = f"smtp://127.0.0.1:{port}/?from=a@b.c&to=d@e.f"
    channels: dict[str, Channel] = {
        "slack": SlackChannel(web.url, timeout_s=0.2),
        "pagerduty": PagerDutyChannel(ROUTING_KEY, url=web.url, timeout_s=0.2),
        # A web server never greets.
        "email": EmailChannel(box, timeout_s=0.2),
    }
    begun = time.monotonic()
    answer = channels[kind].send(message(kind))
    assert not answer.delivered
    assert "no answer" in answer.detail
    assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize("kind", ["slack", "pagerduty", "email"])
def test_nobody_at_the_address_is_a_sentence(kind: str) -> None:
    with web_server() as gone:
        url = gone.url
    port = url.rpartition(":")[2]
    channels: dict[str, Channel] = {
        "slack": SlackChannel(url),
        "pagerduty": PagerDutyChannel(ROUTING_KEY, url=url),
        "email": EmailChannel(f"smtp://127.0.0.1:{port}/?from=a@b.c&to=d@e.f"),
    }
    assert channels[kind].send(message(kind)).detail == "connection refused"


def test_slack_gets_text_blocks_and_no_markup_from_an_alert(web: Web) -> None:
    SlackChannel(f"{web.url}/slack").send(message("slack"))
    (body,) = web.bodies("/slack")
    title = "[CRITICAL] Stocker paper: break position, TSLA, trend_paper, 2026-11-20"
    assert body["text"] == title
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "context"]
    assert body["blocks"][0]["text"] == {"type": "plain_text", "text": title}
    text = body["blocks"][1]["text"]
    assert text["type"] == "mrkdwn"
    assert "&lt;&amp; it is locked&gt;" in text["text"]
    assert "stocker alerts ack 7 --reason WHY" in text["text"]


def test_slack_gets_no_more_than_it_takes(web: Web) -> None:
    long = message("slack", title="t" * 400, lines=("&" * 4000,))
    SlackChannel(f"{web.url}/slack").send(long)
    (body,) = web.bodies("/slack")
    assert len(body["blocks"][0]["text"]["text"]) == 150
    assert len(body["blocks"][1]["text"]["text"]) == 3000


def test_a_webhook_that_moved_is_not_followed(web: Web) -> None:
    web.status = {"/slack": 302}
    answer = SlackChannel(f"{web.url}/slack").send(message("slack"))
    assert answer.detail.startswith("302")
    assert web.received == []


def test_pagerduty_raises_acknowledges_and_resolves_one_incident(web: Web) -> None:
    channel = PagerDutyChannel(ROUTING_KEY, url=f"{web.url}/pagerduty")
    for action in ("trigger", "acknowledge", "resolve"):
        assert channel.send(message("pagerduty", action=action)).detail == f"202 {action}"
    raised, noted, over = web.bodies("/pagerduty")
    key = "stocker/paper/trend_paper/break_position"
    assert [item["dedup_key"] for item in (raised, noted, over)] == [key] * 3
    assert {item["routing_key"] for item in (raised, noted, over)} == {ROUTING_KEY}
    about = raised["payload"]
    assert about["severity"] == "critical"
    assert about["source"] == "stocker paper"
    assert about["timestamp"] == NOON.isoformat()
    assert about["class"] == "break_position"
    assert about["custom_details"]["alerts"] == [7]
    assert "payload" not in over


def test_the_canary_leaves_no_incident_open(web: Web) -> None:
    channel = PagerDutyChannel(ROUTING_KEY, url=f"{web.url}/pagerduty")
    assert channel.send(message("pagerduty", code="canary")).delivered
    assert [item["event_action"] for item in web.bodies("/pagerduty")] == ["trigger", "resolve"]


def test_a_mail_has_one_line_of_subject_and_an_id_that_stays(post: Post) -> None:
    channel = EmailChannel(post.url)
    for _ in range(2):
        channel.send(message("email", title="break\nBcc: all@example.com"))
    (first, _), (second, _) = post.received
    assert first["Subject"] == "break Bcc: all@example.com"
    assert first["Bcc"] is None
    assert (first["From"], first["To"]) == ("stocker@example.com", "anna@example.com")
    assert first["Message-ID"] == second["Message-ID"]
    assert first["X-Priority"] == "1"
    assert "TSLA: expected 5" in first.get_payload()


def test_mail_goes_over_tls_and_to_no_server_whose_certificate_is_unknown(tmp_path: Path) -> None:
    server, client = _certificate(tmp_path)
    with mail_server(ssl_context=server) as post:
        url = post.url.replace("smtp://127.0.0.1", "smtps://localhost")
        assert EmailChannel(url, context=client).send(message("email")).delivered
        unknown = EmailChannel(url).send(message("email"))
    assert not unknown.delivered
    assert unknown.detail.startswith("no encrypted connection")
    assert len(post.received) == 1


def test_starttls_is_taken_where_it_is_offered(tmp_path: Path) -> None:
    server, client = _certificate(tmp_path)
    with mail_server(tls_context=server, require_starttls=True) as post:
        url = post.url.replace("127.0.0.1", "localhost")
        assert EmailChannel(url, context=client).send(message("email")).delivered


def test_a_password_is_not_sent_without_encryption_to_another_machine() -> None:
    # 127.0.0.2 is this machine too, but not by a name that counts as such.
    with mail_server() as post:
        moved = post.url.replace("127.0.0.1", "u:p@127.0.0.2")
        answer = EmailChannel(moved, timeout_s=1.0).send(message("email"))
    assert not answer.delivered
    assert post.received == []


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("https://host/?from=a@b&to=c@d", "a scheme"),
        ("smtps:///?from=a@b&to=c@d", "a host"),
        ("smtps://u:secret@host/?to=c@d", "[?]from="),
        ("smtps://u:secret@host/?from=a@b", "&to="),
        ("smtps://u:secret@host:x/?from=a@b&to=c@d", "a port"),
        ("smtps://[", "a host"),
    ],
)
def test_a_mail_url_without_a_part_is_refused_and_not_shown(url: str, missing: str) -> None:
    with pytest.raises(ConfigurationRefused, match=missing) as refused:
        Mailbox.parse(url)
    assert "secret" not in str(refused.value)


def test_the_parts_of_a_mail_url_are_unquoted() -> None:
    box = Mailbox.parse("smtps://an%40na:p%2Fw@host/?from=a@b.c&to=d@e.f,g@h.i")
    assert (box.user, box.password, box.port) == ("an@na", "p/w", 465)
    assert box.recipients == ("d@e.f", "g@h.i")


def test_a_wrong_variable_silences_its_own_channel_alone() -> None:
    slack, email = chosen_channels(
        Targets(slack_url="http://example.com/secret", email_url="smtps://h/?from=a@b&to=c@d")
    )
    answer = slack.send(message("slack"))
    assert not answer.delivered
    assert "STOCKER_ALERT_SLACK_URL" in answer.detail
    assert "secret" not in answer.detail
    assert isinstance(email, EmailChannel)


def test_the_dead_mans_watch_is_asked_and_heard(web: Web) -> None:
    assert Deadman(f"{web.url}/ping").ping().delivered
    web.status = {"/ping": 500}
    assert Deadman(f"{web.url}/ping").ping().detail.startswith("500")
    assert len(web.bodies("/ping")) == 1


def _certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server and of a client that believes it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(private + public)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=public.decode())
    return server, client
