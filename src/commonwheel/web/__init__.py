"""The dashboard: a service's cars in a browser, live. It stands on everything else, and nothing stands on it.

``Dashboard`` is what a service runs; ``server`` speaks HTTP and WebSocket; ``conversation`` is one page that is open;
``views`` says what a page can look at and ask for, and ``registry`` which views there are. The pages themselves are
in ``static``: plain modules that a browser runs as they are.
"""
