"""The tokens of a login, as they are written and as they are answered."""

from chalicelib.accounts.items import RefreshItem
from chalicelib.accounts.model import TokenView
from chalicelib.accounts.tokens import ACCESS_TOKEN_LIFETIME_S, AccessClaims, issue_access_token, secret_sha256
from chalicelib.secrets import signing_keys


def refresh_item(refresh_token: str, user_id: str, login_id: str, expires_at_s: int) -> RefreshItem:
    """Return a refresh token as it is kept."""
    return RefreshItem(
        f"R#{secret_sha256(refresh_token)}",
        RefreshItem.SK,
        user_id=user_id,
        login_id=login_id,
        expires_at=expires_at_s,
    )


def token_view(user_id: str, login_id: str, refresh_token: str) -> TokenView:
    """Return the answer to a login or a refresh, with a new access token."""
    access_token = issue_access_token(signing_keys(), AccessClaims(user_id, login_id))
    return TokenView(access_token, refresh_token, "Bearer", ACCESS_TOKEN_LIFETIME_S)
