"""Accounts: users, logins, tokens and bridges. The User database."""
