"""The built-in IoT platforms: LwM2M servers that meet a module on the wire only."""
