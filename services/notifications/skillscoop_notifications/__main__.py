"""`python -m skillscoop_notifications --role api|worker|all|migrate`."""

from skillscoop_chassis.process import run_process

from skillscoop_notifications.main import build
from skillscoop_notifications.settings import NotificationsSettings

if __name__ == "__main__":
    run_process(build, NotificationsSettings)
