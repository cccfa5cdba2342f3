"""The gateway: a car's buses, live or replayed, decoded into its broker; and the service that runs both."""
