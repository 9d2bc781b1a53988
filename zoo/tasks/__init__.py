"""What each task means: geometry, encode and decode, metrics. No training, no files."""
