"""The demo: three makers' virtual cars, one drive, one set of apps, in a terminal and on the dashboard."""
