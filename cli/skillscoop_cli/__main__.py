"""`python -m skillscoop_cli`: the same as the `skillscoop` command."""

from skillscoop_cli.main import main

main()
