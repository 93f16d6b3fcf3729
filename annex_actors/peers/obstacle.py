"""What keeps a message that has arrived at a stage from being handled at once."""

from __future__ import annotations

from enum import Enum


class Obstacle(Enum):
    """Why a message that has arrived at a stage is not handled yet; the value completes the sentence *it waits for*."""

    TURN = "what comes before it"
    REPEAT = "its forward, which is done here first"
    VERSION = "the version of the weights that it meets"
    TARGET = "its target"
    CREDIT = "credit"
    CAP = "weight gradients: the cap of the schedule is reached"
    GATE = "the gate of the schedule"
    STEP = "its step to begin"
    GRADIENTS = "what the step needs before it"
