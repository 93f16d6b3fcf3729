"""The peers that exchange messages: stages, the trainer or predictor that feeds them, and the reader. Pure.

Each is a spec (plain data), a behaviour (messages in, requests out) and a mailbox. Read `stage_state`; `stage_progress`
and `stage_mailbox`; `stage_work`, `stage_layers` and `stage`; then `step_feed`, `trainer_mailbox` and `trainer`;
`prediction_feed` and `predictor`; `read_ahead` and `reader`.
"""
