"""The dashboard: every car of a service, its apps and its traffic, in a browser."""
