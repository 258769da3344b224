"""The engines, one per file; each method's dataclass sits beside its engine."""
