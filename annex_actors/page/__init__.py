"""A page that shows a run in a browser, live or saved. `README.md` says what it shows, and how it is kept safe."""
