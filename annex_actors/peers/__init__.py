"""The peers that exchange messages: stages, and the trainer or predictor that feeds them. Pure.

Each is a spec (plain data), a behaviour (messages in, requests out) and a mailbox. Read `stage_state`; `stage_progress`
and `stage_mailbox`; `stage_work`, `stage_layers` and `stage`; then `trainer_mailbox` and
`trainer`; `prediction_feed` and `predictor`.
"""
