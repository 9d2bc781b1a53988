"""The catalogue: one file per architecture family, each registered on first look-up."""
