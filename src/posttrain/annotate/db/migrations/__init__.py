"""Alembic migrations: each version of the schema, and the way from the one before."""
