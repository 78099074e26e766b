"""How the job database came to be what ``schema.py`` says; Alembic runs it."""
