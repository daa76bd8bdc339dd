"""Pages a person can click: checkout, 3-D Secure, onboarding. They need no script."""
