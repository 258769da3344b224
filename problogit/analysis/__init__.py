"""Pure functions from an estimate to tidy frames and small frozen dataclasses."""
