"""The AT language: knows no module, no network and no event loop."""
