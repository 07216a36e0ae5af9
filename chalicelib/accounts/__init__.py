"""Accounts: users, logins, tokens and the audit. The User database."""
