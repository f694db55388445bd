"""The mutation check: breaks the product in one place at a time, and sees whether a test notices.

    python -m tests.mutation                  the sample whose figures docs/mutation.md has
    python -m tests.mutation sql              the database objects alone; or python
    python -m tests.mutation --only guard     the files whose path holds the word
    python -m tests.mutation --all            every mutant instead of a sample: a night
    python -m tests.mutation --list           what would be broken

Python is broken by the operators of cosmic-ray (pip install cosmic-ray, in an environment of its own if need be), and
by two of ours: a statement left out, and the SQL of a string broken. Database objects, one file each, are broken by
``sql_mutants``. Each mutant lives in a copy of the tree, in a temporary folder; the tests that ``covering`` names for
the file run on servers that go on running from one mutant to the next, and the first failure ends the run.
Every verdict is a line of JSON in a file, so an interrupted check goes on where it was.
"""
