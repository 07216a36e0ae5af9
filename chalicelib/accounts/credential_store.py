"""Bridges' credentials in DynamoDB, as it is asked whose one is."""

from pynamodb.exceptions import DoesNotExist

from chalicelib.accounts.items import CredentialItem


def find_credential(credential_sha256: str) -> CredentialItem | None:
    """Return a bridge's credential by its hash."""
    try:
        return CredentialItem.get(f"B#{credential_sha256}", CredentialItem.SK, consistent_read=True)
    except DoesNotExist:
        return None
