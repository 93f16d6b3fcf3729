"""What every other package uses: errors, types, checks of user input, settings, tables of names, random numbers by key.

It imports no other package of the project. `user_files` runs a Python file of the user's for what it registers;
`described` says what a value is made of.
"""
