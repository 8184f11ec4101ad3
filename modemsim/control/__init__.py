"""The control API over a running simulation; import its modules late, since FastAPI costs start-up time."""
