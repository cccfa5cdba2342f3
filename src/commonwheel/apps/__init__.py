"""Apps: functions written once against the standard, that run on every car that gives what they need."""
