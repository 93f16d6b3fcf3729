"""What every other package uses; it imports no other package of the project.

1. `errors` and `types`; `random_keys`: random numbers by what they are for; `quiet`: arithmetic without warnings;
2. what users give: `checks`, `tables` of names, `settings`, and `user_files`, run for what they register; `files`: how
   any file is opened;
3. what users read: `shown` for values, `texts` and `words` in sentences, `columns` on a terminal, `docstrings` as help,
   `logs`;
4. `described`: what a value is made of, compared when a training goes on.
"""
