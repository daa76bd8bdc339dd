"""The two ways a verb ends badly, each one line on stderr and an exit code; anything else is a defect."""


class Refused(Exception):
    """Wrong use, or a machine that cannot do it: a taken port, a foreign data folder, missing rights. Exit code 2."""


class CheckFailed(Exception):
    """It ran, and something that had to hold did not. Exit code 1."""
