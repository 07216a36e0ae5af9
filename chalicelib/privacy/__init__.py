"""Privacy: a user's export of everything that is held, and erasure. The only domain that knows all others."""
