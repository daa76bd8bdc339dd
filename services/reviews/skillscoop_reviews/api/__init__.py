"""HTTP: reviews of a contract for its parties, published ones and ratings for everybody."""

from skillscoop_reviews.api.reviews import router

PUBLIC_PATHS = ("GET /v1/users/{user_id}/rating", "GET /v1/users/{user_id}/reviews")

__all__ = ["PUBLIC_PATHS", "router"]
