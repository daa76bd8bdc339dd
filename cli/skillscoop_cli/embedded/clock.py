"""Business time that can be played forward, and stays where it was put after a restart.

The data folder holds the offset in seconds. The running services look at the file, so that another process
(`clock advance`) can move their time.
"""

from datetime import datetime, timedelta
from pathlib import Path

from skillscoop_messages.clock import wall_time

from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import DataFolder, write_private


def offset_in(file: Path) -> timedelta:
    """How far business time runs ahead. Raises `Refused` when the file holds no number."""
    try:
        return timedelta(seconds=float(file.read_text()))
    except FileNotFoundError:
        return timedelta()
    except (ValueError, OverflowError) as error:
        raise Refused(f"{file} holds no number of seconds; remove it to set business time back to now") from error


def advance(folder: DataFolder, by: timedelta) -> datetime:
    """Move business time forward by `by` and answer what it is then. Raises `Refused` past the end of the calendar."""
    try:
        offset = offset_in(folder.clock_offset) + by
        now = wall_time() + offset
    except OverflowError as error:
        raise Refused("business time cannot go that far") from error
    write_private(folder.clock_offset, str(offset.total_seconds()))
    return now
