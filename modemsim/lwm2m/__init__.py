"""The LwM2M client of a module: registration, objects, observations and content formats."""
