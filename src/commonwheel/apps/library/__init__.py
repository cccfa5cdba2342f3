"""The apps that are shipped: each module is one app, named as it; those that begin with an underscore are shared."""
