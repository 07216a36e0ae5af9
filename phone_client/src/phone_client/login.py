"""The login: opened with a password, kept in a token store, refreshed without anybody noticing."""

from dataclasses import replace

from msgspec.structs import replace as replace_tokens

from phone_client.answers import Answer, read_json
from phone_client.errors import LoginNeededError, TokenStoreError
from phone_client.model import TokenGrant
from phone_client.request import Request, posting
from phone_client.timing import Timing
from phone_client.tokens import Tokens, TokenStore
from phone_client.transport import Transport

REFRESH_AHEAD_S = 30.0
"""An access token is replaced this long before it expires, or at half of its life when that is shorter."""
REPEAT_REFRESH_FOR_S = 7.0
REFRESH_TIMEOUTS_S = (2.5, 5.0)
"""The server forgives a second use of a refresh token within 10 s. One that is lost in silence is given up after 5 s,
sent again until 7 s after the first sending, and connects within 2.5 s: inside the 10 s in any case."""


class Login:
    """The one login of a client.

    Args:
        transport: Sends the requests.
        store: Keeps the tokens; two clients on the same store are the same login.
        timing: The clocks.
        only: Whose login this is for good; by default that of whoever is logged in.
    """

    def __init__(self, transport: Transport, store: TokenStore, timing: Timing, only: str | None = None) -> None:
        self._transport = transport
        self._store = store
        self._timing = timing
        self._only = only

    def of_one_user(self) -> "Login":
        """Return the login of whoever is logged in now, or was until it ended, which serves nobody else later.

        Raises:
            LoginNeededError: Nobody is logged in.
        """
        tokens = self._tokens()
        return Login(self._transport, self._store, self._timing, (tokens or self._require_tokens()).username)

    @property
    def username(self) -> str | None:
        """Who is logged in; None for nobody."""
        tokens = self._tokens()
        return tokens.username if tokens and not tokens.has_ended else None

    def open(self, username: str, password: str) -> None:
        """Log in.

        Raises:
            WrongPasswordError: The username or the password is wrong; a login that was there before stays.
        """
        # A second sending would open a second login, which nobody would ever use or end.
        with self._store.exclusive():
            fields = {"username": username, "password": password, **self._proof_of(username)}
            request = posting("/v1/tokens", fields, if_lost="Nothing was changed here; try to log in again.")
            self._keep(self._transport.send(request), username)

    def _proof_of(self, username: str) -> dict[str, str]:
        """Return what shows that this client was logged in before: others' wrong passwords then keep nobody out."""
        try:
            before = self._tokens()
        except TokenStoreError:
            # A damaged login is replaced by the one that opens now.
            return {}
        return {"refresh_token": before.refresh_token} if before and before.username == username else {}

    def forget(self) -> None:
        """Forget the tokens here."""
        with self._store.exclusive():
            self._store.clear()

    def send(self, request: Request) -> Answer:
        """Send a request with the user's credential.

        Raises:
            LoginNeededError: Nobody is logged in, or the login has ended.
            NetworkError: The server was not reached; the login is kept.
        """
        token = self.access_token()
        answer = self._transport.send(request.with_bearer(token))
        if answer.refuses_credential:
            # Once: a token that was just made and is refused as well will not become better.
            answer = self._transport.send(request.with_bearer(self.replace(token)))
        if answer.refuses_credential:
            raise LoginNeededError("The server refuses this login. Nothing was lost; log in again.")
        return answer

    def access_token(self) -> str:
        """Return an access token that should be valid, a new one when the old one is about to expire.

        Raises:
            LoginNeededError: Nobody is logged in, or the login has ended.
            NetworkError: It had to be refreshed and the server was not reached; the login is kept.
        """
        tokens = self._require_tokens()
        if self._timing.now_s() < tokens.refresh_at_s:
            return tokens.access_token
        return self.replace(tokens.access_token)

    def replace(self, access_token: str) -> str:
        """Return another access token than this one, which expires or was refused.

        Of all threads and processes that ask at the same time, one refreshes and the others get what it got.

        Raises:
            LoginNeededError: Nobody is logged in, or the login has ended.
            NetworkError: The server was not reached; the login is kept.
        """
        with self._store.exclusive():
            tokens = self._require_tokens()
            if tokens.access_token != access_token:
                return tokens.access_token
            return self._refresh(tokens)

    def _refresh(self, tokens: Tokens) -> str:
        request = posting(
            "/v1/tokens/refresh",
            {"refresh_token": tokens.refresh_token},
            if_lost="The login is kept; try again at once.",
            repeat_for_s=REPEAT_REFRESH_FOR_S,
        )
        answer = self._transport.send(replace(request, hurried_timeouts_s=REFRESH_TIMEOUTS_S))
        if answer.refuses_credential:
            self._store.save(replace_tokens(tokens, has_ended=True))
            raise LoginNeededError("Your login has ended. Nothing else was lost; log in again.")
        return self._keep(answer, tokens.username)

    def _keep(self, answer: Answer, username: str) -> str:
        grant = read_json(answer, TokenGrant)
        usable_s = max(grant.expires_in - REFRESH_AHEAD_S, grant.expires_in / 2)
        refresh_at_s = self._timing.now_s() + usable_s
        api_url = self._transport.api_url
        self._store.save(Tokens(api_url, username, grant.access_token, grant.refresh_token, refresh_at_s))
        return grant.access_token

    def _tokens(self) -> Tokens | None:
        tokens = self._store.load()
        # Tokens of another API are none here: sent to this one, they would be given away.
        return tokens if tokens and tokens.api_url == self._transport.api_url else None

    def _require_tokens(self) -> Tokens:
        tokens = self._tokens()
        if tokens is None or tokens.has_ended:
            raise LoginNeededError(f"Nobody is logged in to {self._transport.api_url}. Log in first.")
        # The file is another program's as well: whose tokens it holds is known only now that they are used.
        if self._only is not None and tokens.username.casefold() != self._only.casefold():
            raise LoginNeededError(
                f"{tokens.username} is logged in on this phone now, and this sync is {self._only}'s. Nothing of either "
                f"was sent to the other, and what is unsent is kept; log in as {self._only} and sync again."
            )
        return tokens
