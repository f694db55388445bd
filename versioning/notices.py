"""What a server remarks beside its answers."""

import logging

from psycopg.errors import Diagnostic

from init_slate_db.core.connection import Connection
from versioning.masking import mask

_logger = logging.getLogger(__name__)


def tell_notices(connection: Connection, prefix: str = "") -> None:
    """Has the operator told what the server remarks from here on: its warnings, all else only where much is told.

    :param prefix: stands before each, where the operator is to know which server it is.
    """
    connection.add_notice_handler(lambda notice: _tell(notice, prefix))


def _tell(notice: Diagnostic, prefix: str) -> None:
    level = logging.WARNING if notice.severity_nonlocalized == "WARNING" else logging.DEBUG
    _logger.log(level, "%s%s", prefix, mask(notice.message_primary or ""))
