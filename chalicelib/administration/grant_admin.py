"""`python -m chalicelib.administration.grant_admin USERNAME`: make a user an admin, from outside the API.

The first admin cannot be made by another. It needs credentials of the account that may write both tables, and STAGE;
the audit tells of it under the user's own pseudonym.
"""

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError
from pynamodb.exceptions import PynamoDBException

from chalicelib.accounts import audit, store
from chalicelib.accounts.items import UserItem
from chalicelib.accounts.names import fold_username
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.settings import settings


def grant_admin(username: str) -> bool:
    """Make a user an admin; return False when there is no such user."""
    user_id = store.find_user_id(fold_username(username))
    user = None if user_id is None else store.find_user(user_id)
    if user_id is None or user is None:
        return False
    record = audit.record(user, "grant_admin", audit.DONE, user, "from outside the API")
    try:
        store.manage_user(user_id, [UserItem.role.set("admin")], record)
    except ConditionFailedError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when it was done, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m chalicelib.administration.grant_admin",
        description=f"Make a user an admin, in the tables of the stage that STAGE names (now {settings().stage}).",
    )
    parser.add_argument("username", help="the user's username, in whatever capitals")
    username = parser.parse_args(arguments).username
    try:
        is_done = grant_admin(username)
    except (PynamoDBException, BotoCoreError) as error:
        sys.stderr.write(f"The tables of stage {settings().stage} could not be used, nothing was changed: {error}\n")
        return 1
    if not is_done:
        sys.stderr.write(f"There is no user {username} in stage {settings().stage}; nothing was changed.\n")
        return 1
    sys.stdout.write(f"{username} is an admin of stage {settings().stage}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
