"""Look at a run that goes on, and steer it, from another terminal: over a Unix socket in the run's folder.

Read `status`, `findings` and `requests` (what goes over the socket); `journal`, `samples`, `branches` and `view` (how a
run is looked at), `checkup` and `diagnosis` (what is wrong with it), `methods` (all that can be asked), `place` and
`server`; then, on the other side, which imports little and so is fast, `client`, `current` and `folders`; and
`from_files`, `overview` and `entries`, for what a run's files say.
"""
