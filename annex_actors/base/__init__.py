"""What every other package stands on: errors, types, checks of what users give, random numbers by key.

Imports nothing of the rest. `user_files` runs a user's own Python file for what it registers.
"""
