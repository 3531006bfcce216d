"""The annotation database: tables, migrations, and the hash chain of judgments."""
