"""Accounts, roles, credentials and invitations."""
