"""`python -m skillscoop_reviews --role api|worker|all|migrate`."""

from skillscoop_chassis.process import run_process

from skillscoop_reviews.main import build
from skillscoop_reviews.settings import ReviewsSettings

if __name__ == "__main__":
    run_process(build, ReviewsSettings)
