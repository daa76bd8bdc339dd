"""Everything the notifications service owns, put together."""

from __future__ import annotations

from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.parts import open_parts
from skillscoop_chassis.service import Service
from skillscoop_messages.clock import Clocks
from skillscoop_messages.transport.base import Transport

from skillscoop_notifications.adapters.emails import email_writer
from skillscoop_notifications.adapters.file_sink import file_mailer
from skillscoop_notifications.adapters.mail import Mailer
from skillscoop_notifications.adapters.stream import Hub
from skillscoop_notifications.api import PUBLIC_PATHS, routers
from skillscoop_notifications.jobs import jobs
from skillscoop_notifications.settings import NotificationsSettings
from skillscoop_notifications.subscribers import subscribers
from skillscoop_notifications.usecases.mail import mail_executor
from skillscoop_notifications.usecases.notify import Notified


def build(
    settings: NotificationsSettings,
    *,
    clocks: Clocks | None = None,
    transport: Transport | None = None,
    mailer: Mailer | None = None,
) -> Service:
    """The service, ready to run. What is not passed in is made from `settings`."""
    parts = open_parts(settings, "notifications", clocks=clocks, transport=transport)
    database = parts.database
    hub = Hub()
    write = email_writer(settings.app_url.rstrip("/") if settings.app_url else None)
    mail = mail_executor(database, mailer or _mailer(settings, parts.clocks), write)

    def announce(told: Notified) -> None:
        hub.ring(told.users)
        if told.mail:
            mail.nudge()

    service = Service(
        name="notifications",
        settings=settings,
        clocks=parts.clocks,
        database=database,
        transport=parts.transport,
        subscribers=subscribers(announce),
        executors=[mail],
        jobs=jobs(database),
        resources=[hub.watching(database)],
        outside={"hub": hub, "mail": mail},
    )
    create_app(service, routers, public=PUBLIC_PATHS)
    return service


def _mailer(settings: NotificationsSettings, clocks: Clocks) -> Mailer:
    if settings.smtp_url is None:
        return file_mailer(settings.mail_folder, settings.mail_from, clocks.wall)
    from skillscoop_notifications.adapters.smtp import smtp_mailer

    return smtp_mailer(settings.smtp_url.get_secret_value(), settings.mail_from, clocks.wall)
