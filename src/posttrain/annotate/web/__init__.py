"""The app over HTTP: the API, the pages, and the checks of requests."""
