"""What the project's own checks and releases need; no part of the package."""
